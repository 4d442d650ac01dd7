# Sluice.  `make help` lists what there is.
#
# CFLAGS, LDFLAGS, CC, BUILD, PREFIX, SYSCONFDIR, UNITDIR and DESTDIR are yours to
# override; what the code itself needs is in NEED, WARN and HARDEN.
CFLAGS     ?= -O2 -g
BUILD      ?= build
PREFIX     ?= /usr/local
SYSCONFDIR ?= /etc
UNITDIR    ?= $(PREFIX)/lib/systemd/system
DESTDIR    ?=
PYTHON     ?= /usr/bin/python3
FUZZ_SECONDS ?= 20
VERSION := 0.1.0

PKGS := libevent libevent_openssl openssl libcurl jansson hiredis zlib
NEED := -std=c11 -D_GNU_SOURCE -Ilib -I. -I$(BUILD)/gen -MMD -MP \
        $(patsubst -I%,-isystem %,$(shell pkg-config --cflags $(PKGS)))
LIBS := $(shell pkg-config --libs $(PKGS)) -lm
WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
        -Wformat=2 -Wpointer-arith -Wundef -Werror

# Hardening.  FORTIFY wants an optimising build and stays out of sanitizer runs.
ARCH   := $(shell uname -m)
HARDEN := -fPIE -fstack-protector-strong -fstack-clash-protection
ifeq ($(ARCH),x86_64)
HARDEN += -fcf-protection=full
else ifeq ($(ARCH),aarch64)
HARDEN += -mbranch-protection=standard
endif
ifeq ($(findstring -fsanitize,$(CFLAGS)),)
ifneq ($(filter -O1 -O2 -O3 -Os,$(CFLAGS)),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif
LINK := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack -Wl,--as-needed

LIB_SRC    := $(sort $(wildcard lib/*/*.c))
LUA_SRC    := $(sort $(wildcard lib/shared/lua/*.lua))
ROUTER_SRC := $(sort $(filter-out router/main.c,$(wildcard router/*.c router/*/*.c)))
ADMIN_SRC  := $(sort $(filter-out admin/main.c,$(wildcard admin/*.c admin/*/*.c)))
REGION_SRC := $(sort $(wildcard tests/region/*.c))
UNIT_SRC   := $(sort $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c))
FLOW_SRC   := $(sort $(wildcard tests/flow/test_*.c))
FLOW_HELP  := $(sort $(filter-out $(FLOW_SRC),$(wildcard tests/flow/*.c)))
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
SIM_SRC    := $(sort $(wildcard tests/sim/*.c))
# The simulator's Redis serves unit tests as well.
HOST_SRC   := $(filter %/server.c %/keyspace.c %/keyspace_set.c,$(SIM_SRC))
UNIT_HELP  := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*/*.c tests/unit/*/*/*.c)) $(HOST_SRC))
BENCH_SRC  := $(sort $(wildcard tests/bench/*.c))

objs = $(patsubst %.c,$(BUILD)/%.o,$(1))
bins = $(patsubst %.c,$(BUILD)/%,$(1))

LIB_OBJ    := $(call objs,$(LIB_SRC)) $(BUILD)/gen/lua_scripts.o
ROUTER_OBJ := $(call objs,$(ROUTER_SRC))
ADMIN_OBJ  := $(call objs,$(ADMIN_SRC))
REGION_OBJ := $(call objs,$(REGION_SRC))

PROGRAMS := $(strip $(if $(wildcard router/main.c),$(BUILD)/sluice-router) \
                    $(if $(wildcard admin/main.c),$(BUILD)/sluice-admin))
REGION   := $(if $(REGION_SRC),$(BUILD)/sluice-region)
UNIT     := $(call bins,$(UNIT_SRC))
FLOW     := $(call bins,$(FLOW_SRC))
FUZZ     := $(call bins,$(FUZZ_SRC))
BENCH    := $(call bins,$(BENCH_SRC))
# Loaded before a program under test.
SHIM     := $(BUILD)/tests/shim/fail_alloc.so

# V=1 shows the commands.
ifneq ($(V),1)
Q := @
SAY = @printf '  %-4s %s\n' $(1) $(2)
endif

.DEFAULT_GOAL := all
.PHONY: FORCE help all test unit flow system model sim soak asan lint format bench fuzz install clean tests
.SECONDARY:
.DELETE_ON_ERROR:

help:            ## show this list
	@sed -n 's/^\([a-z-]*\):.*## /  \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

all: $(PROGRAMS) $(REGION) ## build the router, the admin CLI and the simulated region

$(BUILD)/libsluice.a: $(LIB_OBJ)
	@rm -f $@
	$(call SAY,AR,$@)
	$(Q)$(AR) rcs $@ $^
$(BUILD)/librouter.a: $(ROUTER_OBJ)
	@rm -f $@
	$(call SAY,AR,$@)
	$(Q)$(AR) rcs $@ $^
$(BUILD)/libadmin.a: $(ADMIN_OBJ)
	@rm -f $@
	$(call SAY,AR,$@)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/sluice-router: $(BUILD)/router/main.o $(BUILD)/librouter.a $(BUILD)/libsluice.a
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/sluice-admin: $(BUILD)/admin/main.o $(BUILD)/libadmin.a $(BUILD)/libsluice.a
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)
$(BUILD)/sluice-region: $(REGION_OBJ) $(BUILD)/librouter.a $(BUILD)/libsluice.a
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

# A unit test links everything but the two main()s.  A flow test's helpers stand
# before the archives, so a scripted upstream there replaces lib/upstream/pool.c.
TEST_LIBS := $(BUILD)/librouter.a $(BUILD)/libadmin.a $(BUILD)/libsluice.a
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(call objs,$(UNIT_HELP)) $(TEST_LIBS)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS) -llua5.1 -lcriterion
$(BUILD)/tests/flow/%: $(BUILD)/tests/flow/%.o $(call objs,$(FLOW_HELP)) $(TEST_LIBS)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
# The simulator's own clock, timers and links stand before the archives and libevent.
$(BUILD)/tests/sim/sim: $(call objs,$(SIM_SRC)) $(BUILD)/librouter.a $(BUILD)/libsluice.a
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS) -llua5.1
$(BUILD)/tests/shim/%.so: tests/shim/%.c
	@mkdir -p $(@D)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(NEED) $(WARN) $(CFLAGS) -fPIC -shared $(LDFLAGS) -o $@ $<
$(BUILD)/tests/bench/%: $(BUILD)/tests/bench/%.o $(TEST_LIBS)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

$(BUILD)/gen/lua_scripts.c: $(LUA_SRC) scripts/embed_lua.sh
	@mkdir -p $(@D)
	scripts/embed_lua.sh $(LUA_SRC) > $@
$(BUILD)/gen/%.o: $(BUILD)/gen/%.c
	$(call SAY,CC,$@)
	$(Q)$(CC) $(NEED) $(WARN) $(HARDEN) $(CFLAGS) -c -o $@ $<
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call SAY,CC,$@)
	$(Q)$(CC) $(NEED) $(WARN) $(HARDEN) $(CFLAGS) -c -o $@ $<

# One object says the version, and is made again when that is another one than last time.
SAYS_VERSION = -DSLUICE_VERSION='"$(VERSION)"'
$(BUILD)/lib/base/version.o: NEED += $(SAYS_VERSION)
$(BUILD)/lib/base/version.o: $(BUILD)/version
$(BUILD)/version: $(if $(filter $(VERSION),$(shell cat $(BUILD)/version 2>/dev/null)),,FORCE)
	@mkdir -p $(@D) && echo '$(VERSION)' > $@
FORCE:

# ---- other versions ----

# The programs as another version of them would be, for a fleet of several: build/versions/older
# and newer.  Only what differs is compiled: the scripts, and what says the version.
VERSIONS      := older newer
VERSION_older := 0.0.9
VERSION_newer := 9.0.0
OTHERS        := $(foreach v,$(VERSIONS),$(addprefix $(BUILD)/versions/$(v)/sluice-,router admin))

# $(1): the version
define other_version
$(BUILD)/versions/$(1)/gen/common.lua: lib/shared/lua/common.lua tests/versions/$(1).sed
	@mkdir -p $$(@D)
	@sed -f tests/versions/$(1).sed $$< > $$@
	@! cmp -s $$< $$@ || { echo 'tests/versions/$(1).sed changes nothing' >&2; exit 1; }
$(BUILD)/versions/$(1)/gen/lua_scripts.c: $(BUILD)/versions/$(1)/gen/common.lua $(LUA_SRC) scripts/embed_lua.sh
	@scripts/embed_lua.sh $$< $(filter-out %/common.lua,$(LUA_SRC)) > $$@
$(BUILD)/versions/$(1)/%.o: $(BUILD)/versions/$(1)/%.c
	$$(call SAY,CC,$$@)
	$$(Q)$$(CC) $$(NEED) $$(WARN) $$(HARDEN) $$(CFLAGS) -c -o $$@ $$<
$(BUILD)/versions/$(1)/version.o: lib/base/version.c
	@mkdir -p $$(@D)
	$$(call SAY,CC,$$@)
	$$(Q)$$(CC) $$(NEED) -DSLUICE_VERSION='"$(VERSION_$(1))"' $$(WARN) $$(HARDEN) $$(CFLAGS) -c -o $$@ $$<
endef
# $(1): the version, $(2): router or admin.  The objects stand before the archives.
define other_program
$(BUILD)/versions/$(1)/sluice-$(2): $(BUILD)/$(2)/main.o \
        $(BUILD)/versions/$(1)/version.o $(BUILD)/versions/$(1)/gen/lua_scripts.o \
        $(BUILD)/lib$(2).a $(BUILD)/libsluice.a
	$$(call SAY,LD,$$@)
	$$(Q)$$(CC) $$(CFLAGS) $$(HARDEN) $$(LINK) $$(LDFLAGS) -o $$@ $$^ $$(LIBS)
endef
$(foreach v,$(VERSIONS),$(eval $(call other_version,$(v))) \
    $(foreach p,router admin,$(eval $(call other_program,$(v),$(p)))))

# ---- tests ----

# Objects that no program asks for by name (a fuzz target's libFuzzer has the main()).
$(BUILD)/tests/fuzz/%: $(BUILD)/tests/fuzz/%.o $(TEST_LIBS)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) -fsanitize=fuzzer $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS)

test: unit flow system ## build and run every test
unit: $(UNIT)    ## build and run the unit tests
	@scripts/run_tests.sh $(UNIT)
flow: $(FLOW)    ## build and run the request-spine tests
	@$(if $(FLOW),scripts/run_tests.sh $(FLOW),echo '0 passed, 0 failed')
system: all $(OTHERS) $(SHIM) ## run the system tests: real processes, a private Redis
	@scripts/run_pytest.sh $(PYTHON) $(wildcard tests/system)
model:           ## check the fleet's protocol exhaustively at small scope, with spin
	@tests/model/run.sh
SEEDS ?= 1000
sim: $(BUILD)/tests/sim/sim ## simulate SEEDS (1000) histories of a fleet, and mutants that must be caught
	@$< --mutants
	@$< --seeds $(SEEDS)
soak: $(BUILD)/tests/sim/sim $(BUILD)/tests/unit/shared/test_breaker_parity all $(OTHERS) $(SHIM) ## an hour of more histories than each commit is worth
	@SLUICE_KILLS=200 SLUICE_UPGRADES=50 SLUICE_REQUESTS=10000 SLUICE_CLIENTS=9000 SLUICE_ALLOCATIONS=600 \
	 scripts/run_pytest.sh $(PYTHON) $(addprefix tests/system/test_,stand_in.py upgrade.py partial.py memory.py allocation.py)
	@PARITY_HISTORIES=1000000 $(BUILD)/tests/unit/shared/test_breaker_parity
	@$< --seeds 200000
tests: $(UNIT) $(FLOW) $(OTHERS) $(SHIM)
bench: all $(BENCH) ## measure a router beside HAProxy; ROUNDS, STREAMS, SECONDS, REPEAT, ONLY
	@SLUICE_BUILD=$(BUILD) $(PYTHON) tests/bench/bench.py

# Criterion ends with success although LeakSanitizer reported a leak, so the reports go to
# files, and one file is a failure.
ASAN_DIR   := build/asan
ASAN_FLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
asan:            ## unit and flow tests under sanitizers; a leak fails too
	@mkdir -p $(ASAN_DIR) && rm -f $(ASAN_DIR)/report.*
	@$(MAKE) --no-print-directory BUILD=$(ASAN_DIR) CFLAGS='$(ASAN_FLAGS)' tests
	@rc=0; \
	 ASAN_OPTIONS=detect_leaks=1:log_path=$(CURDIR)/$(ASAN_DIR)/report \
	 UBSAN_OPTIONS=print_stacktrace=1:log_path=$(CURDIR)/$(ASAN_DIR)/report \
	 scripts/run_tests.sh $(patsubst $(BUILD)/%,$(ASAN_DIR)/%,$(UNIT) $(FLOW)) || rc=1; \
	 for f in $(ASAN_DIR)/report.*; do \
	     [ -e "$$f" ] || continue; \
	     rc=1; cat "$$f" >&2; echo "asan: sanitizer report $$f" >&2; \
	 done; exit $$rc

FUZZ_DIR   := build/fuzz
FUZZ_FLAGS := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
FUZZ_BINS  := $(patsubst %.c,$(FUZZ_DIR)/%,$(FUZZ_SRC))
fuzz:            ## run each fuzz target FUZZ_SECONDS (20) long; 0 replays the corpus
	@$(if $(FUZZ_BINS),$(MAKE) --no-print-directory CC=clang BUILD=$(FUZZ_DIR) CFLAGS='$(FUZZ_FLAGS)' $(FUZZ_BINS))
	@scripts/run_fuzz.sh $(FUZZ_SECONDS) $(FUZZ_DIR) $(FUZZ_BINS)

# ---- lint ----

PROGRAM_SRC := $(LIB_SRC) $(sort $(wildcard router/*.c router/*/*.c admin/*.c admin/*/*.c)) $(REGION_SRC)
TIDY_DIR    := build/tidy
ANALYZE_DIR := build/analyze
SCRIPTS     := $(shell grep -lE '^\#!.*[/ ](ba)?sh' scripts/* tests/model/run.sh .ci/run 2>/dev/null)
MAN_SRC     := $(wildcard router/*.[1-8] admin/*.[1-8])

LINT := $(addprefix lint-,layers headers size format shell man reference cppcheck tidy analyze)

lint: $(LINT)    ## every static check
.PHONY: $(LINT) objects
lint-layers:
	scripts/check_layers.py
lint-headers:
	scripts/check_headers.sh
lint-size:
	scripts/check_size.sh 500
lint-format:
	scripts/check_format.sh
lint-shell:
	shellcheck $(SCRIPTS)
lint-man:
	$(if $(MAN_SRC),mandoc -T lint -W warning $(MAN_SRC) >&2)
lint-reference: $(PROGRAMS)
	$(if $(wildcard router/main.c),scripts/check_reference.sh $(BUILD)/sluice-router)
# uninitvar, and its like between files, are off: cppcheck does not see <sys/queue.h> and takes
# its loops' variables for uninitialised; both compilers warn about real ones.
lint-cppcheck:
	@mkdir -p build/cppcheck
	cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	    --cppcheck-build-dir=build/cppcheck -j $$(nproc) -D_GNU_SOURCE -DSLUICE_VERSION='"x"' \
	    --suppress=missingIncludeSystem --suppress=uninitvar --suppress=ctuuninitvar \
	    --suppress=normalCheckLevelMaxBranches -Ilib -I. $(PROGRAM_SRC)
lint-tidy:
	+@$(MAKE) --no-print-directory -j $$(nproc) $(patsubst %.c,$(TIDY_DIR)/%.ok,$(PROGRAM_SRC))
# The analyzer cannot follow reference counts; clang's and the sanitizers watch the same.
ANALYZE_OFF := -Wno-analyzer-use-after-free
lint-analyze:
	+@$(MAKE) --no-print-directory -j $$(nproc) BUILD=$(ANALYZE_DIR) CC=gcc \
	    CFLAGS='-O1 -fanalyzer $(ANALYZE_OFF)' objects
objects: $(call objs,$(PROGRAM_SRC))

$(TIDY_DIR)/lib/base/version.ok: NEED += $(SAYS_VERSION)
# A stamp per file: a second run looks only at what changed.
$(TIDY_DIR)/%.ok: %.c .clang-tidy $(wildcard lib/*/*.h router/*.h router/*/*.h admin/*.h admin/*/*.h tests/region/*.h)
	@mkdir -p $(@D)
	$(call SAY,TIDY,$<)
	@clang-tidy --quiet $< -- $(filter-out -MMD -MP,$(NEED)) > $@.log 2>&1 || { cat $@.log >&2; exit 1; }
	@touch $@

format:          ## let clang-format rewrite the sources
	clang-format -i $$(find lib router admin tests -name '*.[ch]' 2>/dev/null)

# ---- for whoever works on it ----

.PHONY: check compile_commands.json
check:           ## all that must hold for a commit, as CI runs it; SEEDS
	@scripts/check
# Nothing is built for it.
compile_commands.json: ## tell clangd and its like how each file is compiled
	@$(MAKE) --no-print-directory -nB all $(UNIT) $(FLOW) $(BENCH) $(BUILD)/tests/sim/sim \
	    $(call objs,$(FUZZ_SRC)) | scripts/compile_commands.py > $@

# ---- install ----

INSTALL := install
bindir := $(DESTDIR)$(PREFIX)/bin
mandir := $(DESTDIR)$(PREFIX)/share/man
docdir := $(DESTDIR)$(PREFIX)/share/doc/sluice
unitdir := $(DESTDIR)$(UNITDIR)

install: $(PROGRAMS) ## install under DESTDIR and PREFIX (/usr/local)
	$(INSTALL) -d $(bindir) $(docdir) $(unitdir)
	$(if $(PROGRAMS),$(INSTALL) -m 755 $(PROGRAMS) $(bindir))
	@set -e; for page in $(MAN_SRC); do \
	    dir=$(mandir)/man$${page##*.}; \
	    $(INSTALL) -d $$dir; \
	    echo "$(INSTALL) -m 644 $$page $$dir"; \
	    $(INSTALL) -m 644 $$page $$dir; \
	done
	$(INSTALL) -m 644 router/sluice.example.json $(docdir)
	sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@SYSCONFDIR@|$(SYSCONFDIR)|g' router/sluice-router.service \
	    > $(unitdir)/sluice-router.service
	chmod 644 $(unitdir)/sluice-router.service

clean:           ## remove everything that was built
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
