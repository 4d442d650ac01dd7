/* lua_fleet.c - one router's words to the scripts; lua_fleet.h has the contract. */
#include "lua_fleet.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lua_fleet_run(struct lua_fleet *f, enum script s, const char *fmt, ...)
{
    char args[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(args, sizeof(args), fmt, ap);
    va_end(ap);
    return lua_run(&f->lua, s, args);
}

void lua_fleet_attach(struct lua_fleet *f, const char *router, const char *keys)
{
    lua_fleet_run(f, SCRIPT_ATTACH, "%s - r4nd " LUA_ABOUT " %s", router, keys);
    cr_assert_str_eq(lua_word(&f->lua, 0), "OK", "%s", f->lua.reply);
    snprintf(f->gen, sizeof(f->gen), "%s", lua_word(&f->lua, 1));
}

const char *lua_fleet_report(struct lua_fleet *f, const char *key, int ep, const char *router,
                             int seq, const char *counts)
{
    return lua_fleet_run(f, SCRIPT_REPORT, "%s %s %d %s %d %s " LUA_CONF, f->gen, key, ep,
                         router, seq, counts);
}

const char *lua_fleet_probe(struct lua_fleet *f, const char *router, int token, const char *how)
{
    return lua_fleet_run(f, SCRIPT_PROBE, "%s a %s %d 10000 2 %s", f->gen, router, token, how);
}

const char *lua_fleet_done(struct lua_fleet *f, const char *router, int ep, int token,
                           const char *verdict)
{
    return lua_fleet_run(f, SCRIPT_DONE, "%s a %s %d %d %s 1000 8000 2 0 second_opinion",
                         f->gen, router, ep, token, verdict);
}

void lua_fleet_trip(struct lua_fleet *f)
{
    lua_fleet_report(f, "a", 1, "A", 1, "0 3 0 3");
    cr_assert_str_eq(lua_word(&f->lua, 0), "TRIP", "%s", f->lua.reply);
}

int64_t lua_fleet_now(struct lua_fleet *f)
{
    lua_run(&f->lua, SCRIPT_SNAPSHOT, "");
    return strtoll(lua_word(&f->lua, 3), NULL, 10);
}

void lua_fleet_advance(struct lua_fleet *f, int64_t ms)
{
    lua_set_now(&f->lua, lua_fleet_now(f) + ms);
}

struct state_line lua_fleet_line(const struct lua_fleet *f)
{
    char start[sizeof(f->gen) + 4];

    snprintf(start, sizeof(start), "1 %s ", f->gen);
    const char *at = strstr(f->lua.reply, start);
    struct state_line line = {0};

    cr_assert_not_null(at, "%s", f->lua.reply);
    cr_assert(state_line_decode((struct str){at, strcspn(at, ")")}, &line), "%s", f->lua.reply);
    return line;
}

int lua_fleet_events(struct lua_fleet *f)
{
    int n = 0;

    lua_do(&f->lua, "XRANGE {sluice:t}:log - +");
    for (const char *at = f->lua.reply; (at = strstr(at, " kind ")) != NULL; at++)
        n += strstr(at, " key - ") != strstr(at, " key ");
    return n;
}

void lua_fleet_open(struct lua_fleet *f, const char *options)
{
    lua_start(&f->lua, options);
    lua_fleet_attach(f, "A", "a b");
}

void lua_fleet_close(struct lua_fleet *f)
{
    lua_stop(&f->lua);
}
