/* test_lua_opinion.c - failures that others may not share: the second opinion, quorum, and what
 * becomes of a router that was overruled. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* As LUA_CONF without the rate rule. */
#define ROWS "3 0 4 0 10000 1000 8000 60000 0"

static struct lua_fleet f;
static int seq;
static int64_t now_ms; /* stands still between two calls of advance */

static void setup(void)
{
    seq = 0;
    lua_fleet_open(&f, "");
    lua_fleet_attach(&f, "B", "a b");
    lua_fleet_attach(&f, "C", "a b");
    now_ms = lua_fleet_now(&f) + 100000;
    for (int i = 0; i < 3; i++) {
        lua_set_now(&f.lua, now_ms);
        lua_fleet_attach(&f, (const char *[]){"A", "B", "C"}[i], "a b");
    }
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_opinion, .init = setup, .fini = teardown);

static void advance(int64_t ms)
{
    now_ms += ms;
}

static const char *probe(const char *router, int token, const char *how)
{
    lua_set_now(&f.lua, now_ms);
    return lua_fleet_probe(&f, router, token, how);
}

static const char *done(const char *router, int ep, int token, const char *verdict)
{
    lua_set_now(&f.lua, now_ms);
    return lua_fleet_done(&f, router, ep, token, verdict);
}

/* counts: ok fail slow hard.  The threshold is 3, d(1) is 500 ms. */
static const char *tell_as(const char *confirm, const char *router, int ep, const char *counts)
{
    lua_set_now(&f.lua, now_ms);
    return lua_fleet_run(&f, SCRIPT_REPORT, "%s a %d %s %d %s " ROWS " %s", f.gen, ep, router,
                         ++seq, counts, confirm);
}

static const char *tell(const char *router, int ep, const char *counts)
{
    return tell_as("second_opinion", router, ep, counts);
}

static void trip_in_doubt(void)
{
    tell("B", 1, "1 0 0 0");
    tell("A", 1, "0 3 0 3");
    cr_assert_str_eq(lua_word(&f.lua, 0), "TRIP", "%s", f.lua.reply);
    cr_assert(lua_fleet_line(&f).doubt, "%s", f.lua.reply);
}

static const char *lease(const char *router, int token) /* of 100 ms */
{
    lua_set_now(&f.lua, now_ms);
    return lua_fleet_run(&f, SCRIPT_PROBE, "%s a %s %d 100 2 ask", f.gen, router, token);
}

static void sync_as(const char *router)
{
    lua_set_now(&f.lua, now_ms);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s %s 0 " LUA_ABOUT, f.gen, router);
}

Test(lua_opinion, a_row_is_doubted_where_somebody_else_can_use_the_key)
{
    trip_in_doubt();
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_OPEN, "at once, for everybody");
    cr_expect_eq(line.until_ms - line.now_ms, 500);
    cr_expect_str_eq(line.why, "3_failures_in_a_row");
}

static void nobody_else(void)
{
}

static void a_success_of(const char *router, int64_t ago_ms)
{
    tell(router, 1, "1 0 0 0");
    advance(ago_ms);
    sync_as("B");
    sync_as("C");
}

static void an_old_success(void)
{
    a_success_of("B", 10000);
}

static void a_young_success(void)
{
    a_success_of("B", 9999);
}

static void a_success_of_its_own(void)
{
    tell("A", 1, "1 0 0 0");
}

static void one_that_failed_as_well(void)
{
    tell("B", 1, "1 1 0 1"); /* its success, then its failure: it has a part in the row */
}

static void one_of_two_that_failed_as_well(void)
{
    tell("C", 1, "1 0 0 0");
    tell("B", 1, "1 1 0 1");
}

static void one_that_left(void)
{
    tell("B", 1, "1 0 0 0");
    lua_do(&f.lua, "ZREM {sluice:t}:routers B");
}

static void one_that_is_silent(void)
{
    advance(9500);
    tell("B", 1, "1 0 0 0");
    advance(500); /* no heartbeat for 10 s */
}

