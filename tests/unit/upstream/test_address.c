/* test_address.c - a name's address is forgotten when nobody can be connected to at it. */
#include "upstream/address.h"

#include "base/base.h"
#include "upstream_rig.h"

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---- the rule ---- */

Test(upstream_address, look_ups_of_a_dead_host_get_rarer)
{
    static const struct {
        int64_t ms;
        bool due;
    } steps[] = {{0, true},     {999, false},   {1000, true},   {2999, false},  {3000, true},
                 {6999, false}, {7000, true},   {14999, false}, {15000, true},  {30999, false},
                 {31000, true}, {60999, false}, {61000, true},  {90999, false}, {91000, true}};
    struct upstream_addresses t = {0};

    cr_expect_not(upstream_address_take_due(&t, "-a:1", 0), "a host that never failed");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        upstream_address_fail(&t, "-a:1");
        cr_expect_eq(upstream_address_take_due(&t, "-a:1", 5000 + steps[i].ms), steps[i].due,
                     "step %zu", i);
        cr_expect_not(upstream_address_take_due(&t, "-b:1", 5000 + steps[i].ms));
    }
    upstream_addresses_release(&t);
}

Test(upstream_address, what_works_is_kept)
{
    struct upstream_addresses t = {0};

    upstream_address_fail(&t, "-a:1");
    upstream_address_work(&t, "-a:1");
    cr_expect_not(upstream_address_take_due(&t, "-a:1", 0));
    upstream_address_fail(&t, "-a:1");
    cr_expect(upstream_address_take_due(&t, "-a:1", 0));
    cr_expect_not(upstream_address_take_due(&t, "-a:1", 100000), "looked up since it failed");
    for (int i = 0; i < 5; i++) {
        upstream_address_fail(&t, "-a:1");
        (void)upstream_address_take_due(&t, "-a:1", 100000 + i * 30000);
    }
    upstream_address_work(&t, "-a:1"); /* the next death is a new one */
    upstream_address_fail(&t, "-a:1");
    cr_expect(upstream_address_take_due(&t, "-a:1", 300000));
    upstream_address_fail(&t, "-a:1");
    cr_expect(upstream_address_take_due(&t, "-a:1", 301000));
    upstream_addresses_release(&t);
}

Test(upstream_address, any_number_of_hosts_is_bounded)
{
    struct upstream_addresses t = {0};
    char host[32];

    for (int i = 0; i < 1000; i++) {
        snprintf(host, sizeof(host), "-host%d:1", i);
        upstream_address_fail(&t, host);
        cr_assert(upstream_address_take_due(&t, host, 0), "host %d", i);
    }
    cr_expect_eq(t.n, ARRAY_LEN(t.slots));
    upstream_addresses_release(&t);
}

/* ---- through curl, with a resolver of our own ---- */

#define NAME "moves.test"

static const char *_Atomic resolves_to; /* what NAME is, for curl's thread */
static atomic_int look_ups;             /* of NAME */

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *found = dlsym(RTLD_NEXT, "getaddrinfo");

    memcpy(&real, &found, sizeof(real)); /* C has no conversion between the two kinds */
    if (name != NULL && strcmp(name, NAME) == 0) {
        look_ups++;
        name = resolves_to;
    }
    return real(name, service, hints, out);
}

/* A GET of NAME at the server's port; or, by a proxy there, of a host that nobody knows. */
static enum upstream_result get_by(struct upstream_rig *r, bool proxied)
{
    struct upstream_client c;
    enum upstream_result result;
    char url[64], proxy[64];

    snprintf(url, sizeof(url), "http://%s:%d/v1/x", proxied ? "region.invalid" : NAME,
             r->srv.port);
    snprintf(proxy, sizeof(proxy), "http://u:p@" NAME ":%d", r->srv.port);
    upstream_client_init(&c, r);
    upstream_client_start(&c, &(struct upstream_request){.method = "GET",
                                                         .url = url,
                                                         .proxy = proxied ? proxy : NULL,
                                                         .connect_ms = 5000,
                                                         .total_ms = 8000});
    upstream_rig_run_until(r, &c.ends, 1, "on_end");
    result = c.end.result;
    upstream_client_release(&c);
    return result;
}

static enum upstream_result get(struct upstream_rig *r)
{
    return get_by(r, false);
}

/* 127.0.0.2 has no server: the region moved away from there. */
Test(upstream_address, a_region_that_moved_is_found_by_the_next_attempt)
{
    RIG(r, {.bytes = OK_ANSWER, .after = CLOSE});

    resolves_to = "127.0.0.2";
    cr_expect_eq(get(&r), UPSTREAM_CONNECT);
    resolves_to = "127.0.0.1";
    cr_expect_eq(get(&r), UPSTREAM_COMPLETE);
    cr_expect_eq(look_ups, 2);
    for (int i = 0; i < 3; i++)
        cr_expect_eq(get(&r), UPSTREAM_COMPLETE);
    cr_expect_eq(look_ups, 2, "an address that works is kept: %d look-ups", look_ups);
    upstream_rig_stop(&r);
}

/* The server makes no real tunnel; it is there. */
Test(upstream_address, a_proxy_that_moved_is_found_by_the_next_attempt)
{
    RIG(r, {.bytes = OK_ANSWER, .after = CLOSE});

    resolves_to = "127.0.0.2";
    cr_expect_eq(get_by(&r, true), UPSTREAM_CONNECT);
    cr_expect_eq(r.srv.accepted, 0);
    resolves_to = "127.0.0.1";
    get_by(&r, true);
    cr_expect_eq(r.srv.accepted, 1);
    cr_expect_not_null(strstr(r.srv.seen.data, "CONNECT region.invalid:"));
    cr_expect_eq(look_ups, 2);
    upstream_rig_stop(&r);
}

Test(upstream_address, a_dead_region_does_not_have_the_resolver_asked_each_time)
{
    RIG(r, {.bytes = OK_ANSWER});

    resolves_to = "127.0.0.2";
    for (int i = 0; i < 50; i++)
        cr_expect_eq(get(&r), UPSTREAM_CONNECT);
    cr_expect_geq(look_ups, 2);
    cr_expect_leq(look_ups, 8, "%d look-ups", look_ups); /* a minute of them, doubling */
    upstream_rig_stop(&r);
}
