# Sluice.  `make help` lists what there is.
#
# CFLAGS, LDFLAGS, CC, BUILD, PREFIX and DESTDIR are yours to override; what the
# code itself needs is in NEED, WARN and HARDEN.
CFLAGS  ?= -O2 -g
BUILD   ?= build
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

PKGS := libevent libcurl jansson hiredis
NEED := -std=c11 -D_GNU_SOURCE -DSLUICE_VERSION='"$(VERSION)"' -Ilib -I. -I$(BUILD)/gen -MMD -MP \
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
LUA_SRC    := $(sort $(wildcard lib/state/lua/*.lua))
ROUTER_SRC := $(sort $(filter-out router/main.c,$(wildcard router/*.c)))
ADMIN_SRC  := $(sort $(filter-out admin/main.c,$(wildcard admin/*.c)))
REGION_SRC := $(sort $(wildcard tests/region/*.c))
UNIT_SRC   := $(sort $(wildcard tests/unit/*/test_*.c))
FLOW_SRC   := $(sort $(wildcard tests/flow/test_*.c))
FLOW_HELP  := $(sort $(filter-out $(FLOW_SRC),$(wildcard tests/flow/*.c)))
FUZZ_SRC   := $(sort $(wildcard tests/fuzz/fuzz_*.c))
UNIT_HELP  := $(sort $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*/*.c)))
BENCH_SRC  := $(sort $(wildcard tests/bench/*.c))

objs = $(patsubst %.c,$(BUILD)/%.o,$(1))
bins = $(patsubst %.c,$(BUILD)/%,$(1))

LIB_OBJ    := $(call objs,$(LIB_SRC)) $(BUILD)/gen/lua_scripts.o
ROUTER_OBJ := $(call objs,$(ROUTER_SRC))
ADMIN_OBJ  := $(call objs,$(ADMIN_SRC))
REGION_OBJ := $(call objs,$(REGION_SRC))

PROGRAMS := $(if $(wildcard router/main.c),$(BUILD)/sluice-router) \
            $(if $(wildcard admin/main.c),$(BUILD)/sluice-admin)
REGION   := $(if $(REGION_SRC),$(BUILD)/sluice-region)
UNIT     := $(call bins,$(UNIT_SRC))
FLOW     := $(call bins,$(FLOW_SRC))
FUZZ     := $(call bins,$(FUZZ_SRC))
BENCH    := $(call bins,$(BENCH_SRC))

# V=1 shows the commands.
ifneq ($(V),1)
Q := @
SAY = @printf '  %-4s %s\n' $(1) $(2)
endif

.DEFAULT_GOAL := all
.PHONY: help all test unit flow system asan lint format bench fuzz install clean tests
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
# before the archives, so a scripted upstream there replaces router/upstream.c.
TEST_LIBS := $(BUILD)/librouter.a $(BUILD)/libadmin.a $(BUILD)/libsluice.a
$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(call objs,$(UNIT_HELP)) $(TEST_LIBS)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
$(BUILD)/tests/flow/%: $(BUILD)/tests/flow/%.o $(call objs,$(FLOW_HELP)) $(TEST_LIBS)
	$(call SAY,LD,$@)
	$(Q)$(CC) $(CFLAGS) $(HARDEN) $(LINK) $(LDFLAGS) -o $@ $^ $(LIBS) -lcriterion
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

unit: $(UNIT)    ## build and run the unit tests
	@scripts/run_tests.sh $(UNIT)
flow: $(FLOW)    ## build and run the request-spine tests
	@scripts/run_tests.sh $(FLOW)
clean:           ## remove everything that was built
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