static const struct {
    const char *name;
    void (*before)(void);
    const char *confirm, *row;
    bool doubt;
} trips[] = {
    {"nobody had a success", nobody_else, "second_opinion", "0 3 0 3", false},
    {"a success of 10 s ago", an_old_success, "second_opinion", "0 3 0 3", false},
    {"a success just young enough", a_young_success, "second_opinion", "0 3 0 3", true},
    {"only the reporter had one", a_success_of_its_own, "second_opinion", "0 3 0 3", false},
    {"the other has a part in it", one_that_failed_as_well, "second_opinion", "0 2 0 2", false},
    {"one of the others has", one_of_two_that_failed_as_well, "second_opinion", "0 2 0 2",
     true},
    {"the other left", one_that_left, "second_opinion", "0 3 0 3", false},
    {"the other is silent", one_that_is_silent, "second_opinion", "0 3 0 3", false},
    {"nobody has to agree", a_young_success, "none", "0 3 0 3", false},
};

Test(lua_opinion, a_trip_is_doubted_where_somebody_without_a_part_in_it_can_use_the_key)
{
    for (size_t i = 0; i < ARRAY_LEN(trips); i++) {
        teardown();
        setup();
        trips[i].before();
        tell_as(trips[i].confirm, "A", 1, trips[i].row);
        cr_assert_str_eq(lua_word(&f.lua, 0), "TRIP", "row '%s': %s", trips[i].name,
                         f.lua.reply);
        cr_expect_eq(lua_fleet_line(&f).doubt, trips[i].doubt, "row '%s'", trips[i].name);
    }
}

/* Half of four attempts in the window, whether failed or slow. */
#define RATES "9 50 4 50 10000 1000 8000 60000 0 second_opinion"

static const struct {
    const char *name, *b, *c; /* what B and C say before: counts, own_failing own_slow */
    const char *a;            /* what A says then */
    const char *why;
    bool doubt;
    const char *blamed;
} rates[] = {
    {"one fails for all", "1 0 0 0 0 0", "1 0 0 0 0 0", "0 2 0 2 1 0", "50_percent_of_4_failed",
     true, "(A)"},
    {"each a part of the time", "1 1 0 1 1 0", "1 1 0 1 1 0", "1 1 0 1 1 0",
     "50_percent_of_4_failed", false, "(B C)"},
    {"all of them", "0 1 0 1 1 0", "1 0 0 0 1 0", "1 1 0 1 1 0", "50_percent_of_4_failed",
     false, "(A B C)"},
    {"one is slow for all", "1 0 0 0 0 0", "1 0 0 0 0 0", "2 0 2 0 0 1", "50_percent_of_4_slow",
     true, "(A)"},
    {"it was, and is no more", "0 1 0 1 1 0", "1 0 0 0 0 0", "1 1 0 1 1 0",
     "50_percent_of_4_failed", true, "(A B)"},
    {"nobody stands out", "1 1 0 1 0 0", "1 0 0 0 0 0", "0 1 0 1 0 0", "50_percent_of_4_failed",
     false, "()"},
};

static void tell_rates(const char *router, const char *counts_and_own)
{
    int n[6];

    cr_assert_eq(
        sscanf(counts_and_own, "%d %d %d %d %d %d", &n[0], &n[1], &n[2], &n[3], &n[4], &n[5]),
        6);
    lua_set_now(&f.lua, now_ms);
    lua_fleet_run(&f, SCRIPT_REPORT, "%s a 1 %s %d %d %d %d %d " RATES " %d %d", f.gen, router,
                  ++seq, n[0], n[1], n[2], n[3], n[4], n[5]);
}

