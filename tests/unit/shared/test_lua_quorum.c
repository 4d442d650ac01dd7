/* test_lua_quorum.c - breaker.trip_confirm quorum:N: so many routers have to have seen a failure. */
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
    lua_fleet_attach(&f, "C", "a b");
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_quorum, .init = setup, .fini = teardown);

/* counts: ok fail slow hard. */
static const char *tell(const char *confirm, const char *router, const char *counts)
{
    return lua_fleet_run(&f, SCRIPT_REPORT,
                         "%s a 1 %s %d %s 3 0 4 0 10000 1000 8000 60000 0 %s", f.gen, router,
                         ++seq, counts, confirm);
}

Test(lua_quorum, a_row_waits_for_so_many_routers)
{
    static const struct {
        const char *name, *confirm;
        bool trips[3]; /* after A, after B, after C */
    } rows[] = {
        {"two of three", "quorum:2", {false, true, true}},
        {"three of three", "quorum:3", {false, false, true}},
        {"more than live: all of them", "quorum:9", {false, false, true}},
    };
    static const char *const who[] = {"A", "B", "C"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        teardown();
        setup();
        for (size_t k = 0; k < 3; k++) {
            tell(rows[i].confirm, who[k], "0 3 0 3");
            cr_expect_eq(strcmp(lua_word(&f.lua, 0), "OK") != 0, rows[i].trips[k],
                         "row '%s', %s: %s", rows[i].name, who[k], f.lua.reply);
        }
        cr_expect_not(lua_fleet_line(&f).doubt);
    }
}

Test(lua_quorum, a_probe_that_fails_is_confirmed_by_as_many)
{
    static const struct {
        const char *confirm;
        bool doubt;
    } rows[] = {{"none", false}, {"quorum:1", false}, {"quorum:2", true}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        teardown();
        setup();
        tell("none", "A", "0 3 0 3");
        lua_fleet_advance(&f, 500);
        lua_fleet_attach(&f, "A", "a b");
        lua_fleet_attach(&f, "B", "a b");
        lua_fleet_probe(&f, "A", 1, "ask");
        lua_fleet_run(&f, SCRIPT_DONE, "%s a A 3 1 fail 1000 8000 2 0 %s", f.gen,
                      rows[i].confirm);
        cr_expect_eq(lua_fleet_line(&f).doubt, rows[i].doubt, "%s: %s", rows[i].confirm,
                     f.lua.reply);
    }
}
