/* test_lua_refused.c - a key that a region refuses: one host's config, or everybody's. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct lua_fleet f;
static int seq;

static void setup(void)
{
    seq = 0;
    lua_fleet_open(&f, "");
    lua_fleet_attach(&f, "B", "a b");
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_refused, .init = setup, .fini = teardown);

static const char *refused(const char *router)
{
    return lua_fleet_run(&f, SCRIPT_COOL, "%s a %s 60000 auth", f.gen, router);
}

static void works(const char *router)
{
    cr_assert_str_eq(lua_fleet_report(&f, "a", 1, router, ++seq, "1 0 0 0"), "(OK)");
}

Test(lua_refused, three_times_in_a_row_by_one_router)
{
    cr_expect_str_eq(refused("A"), "(NOTED 1)");
    cr_expect_str_eq(refused("B"), "(NOTED 1)", "each counts for itself");
    cr_expect_str_eq(refused("A"), "(NOTED 2)");
    cr_expect_eq(lua_fleet_events(&f), 0);
    refused("A");
    cr_assert_str_eq(lua_word(&f.lua, 0), "OK", "%s", f.lua.reply);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.lim_ms - line.now_ms, 60000);
    cr_expect_eq(line.st, BREAKER_CLOSED, "no failure in the counts");
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " auth"), "%s", f.lua.reply);
}

Test(lua_refused, a_success_of_its_own_starts_anew)
{
    refused("A");
    refused("A");
    lua_fleet_advance(&f, 1);
    works("A");
    cr_expect_str_eq(refused("A"), "(NOTED 1)");
}

Test(lua_refused, not_while_another_can_use_it)
{
    works("B");
    refused("A");
    refused("A");
    cr_expect_str_eq(refused("A"), "(NOTED 3)");
    cr_expect_str_eq(refused("A"), "(NOTED 4)", "its own config is wrong");
    lua_do(&f.lua, "ZREM {sluice:t}:routers B");
    refused("A");
    cr_expect_str_eq(lua_word(&f.lua, 0), "OK", "nobody who lives can: %s", f.lua.reply);
}

Test(lua_refused, routers_of_long_ago_are_forgotten)
{
    char router[16];

    for (int i = 0; i < 40; i++) { /* restarted every minute, each time with another name */
        snprintf(router, sizeof(router), "R%d", i);
        cr_expect_str_eq(refused(router), "(NOTED 1)");
        lua_fleet_advance(&f, 60000);
    }
    cr_expect_str_eq(lua_do(&f.lua, "HLEN {sluice:t}:au:a"), "10");
    cr_expect_str_eq(lua_do(&f.lua, "HEXISTS {sluice:t}:au:a R30"), "1");
    cr_expect_str_eq(lua_do(&f.lua, "HEXISTS {sluice:t}:au:a R29"), "0");
}

Test(lua_refused, throttling_needs_nobody_to_agree)
{
    works("B");
    lua_fleet_run(&f, SCRIPT_COOL, "%s a A 5000 throttled", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "OK");
    lua_fleet_run(&f, SCRIPT_COOL, "%s b A 5000 quota", f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "OK");
}
