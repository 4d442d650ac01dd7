/* lua_fleet.h - one router's words to the scripts, for the tests of lua/: the fleet "t" with
 * router A and the keys a and b. */
#ifndef TESTS_UNIT_SHARED_LUA_FLEET_H
#define TESTS_UNIT_SHARED_LUA_FLEET_H

#include "lua_call.h"
#include "shared/state_line.h"

/* threshold rate minimum slow_rate window recovery recovery_max forgive jitter */
#define LUA_CONF  "3 50 4 0 10000 1000 8000 60000 0"
#define LUA_ABOUT "h 1 v c 0 0" /* host pid version config started load */

struct lua_fleet {
    struct lua lua;
    char gen[VIEW_GEN_MAX + 1]; /* of the last attach */
};

void lua_fleet_open(struct lua_fleet *f, const char *options); /* server, router A, keys a b */
void lua_fleet_close(struct lua_fleet *f);
/* Each returns f->lua.reply. */
const char *lua_fleet_run(struct lua_fleet *f, enum script s, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void lua_fleet_attach(struct lua_fleet *f, const char *router, const char *keys);
const char *lua_fleet_report(struct lua_fleet *f, const char *key, int ep, const char *router,
                             int seq, const char *counts); /* ok fail slow hard */
const char *lua_fleet_probe(struct lua_fleet *f, const char *router, int token,
                            const char *how);
const char *lua_fleet_done(struct lua_fleet *f, const char *router, int ep, int token,
                           const char *verdict);
void lua_fleet_trip(struct lua_fleet *f); /* key a, epoch 1, three failures */
int64_t lua_fleet_now(struct lua_fleet *f);
void lua_fleet_advance(struct lua_fleet *f, int64_t ms); /* the scripts' clock */
/* The line at the end of the last reply. */
struct state_line lua_fleet_line(const struct lua_fleet *f);
int lua_fleet_events(struct lua_fleet *f); /* of keys, in the log */

#endif