Test(lua_opinion, a_rate_is_doubted_where_somebody_has_no_part_in_it)
{
    for (size_t i = 0; i < ARRAY_LEN(rates); i++) {
        const char *const said[] = {rates[i].b, rates[i].c, rates[i].a};

        teardown();
        setup();
        for (size_t k = 0; k < 3; k++) {
            tell_rates((const char *[]){"B", "C", "A"}[k], said[k]);
            if (strcmp(lua_word(&f.lua, 0), "TRIP") == 0)
                break;
        }
        cr_assert_str_eq(lua_word(&f.lua, 0), "TRIP", "row '%s': %s", rates[i].name,
                         f.lua.reply);
        cr_expect_str_eq(lua_fleet_line(&f).why, rates[i].why, "row '%s'", rates[i].name);
        cr_expect_eq(lua_fleet_line(&f).doubt, rates[i].doubt, "row '%s'", rates[i].name);
        cr_expect_str_eq(lua_do(&f.lua, "ZRANGE {sluice:t}:rep:a 0 -1"), rates[i].blamed,
                         "row '%s': %s", rates[i].name, f.lua.reply);
    }
}

Test(lua_opinion, who_failed_a_window_ago_has_no_part_in_a_rate)
{
    tell_rates("B", "0 1 0 1 1 0");
    advance(10000);
    for (int i = 0; i < 3; i++)
        sync_as((const char *[]){"A", "B", "C"}[i]);
    tell_rates("A", "2 2 0 2 1 0");
    cr_expect_str_eq(lua_do(&f.lua, "ZRANGE {sluice:t}:rep:a 0 -1"), "(A)");
}

Test(lua_opinion, a_success_starts_the_row_anew)
{
    tell("B", 1, "0 2 0 2");
    tell("C", 1, "1 0 0 0"); /* ends it: B has no part in what follows */
    tell("B", 1, "1 0 0 0");
    tell("A", 1, "0 3 0 3");
    cr_expect(lua_fleet_line(&f).doubt);
    cr_expect_str_eq(lua_do(&f.lua, "ZRANGE {sluice:t}:rep:a 0 -1"), "(A)");
}

Test(lua_opinion, one_probe_of_one_without_a_part_in_the_row_goes_at_once)
{
    trip_in_doubt();
    cr_expect_str_eq(probe("A", 1, "ask"), "(NO wait 500)");
    cr_expect_str_eq(probe("B", 2, "ask"), "(GRANT 3)");
    cr_expect_str_eq(probe("B", 2, "ask"), "(GRANT 3)", "the same token");
    cr_expect_str_eq(probe("B", 2, "renew"), "(GRANT 3)");
    cr_expect_str_eq(probe("C", 3, "ask"), "(NO busy 10000)",
                     "one, although two are allowed otherwise");
    cr_expect_str_eq(probe("A", 4, "ask"), "(NO wait 500)");
}

Test(lua_opinion, its_success_closes_at_once_and_overrules_the_reporters)
{
    trip_in_doubt();
    probe("B", 2, "ask");
    done("B", 3, 2, "ok");
    cr_assert_str_eq(lua_word(&f.lua, 0), "MOVED", "%s", f.lua.reply);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_CLOSED, "one success, whatever success_threshold says");
    cr_expect_eq(line.ramp_ms, 0, "and all of the traffic");
    cr_expect_eq(line.trips, 0, "as if it had not been");
    cr_expect_str_eq(line.why, "second_opinion");
    cr_expect_str_eq(tell("A", 4, "0 9 0 9"), "(ALONE 60000 a)");
    cr_expect_str_eq(tell("A", 4, "9 0 0 0"), "(ALONE 60000 a)", "neither do its successes");
    cr_expect_str_eq(tell("B", 4, "0 2 0 2"), "(OK)");
    tell("C", 4, "0 1 0 1");
    cr_expect_str_eq(lua_word(&f.lua, 0), "TRIP", "others are heard: %s", f.lua.reply);
}

Test(lua_opinion, who_has_no_part_in_the_row_is_not_alone)
{
    trip_in_doubt();
    probe("B", 2, "ask");
    done("B", 3, 2, "ok");
    cr_expect_str_eq(tell("C", 4, "0 0 0 0"), "(OK)", "an empty report only asks");
    cr_expect_str_eq(tell("A", 4, "0 0 0 0"), "(ALONE 60000 a)");
}

