/* test_lua_breaker.c - report, probe, done and cool, against a real Redis. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lua_fleet f;

static void setup(void)
{
    lua_fleet_open(&f, "");
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_breaker, .init = setup, .fini = teardown);

Test(lua_breaker, failures_of_two_routers_trip_once)
{
    lua_fleet_attach(&f, "B", "a b");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 1, "0 2 0 2"), "(OK)");
    lua_fleet_report(&f, "a", 1, "B", 1, "0 1 0 1");
    cr_assert_str_eq(lua_word(&f.lua, 0), "TRIP");
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.ep, 2u);
    cr_expect_eq(line.ver, 1u);
    cr_expect_eq(line.trips, 1);
    cr_expect_eq(line.until_ms - line.now_ms, 500, "d(1) with jitter 0 is half of 1000");
    cr_expect_str_eq(line.why, "3_failures_in_a_row");
    cr_expect_str_eq(line.by, "B");
    lua_fleet_report(&f, "a", 1, "A", 2, "0 1 0 1");
    cr_expect_str_eq(lua_word(&f.lua, 0), "STALE", "%s", f.lua.reply);
    cr_expect_eq(lua_fleet_line(&f).ep, 2u);
    cr_expect_eq(lua_fleet_events(&f), 1);
}

Test(lua_breaker, a_success_of_anyone_ends_the_row)
{
    lua_fleet_report(&f, "a", 1, "A", 1, "3 2 0 2");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 2, "1 0 0 0"), "(OK)");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 3, "4 2 0 2"), "(OK)");
}

Test(lua_breaker, the_rate_rule_says_its_numbers)
{
    lua_fleet_report(&f, "a", 1, "A", 1, "2 1 0 0");
    lua_fleet_report(&f, "a", 1, "A", 2, "0 1 0 1");
    cr_assert_str_eq(lua_word(&f.lua, 0), "TRIP", "%s", f.lua.reply);
    cr_expect_str_eq(lua_fleet_line(&f).why, "50_percent_of_4_failed");
}

Test(lua_breaker, a_replayed_report_counts_once)
{
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 5, "0 2 0 2"), "(OK)");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 5, "0 2 0 2"), "(DUP)");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 4, "0 2 0 2"), "(DUP)");
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:r:a hard"), "2");
}

Test(lua_breaker, probes_are_counted_fleet_wide)
{
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(NO closed)");
    lua_fleet_trip(&f);
    lua_fleet_probe(&f, "A", 1, "ask");
    cr_expect_str_eq(lua_word(&f.lua, 1), "wait", "%s", f.lua.reply);
    cr_expect_leq(atol(lua_word(&f.lua, 2)), 500);
    lua_fleet_advance(&f, 500);
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "renew"), "(NO gone)");
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(GRANT 3)");
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(GRANT 3)",
                     "same token, same answer");
    cr_expect_str_eq(lua_fleet_probe(&f, "B", 1, "ask"), "(GRANT 3)", "another router's token");
    lua_fleet_probe(&f, "C", 1, "ask");
    cr_expect_str_eq(lua_word(&f.lua, 1), "busy", "%s", f.lua.reply);
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "renew"), "(GRANT 3)");
    cr_expect_str_eq(lua_fleet_probe(&f, "C", 1, "renew"), "(NO gone)");
    cr_expect_str_eq(lua_fleet_done(&f, "B", 3, 1, "abandon"), "(OK 0)");
    cr_expect_str_eq(lua_fleet_probe(&f, "C", 1, "ask"), "(GRANT 3)");
    cr_expect_eq(lua_fleet_events(&f), 2, "trip and half-open");
}

Test(lua_breaker, lost_probes_give_their_slots_back)
{
    lua_fleet_trip(&f);
    lua_fleet_advance(&f, 500);
    lua_fleet_probe(&f, "A", 1, "ask");
    lua_fleet_probe(&f, "A", 2, "ask");
    lua_fleet_advance(&f, 9000);
    lua_fleet_probe(&f, "A", 3, "ask");
    cr_expect_str_eq(lua_word(&f.lua, 1), "busy");
    cr_expect_leq(atol(lua_word(&f.lua, 2)), 1000);
    lua_fleet_advance(&f, 1000);
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 3, "ask"), "(GRANT 3)");
    cr_expect_str_eq(lua_fleet_done(&f, "A", 3, 1, "ok"), "(EXPIRED)");
}

Test(lua_breaker, enough_successes_close)
{
    lua_fleet_trip(&f);
    lua_fleet_advance(&f, 500);
    lua_fleet_probe(&f, "A", 1, "ask");
    lua_fleet_probe(&f, "A", 2, "ask");
    lua_fleet_done(&f, "A", 2, 1, "ok");
    cr_expect_str_eq(lua_word(&f.lua, 0), "STALE", "%s", f.lua.reply);
    cr_expect_str_eq(lua_fleet_done(&f, "A", 3, 1, "ok"), "(OK 1)");
    cr_expect_str_eq(lua_fleet_done(&f, "A", 3, 1, "ok"), "(EXPIRED)", "a replay counts once");
    lua_fleet_done(&f, "A", 3, 2, "ok");
    cr_assert_str_eq(lua_word(&f.lua, 0), "MOVED", "%s", f.lua.reply);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_CLOSED);
    cr_expect_eq(line.ep, 4u);
    cr_expect_eq(line.until_ms, 0);
    cr_expect_str_eq(line.why, "2_probes_succeeded");
    cr_expect_leq(line.ramp_ms, line.now_ms, "its share grows from now on");
    cr_expect_geq(line.ramp_ms, line.now_ms - 1000, "and not from earlier");
    lua_set_now(&f.lua, line.ramp_ms + STATE_LINE_RAMP_MAX_MS);
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    char ramp[40];

    snprintf(ramp, sizeof(ramp), " A 0 %lld ", (long long)line.ramp_ms);
    cr_expect_not_null(strstr(f.lua.reply, ramp), "%s", f.lua.reply);
    lua_set_now(&f.lua, line.ramp_ms + STATE_LINE_RAMP_MAX_MS + 1);
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_null(strstr(f.lua.reply, ramp), "long ago is never: %s", f.lua.reply);
    lua_fleet_report(&f, "a", 4, "A", 9, "0 3 0 3");
    cr_expect_eq(lua_fleet_line(&f).ramp_ms, 0, "open");
}

Test(lua_breaker, a_failed_probe_doubles_the_open_time)
{
    lua_fleet_trip(&f);
    lua_fleet_advance(&f, 500);
    lua_fleet_probe(&f, "A", 1, "ask");
    lua_fleet_probe(&f, "A", 2, "ask");
    lua_fleet_done(&f, "A", 3, 1, "fail");
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.trips, 2);
    cr_expect_eq(line.until_ms - line.now_ms, 1000);
    lua_fleet_done(&f, "A", 3, 2, "ok");
    cr_expect_str_eq(lua_word(&f.lua, 0), "STALE");
}

Test(lua_breaker, the_longer_cooling_wins)
{
    lua_fleet_run(&f, SCRIPT_COOL, "%s a A 5000 throttled", f.gen);
    struct state_line one = lua_fleet_line(&f);

    cr_expect_eq(one.lim_ms - one.now_ms, 5000);
    cr_expect_eq(one.ep, 1u, "the epoch stays");
    lua_fleet_run(&f, SCRIPT_COOL, "%s a A 100 throttled", f.gen);
    cr_expect_eq(lua_fleet_line(&f).lim_ms, one.lim_ms);
    cr_expect_eq(lua_fleet_line(&f).ver, one.ver);
    lua_fleet_run(&f, SCRIPT_COOL, "%s a A 99999999999 quota", f.gen);
    cr_expect_eq(lua_fleet_line(&f).lim_ms - lua_fleet_line(&f).now_ms, STATE_LINE_LIM_MAX_MS,
                 "%s", f.lua.reply);
    cr_expect_eq(one.cools, COOLING_WHY_THROTTLED);
    cr_expect_eq(lua_fleet_line(&f).cools, COOLING_WHY_QUOTA, "the longer one says why");
    lua_fleet_run(&f, SCRIPT_COOL, "%s a A 100 throttled", f.gen);
    cr_expect_eq(lua_fleet_line(&f).cools, COOLING_WHY_QUOTA);
    cr_expect_eq(lua_fleet_events(&f), 2);
    lua_fleet_advance(&f, STATE_LINE_LIM_MAX_MS);
    lua_fleet_run(&f, SCRIPT_COOL, "%s a A 0 quota", f.gen);
    cr_expect_eq(lua_fleet_line(&f).lim_ms, 0, "%s", f.lua.reply);
    cr_expect_eq(lua_fleet_line(&f).cools, COOLING_WHY_THROTTLED,
                 "no reason without a cooling");
}

Test(lua_breaker, an_open_line_is_never_in_the_past)
{
    lua_fleet_trip(&f);
    lua_fleet_advance(&f, 100000);
    lua_fleet_report(&f, "a", 1, "A", 2, "1 0 0 0");
    cr_assert_str_eq(lua_word(&f.lua, 0), "STALE");
    cr_expect_eq(lua_fleet_line(&f).st, BREAKER_OPEN);
    cr_expect_eq(lua_fleet_line(&f).until_ms, lua_fleet_line(&f).now_ms);
}
