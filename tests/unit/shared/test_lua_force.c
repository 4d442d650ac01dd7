/* test_lua_force.c - an operator's word over the breaker, against a real Redis. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
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

TestSuite(lua_force, .init = setup, .fini = teardown);

Test(lua_force, force_is_compare_and_set)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 0 me incident 7 i1", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "CONFLICT");
    cr_expect_str_eq(lua_word(&f.lua, 1), "1");
    cr_expect_eq(lua_fleet_events(&f), 0);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 0 me incident 1 i1", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "OK");
    cr_expect_str_eq(lua_word(&f.lua, 1), "1");
}

Test(lua_force, force_lays_a_word_over_the_breaker)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 60000 op incident - i1", f.gen);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.forced, VIEW_DOWN);
    cr_expect_eq(line.funtil_ms - line.now_ms, 60000);
    cr_expect_eq(line.st, BREAKER_CLOSED, "the machine runs on underneath");
    cr_expect_eq(line.ep, 2u);
    cr_expect_str_eq(line.by, "op");
    cr_expect_str_eq(line.why, "incident");
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(NO forced)");
    lua_fleet_report(&f, "a", 2, "A", 1, "0 3 0 3");
    line = lua_fleet_line(&f);
    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.forced, VIEW_DOWN);
    cr_expect_str_eq(line.why, "incident", "the word in force is told first");
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 op back - i2", f.gen);
    line = lua_fleet_line(&f);
    cr_expect_eq(line.forced, VIEW_AUTO);
    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.ep, 4u);
    cr_expect_eq(lua_fleet_events(&f), 3);
}

Test(lua_force, auto_with_reset_starts_the_breaker_anew)
{
    lua_fleet_trip(&f);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 op better - i1 reset", f.gen);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.st, BREAKER_CLOSED);
    cr_expect_eq(line.trips, 0);
    cr_expect_eq(line.ep, 3u);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 op again - i2", f.gen);
    cr_expect_eq(lua_fleet_line(&f).ep, 3u, "nothing to do, nothing done");
}

Test(lua_force, the_same_request_has_one_effect)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 0 op one - i1", f.gen);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 op two - i2", f.gen);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 0 op one - i1", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "OK");
    cr_expect_str_eq(lua_word(&f.lua, 1), "1", "the version of then");
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_AUTO);
    for (int i = 3; i <= 10; i++) /* i2 is the ninth from the end now */
        lua_fleet_run(&f, SCRIPT_FORCE, "%s a drain 0 op more - i%d", f.gen, i);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a up 0 op more - i3", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 1), "3", "eight are remembered: %s", f.lua.reply);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a up 0 op more - i2", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 1), "11", "the ninth is not");
}

Test(lua_force, a_forced_state_ends_as_a_transition)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 1000 op x - i1", f.gen);
    lua_fleet_advance(&f, 100);
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " down "), "%s", f.lua.reply);
    lua_fleet_advance(&f, 900);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 1 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "FULL");
    cr_expect_str_eq(lua_word(&f.lua, 1), "2");
    cr_expect_not_null(
        strstr(f.lua.reply, " a closed 3 0 0 auto 0 forced_state_ran_out fleet 0"), "%s",
        f.lua.reply);
    cr_expect_eq(lua_fleet_events(&f), 2);
    cr_expect_str_eq(lua_do(&f.lua, "ZCARD {sluice:t}:forced"), "0");
}

Test(lua_force, a_forced_state_that_ran_out_is_gone_before_anything_else)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 1000 op x - i1", f.gen);
    lua_fleet_advance(&f, 1000);
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(NO closed)");
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:meta ver"), "2");
}

Test(lua_force, nothing_counts_for_an_epoch_that_begins_with_its_report)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 1000 op x - i1", f.gen);
    lua_fleet_advance(&f, 1000);
    lua_fleet_report(&f, "a", 3, "A", 1, "0 3 0 3");
    cr_expect_str_eq(lua_word(&f.lua, 0), "STALE", "%s", f.lua.reply);
    struct state_line line = lua_fleet_line(&f);

    cr_expect(line.st == BREAKER_CLOSED && line.ep == 3, "%s", f.lua.reply);
    lua_fleet_report(&f, "a", 3, "A", 2, "0 3 0 3"); /* the next one has heard of it */
    cr_expect_str_eq(lua_word(&f.lua, 0), "TRIP", "%s", f.lua.reply);
}

Test(lua_force, words_of_operators_are_encoded_and_cut_to_fit)
{
    char long_key[131], why[400];

    memset(long_key, 'k', 130);
    long_key[130] = '\0';
    lua_fleet_attach(&f, "A", long_key);
    for (int i = 0; i < 60; i++)
        memcpy(why + 2 * i, "\xc3\xa4", 3); /* a-umlaut: 120 bytes, 360 encoded */
    lua_fleet_run(&f, SCRIPT_FORCE, "%s %s down 0 the\n%%op %s - i1", f.gen, long_key, why);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_str_eq(line.by, "the %op");
    cr_expect_eq(strlen(line.why) % 2, 0u, "no half character: %s", line.why);
    cr_expect_gt(strlen(line.why), 40u);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 0 - \"\" - i1", f.gen);
    line = lua_fleet_line(&f);
    cr_expect_str_eq(line.by, "-");
    cr_expect_str_eq(line.why, "");
}
