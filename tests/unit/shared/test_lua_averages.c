/* test_lua_averages.c - the fleet's averages are those of its routers. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct lua_fleet f;

static void setup(void)
{
    lua_fleet_open(&f, "");
    lua_fleet_attach(&f, "B", "a b");
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_averages, .init = setup, .fini = teardown);

static const char *share(const char *args)
{
    char all[1000];

    snprintf(all, sizeof(all), "%s %s", f.gen, args);
    return lua_run(&f.lua, SCRIPT_AVERAGES, all);
}

Test(lua_averages, averages_are_weighted_and_follow_each_row)
{
    static const struct {
        const char *args, *want; /* router (key first total n inflight health health_n)... */
    } rows[] = {
        {"A a 0 0 0 0 100 0", "(OK (- - - 0))"},
        {"A a 100 1000 10 2 90 10", "(OK (100 1000 90 2))"},
        {"B a 400 4000 20 1 60 20", "(OK (300 3000 70 3))"},
        {"A a 100 1000 20 0 60 20", "(OK (250 2500 60 1))"},
        {"B a 0 0 0 0 100 0", "(OK (100 1000 60 0))"},
        {"A a 0 0 0 0 100 0", "(OK (100 1000 60 0))"}, /* the last that was known */
        {"A a 0 0 0 0 0 1 b 5 6 1 0 50 1", "(OK (100 1000 0 0) (5 6 50 0))"},
        {"A nobody 1 1 1 1 1 1", "(OK (- - - 0))"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *got = share(rows[i].args);

        cr_expect_str_eq(got, rows[i].want, "row %zu: %s", i, got);
    }
    lua_do(&f.lua, "EXISTS {sluice:t}:lat:nobody");
    cr_expect_str_eq(f.lua.reply, "0", "an unknown key takes no room");
}

Test(lua_averages, a_router_that_leaves_takes_its_row_along)
{
    char args[80];

    share("A a 100 1000 10 2 90 10");
    share("B a 400 4000 10 3 60 10");
    snprintf(args, sizeof(args), "%s B", f.gen);
    lua_run(&f.lua, SCRIPT_LEAVE, args);
    cr_expect_str_eq(share("A a 100 1000 10 2 90 10"), "(OK (100 1000 90 2))");
    lua_do(&f.lua, "HEXISTS {sluice:t}:lat:a B");
    cr_expect_str_eq(f.lua.reply, "0");
}

Test(lua_averages, a_router_the_fleet_has_forgotten_leaves_no_row)
{
    share("A a 100 1000 10 2 90 10");
    lua_do(&f.lua, "ZREM {sluice:t}:routers B");
    cr_expect_str_eq(share("B a 400 4000 10 3 60 10"), "(OK (100 1000 90 2))",
                     "stopped for long, say: nobody would take it away");
    lua_do(&f.lua, "HEXISTS {sluice:t}:lat:a B");
    cr_expect_str_eq(f.lua.reply, "0");
}

Test(lua_averages, snapshot_shows_them)
{
    share("A a 100 1000 10 2 90 10");
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " (100 1000 90 2))"), "%s", f.lua.reply);
}

Test(lua_averages, extremes_stay_exact)
{
    cr_expect_str_eq(share("A a 86400000000 86400000000 100 1000000 100 100"),
                     "(OK (86400000000 86400000000 100 1000000))");
    cr_expect_str_eq(share("B a 86400000000 86400000000 100 0 100 100"),
                     "(OK (86400000000 86400000000 100 1000000))");
}

Test(lua_averages, bad_arguments)
{
    static const char *const rows[] = {
        "A a 1 1 1 1 1",   "A a 86400000001 1 1 1 1 1", "A a 1 1 101 1 1 1",
        "A a 1 1 1 1 101", "A a 1 1 1 1 1 101",         "A a -1 1 1 1 1 1",
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect(strncmp(share(rows[i]), "!BADARG", 7) == 0, "row '%s': %s", rows[i],
                  f.lua.reply);
    cr_expect_str_eq(lua_run(&f.lua, SCRIPT_AVERAGES, "x A"), "(GEN)");
}
