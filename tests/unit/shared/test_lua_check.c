/* test_lua_check.c - who checks a key from outside, and what is kept of it. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define START_MS INT64_C(4000000000000)

static struct lua_fleet f;

static void setup(void)
{
    lua_fleet_open(&f, "");
    lua_set_now(&f.lua, START_MS);
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_check, .init = setup, .fini = teardown);

static const char *check(const char *args)
{
    char all[200];

    snprintf(all, sizeof(all), "%s %s", f.gen, args);
    return lua_run(&f.lua, SCRIPT_CHECK, all);
}

static const char *check_at(int64_t ms, const char *args)
{
    lua_set_now(&f.lua, START_MS + ms);
    return check(args);
}

Test(lua_check, a_lease_has_one_holder_until_its_end)
{
    static const struct {
        int64_t at_ms;
        const char *args, *want;
    } rows[] = {
        {0, "a A 1000", "(HELD)"},        {100, "a B 1000", "(BUSY 900)"},
        {100, "b B 1000", "(HELD)"},      {500, "a A 1000", "(HELD)"},
        {1400, "a B 1000", "(BUSY 100)"}, {1499, "a B 1000", "(BUSY 1)"},
        {1500, "a B 1000", "(HELD)"},     {1501, "a A 1000", "(BUSY 999)"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = check_at(rows[i].at_ms, rows[i].args);

        cr_expect_str_eq(got, rows[i].want, "row %zu: %s", i, got);
    }
}

Test(lua_check, results_are_for_everybody_and_only_the_holders_counts)
{
    check_at(0, "a A 1000");
    cr_expect_str_eq(check_at(10, "a A 1000 fail status_503 7"), "(HELD)");
    cr_expect_str_eq(check_at(60, "a B 1000 ok status_200 3"), "(BUSY 950 fail 50 status_503)");
    cr_expect_str_eq(check_at(70, "a B 1000"), "(BUSY 940 fail 60 status_503)");
}

Test(lua_check, only_a_change_is_an_event)
{
    static const char *const story[] = {"ok", "ok", "fail", "fail", "ok"};
    char args[60];

    lua_do(&f.lua, "DEL {sluice:t}:log");
    for (size_t i = 0; i < ARRAY_LEN(story); i++) {
        snprintf(args, sizeof(args), "a A 1000 %s seen 1", story[i]);
        check_at((int64_t)i * 10, args);
    }
    lua_do(&f.lua, "XLEN {sluice:t}:log");
    cr_expect_str_eq(f.lua.reply, "2", "%s", f.lua.reply);
    lua_do(&f.lua, "XRANGE {sluice:t}:log - +");
    cr_expect_not_null(strstr(f.lua.reply, "kind check key a from ok to fail"), "%s",
                       f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, "kind check key a from fail to ok"), "%s",
                       f.lua.reply);
}

Test(lua_check, a_router_that_leaves_frees_its_checks)
{
    char args[80];

    check_at(0, "a A 1000");
    snprintf(args, sizeof(args), "%s A", f.gen);
    lua_run(&f.lua, SCRIPT_LEAVE, args);
    cr_expect_str_eq(check_at(1, "a B 1000"), "(HELD)");
}

Test(lua_check, snapshot_shows_the_result)
{
    check_at(0, "a A 1000 fail status_503 7");
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " (fail 4000000000000 status_503 7 A) (- - - 0))"),
                       "%s", f.lua.reply);
}

Test(lua_check, bad_arguments)
{
    static const char *const rows[] = {"a A 0",           "a A 600001", "a A x",
                                       "a A 1 maybe w 1", "a A 1 ok",   "a A 1 ok w x"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect(strncmp(check(rows[i]), "!BADARG", 7) == 0, "row '%s': %s", rows[i],
                  f.lua.reply);
    cr_expect_str_eq(check("nobody A 1000"), "(UNKNOWN)");
    cr_expect_str_eq(lua_run(&f.lua, SCRIPT_CHECK, "x a A 1000"), "(GEN)");
}
