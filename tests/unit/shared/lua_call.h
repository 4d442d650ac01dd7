/* lua_call.h - runs the fleet's scripts against a private Redis, or the simulator's, one
 * blocking call at a time, and shows the reply as text, so that a test's row can say what it
 * wants. */
#ifndef TESTS_UNIT_SHARED_LUA_CALL_H
#define TESTS_UNIT_SHARED_LUA_CALL_H

#include "tests/unit/redis/redis_server.h"
#include "shared/scripts.h"

#include <stdint.h>

struct redisContext;
struct server;

struct lua {
    struct redis_server server;
    struct redisContext *c;
    struct server *host; /* tests/sim/server.h, or NULL: a real one */
    char reply[65536];   /* of the last call: "(OK 3 (a b))", "!ERR ..." for an error */
};

void lua_start(struct lua *l, const char *options); /* starts a server; the fleet is "t" */
/* The simulator's, with the scripts as they were loaded last; no process, no connection. */
void lua_start_host(struct lua *l, int64_t (*clock_us)(void));
void lua_connect(struct lua *l); /* again, after a restart */
void lua_stop(struct lua *l);
/* Any command, words split at spaces ("" for an empty one).  Returns l->reply. */
const char *lua_do(struct lua *l, const char *command);
/* A script with KEYS[1] of the fleet "t" and arguments split at spaces. */
const char *lua_run(struct lua *l, enum script s, const char *args);
/* Lets the scripts' clock read exactly now_ms in the next script (it must lie ahead of
 * Redis' TIME, and never step back). */
void lua_set_now(struct lua *l, int64_t now_ms);
/* Word i (from 0) of the last reply, outer brackets not counted; "" beyond the end. */
const char *lua_word(const struct lua *l, int i);

#endif