Test(lua_opinion, being_overruled_again_lasts_longer)
{
    int64_t want_ms = 60000;
    char want[40];
    int ep = 1;

    for (int i = 0; i < 8; i++, ep += 3) {
        tell("B", ep, "1 0 0 0");
        tell("A", ep, "0 3 0 3");
        cr_assert(lua_fleet_line(&f).doubt, "turn %d: %s", i, f.lua.reply);
        probe("B", 2, "ask");
        done("B", ep + 2, 2, "ok");
        snprintf(want, sizeof(want), "(ALONE %lld a)", (long long)want_ms);
        cr_expect_str_eq(tell("A", ep + 3, "0 9 0 9"), want, "turn %d", i);
        advance(want_ms - 1);
        cr_expect_str_eq(tell("A", ep + 3, "0 9 0 9"), "(ALONE 1 a)");
        advance(1);
        sync_as("A"); /* alive again after so long */
        sync_as("B");
        want_ms = want_ms * 2 < 3600000 ? want_ms * 2 : 3600000;
    }
}

Test(lua_opinion, who_was_overruled_long_ago_is_forgotten)
{
    static const struct {
        const char *reporter;
        int64_t later_ms; /* than A's time alone ended */
        const char *want;
    } rows[] = {{"A", 0, "(A)"}, {"C", 3599999, "(A C)"}, {"D", 3600000, "(C D)"}};
    int64_t local_until_ms = 0;
    int ep = 1;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++, ep += 3) {
        if (i > 0)
            now_ms = local_until_ms + rows[i].later_ms;
        sync_as("B");
        tell("B", ep, "1 0 0 0");
        tell(rows[i].reporter, ep, "0 3 0 3");
        probe("B", 2, "ask");
        done("B", ep + 2, 2, "ok");
        if (i == 0)
            local_until_ms = now_ms + 60000;
        cr_expect_str_eq(lua_do(&f.lua, "HKEYS {sluice:t}:dis:a"), rows[i].want, "row %zu: %s",
                         i, f.lua.reply);
    }
}

Test(lua_opinion, its_failure_leaves_it_to_who_has_not_failed_yet)
{
    tell("C", 1, "1 0 0 0");
    trip_in_doubt();
    probe("B", 2, "ask");
    for (int i = 0; i < 9; i++) { /* of silence, and C's success is old by now */
        advance(5000);
        sync_as((const char *[]){"A", "B", "C"}[i % 3]);
        probe("B", 2, "renew");
    }
    done("B", 3, 2, "fail");
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect(line.doubt, "C used it as well");
    cr_expect_eq(line.until_ms - line.now_ms, 500, "the time of one trip");
    cr_expect_eq(line.trips, 1);
    cr_expect_str_eq(probe("B", 3, "ask"), "(NO wait 500)");
    cr_expect_str_eq(probe("A", 3, "ask"), "(NO wait 500)");
    cr_expect_str_eq(probe("C", 3, "ask"), "(GRANT 5)");
    done("C", 5, 3, "fail");
    cr_expect_not(lua_fleet_line(&f).doubt, "all have failed");
    cr_expect_eq(lua_fleet_line(&f).trips, 1, "still one trip");
    cr_expect_str_eq(probe("C", 4, "ask"), "(NO wait 500)");
    advance(500);
    cr_expect_str_eq(probe("A", 4, "ask"), "(GRANT 7)");
    done("A", 7, 4, "ok");
    probe("A", 5, "ask");
    done("A", 7, 5, "ok");
    cr_expect_str_eq(tell("A", 8, "0 1 0 1"), "(OK)", "the reporters were right");
}

/* Nobody can use the key; then B can, and A, who may try it first, still cannot. */
static void all_fail_then_one_probe(void)
{
    tell("B", 1, "0 1 0 1");
    tell("C", 1, "0 1 0 1");
    tell("A", 1, "0 1 0 1");
    cr_assert_not(lua_fleet_line(&f).doubt);
    advance(500);
    probe("A", 1, "ask");
    done("A", 3, 1, "fail");
}

Test(lua_opinion, a_probe_that_fails_is_the_word_of_one_router)
{
    all_fail_then_one_probe();
    cr_expect(lua_fleet_line(&f).doubt, "%s", f.lua.reply);
    cr_expect_eq(lua_fleet_line(&f).trips, 2);
    cr_expect_str_eq(probe("A", 2, "ask"), "(NO wait 1000)");
    cr_expect_str_eq(probe("B", 2, "ask"), "(GRANT 5)", "who has not failed since may try");
    cr_expect_str_eq(done("B", 5, 2, "ok"), "(OK 1)", "by the usual rules");
    probe("C", 3, "ask");
    done("C", 5, 3, "ok");
    cr_expect_eq(lua_fleet_line(&f).st, BREAKER_CLOSED);
    cr_expect_gt(lua_fleet_line(&f).ramp_ms, 0, "it was sick");
    cr_expect_str_eq(tell("A", 6, "0 1 0 1"), "(OK)", "and nobody is overruled");
}

Test(lua_opinion, eight_routers_are_enough)
{
    char id[2] = "D";

    tell("C", 1, "1 0 0 0");
    for (; id[0] <= 'J'; id[0]++) {
        lua_fleet_attach(&f, id, "a b");
        tell(id, 1, "1 0 0 0");
    }
    trip_in_doubt();
    for (int i = 0; i < 7; i++) {
        id[0] = (char)('C' + i);
        cr_expect(lua_fleet_line(&f).doubt, "%d have failed", i + 1);
        probe(id, 2, "ask");
        done(id, 3 + 2 * i, 2, "fail");
    }
    cr_expect_not(lua_fleet_line(&f).doubt, "%s", f.lua.reply);
}

Test(lua_opinion, a_probe_given_back_or_lost_makes_room_for_the_next)
{
    trip_in_doubt();
    lease("B", 1);
    done("B", 3, 1, "abandon");
    cr_expect_str_eq(lease("C", 2), "(GRANT 3)");
    advance(100);
    cr_expect_str_eq(probe("B", 3, "ask"), "(GRANT 3)");
    cr_expect_str_eq(done("C", 3, 2, "ok"), "(EXPIRED)");
    done("B", 3, 3, "ok");
    cr_expect_eq(lua_fleet_line(&f).st, BREAKER_CLOSED);
}

Test(lua_opinion, a_doubt_that_nobody_settles_ends_with_the_open_time)
{
    trip_in_doubt();
    advance(500);
    cr_expect_str_eq(probe("A", 1, "ask"), "(GRANT 3)", "the reporter may");
    cr_expect_str_eq(probe("B", 2, "ask"), "(GRANT 3)", "and others beside it");
    done("A", 3, 1, "ok");
    cr_expect_str_eq(f.lua.reply, "(OK 1)", "by the usual rules");
    done("B", 3, 2, "ok");
    cr_expect_eq(lua_fleet_line(&f).st, BREAKER_CLOSED);
    cr_expect_gt(lua_fleet_line(&f).ramp_ms, 0);
    cr_expect_str_eq(tell("A", 4, "0 1 0 1"), "(OK)", "and nobody is overruled");
}

Test(lua_opinion, half_open_in_doubt_holds_the_reporters_back)
{
    trip_in_doubt();
    probe("B", 1, "ask");
    done("B", 3, 1, "abandon");
    cr_expect_str_eq(probe("A", 2, "ask"), "(NO wait 500)");
    advance(499);
    cr_expect_str_eq(probe("A", 2, "ask"), "(NO wait 1)");
    advance(1);
    cr_expect_str_eq(probe("A", 2, "ask"), "(GRANT 3)");
}

Test(lua_opinion, an_operator_who_resets_ends_the_doubt)
{
    trip_in_doubt();
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 op fine - i1 reset", f.gen);
    cr_expect_eq(lua_fleet_line(&f).st, BREAKER_CLOSED);
    cr_expect_str_eq(tell("A", 3, "0 1 0 1"), "(OK)");
}

Test(lua_opinion, another_word_is_refused)
{
    static const char *const words[] = {"maybe", "quorum", "quorum:", "quorum:x",
                                        "quorum:1001"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        tell_as(words[i], "A", 1, "0 1 0 1");
        cr_expect(strncmp(f.lua.reply, "!BADARG", 7) == 0, "'%s': %s", words[i], f.lua.reply);
    }
}
