/* test_lua_demoted.c - a master that was demoted, filled from another and promoted again keeps
 * its run id while its data go back: that is a new life of the data all the same.
 *
 * The master's replica stops hearing of it, the master goes on, becomes the replica of its
 * replica for a moment, and is the master again. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static struct lua_fleet f;
static struct redis_server replica;

static void setup(void)
{
    redis_server_start(&replica, "");
    lua_fleet_open(&f, "--repl-diskless-sync-delay 0");
}

static void teardown(void)
{
    lua_fleet_close(&f);
    redis_server_stop(&replica);
}

TestSuite(lua_demoted, .init = setup, .fini = teardown);

static void order(const struct redis_server *s, const char *command)
{
    freeReplyObject(redis_server_command(s, command));
}

static void follow(const struct redis_server *s, const struct redis_server *master)
{
    char command[80];

    snprintf(command, sizeof(command), "REPLICAOF 127.0.0.1 %d", master->port);
    order(s, command);
}

static bool info_has(const struct redis_server *s, const char *text)
{
    struct redisReply *r = redis_server_command(s, "INFO replication");
    bool has = strstr(r->str, text) != NULL;

    freeReplyObject(r);
    return has;
}

static void wait_for(const struct redis_server *s, const char *text)
{
    for (int i = 0; i < 1000 && !info_has(s, text); i++)
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    cr_assert(info_has(s, text), "%s within 10 s", text);
}

/* From here on the replica hears of nothing more. */
static void fork_data(void)
{
    follow(&replica, &f.lua.server);
    wait_for(&replica, "master_link_status:up");
    order(&replica, "REPLICAOF NO ONE");
    wait_for(&replica, "role:master");
}

/* And from here on its data are the master's, which is the same process with another past. */
static void go_back(void)
{
    follow(&f.lua.server, &replica);
    wait_for(&f.lua.server, "master_link_status:up");
    order(&f.lua.server, "REPLICAOF NO ONE");
    wait_for(&f.lua.server, "role:master");
}

static void sync_as(const char *gen, int applied)
{
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A %d " LUA_ABOUT, gen, applied);
}

static void force(const char *word)
{
    static int n;

    lua_fleet_run(&f, SCRIPT_FORCE, "- a %s 0 op why - id%d", word, ++n);
}

Test(lua_demoted, a_sync_finds_that_the_data_went_back)
{
    char gen[sizeof(f.gen)];

    fork_data();
    force("down"); /* version 1, which is going to be lost */
    sync_as(f.gen, 1);
    cr_assert_str_eq(lua_word(&f.lua, 0), "SAME", "%s", f.lua.reply);
    go_back();
    sync_as(f.gen, 1);
    cr_assert_str_eq(f.lua.reply, "(GEN)");
    memcpy(gen, f.gen, sizeof(gen));
    lua_fleet_attach(&f, "A", "a b");
    cr_expect_str_neq(f.gen, gen);
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:meta prev"), gen);
    /* what the router knew is newer than what the data have of the same life */
    lua_fleet_run(&f, SCRIPT_REASSERT, "%s A live %s a 1 closed 0 0 down - why op 0", f.gen,
                  gen);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_DOWN, "%s", f.lua.reply);
    sync_as(f.gen, 1);
    cr_expect_str_eq(lua_word(&f.lua, 0), "SAME", "once is enough: %s", f.lua.reply);
}

Test(lua_demoted, although_the_versions_are_level_again)
{
    fork_data();
    force("down");
    go_back();
    lua_fleet_run(&f, SCRIPT_COOL, "%s b A 5000 quota", f.gen); /* version 1 as well */
    sync_as(f.gen, 1);
    cr_expect_str_eq(f.lua.reply, "(GEN)");
}

Test(lua_demoted, an_attach_finds_it)
{
    char gen[sizeof(f.gen)];

    memcpy(gen, f.gen, sizeof(gen));
    fork_data();
    go_back();
    lua_fleet_attach(&f, "B", "a b");
    cr_expect_str_neq(f.gen, gen);
}

Test(lua_demoted, an_operators_word_finds_it)
{
    fork_data();
    go_back();
    force("down");
    cr_expect_eq(strtol(lua_word(&f.lua, 1), NULL, 10), 1, "%s", f.lua.reply);
    sync_as(f.gen, 1);
    cr_expect_str_eq(f.lua.reply, "(GEN)");
}

/* The first replica gives the master a new replication id, and nothing went back. */
Test(lua_demoted, a_first_replica_is_no_new_life)
{
    char before[128];

    snprintf(before, sizeof(before), "%s", lua_do(&f.lua, "HGET {sluice:t}:meta repl"));
    fork_data();
    sync_as(f.gen, 0);
    cr_expect_str_eq(lua_word(&f.lua, 0), "SAME", "%s", f.lua.reply);
    cr_expect_str_neq(lua_do(&f.lua, "HGET {sluice:t}:meta repl"), before);
}

/* A router of a version that knows no replication ids began this generation. */
Test(lua_demoted, what_older_routers_left_is_taken_as_it_is)
{
    lua_do(&f.lua, "HDEL {sluice:t}:meta repl");
    sync_as(f.gen, 0);
    cr_expect_str_eq(lua_word(&f.lua, 0), "SAME", "%s", f.lua.reply);
    lua_do(&f.lua, "HSET {sluice:t}:meta repl another");
    sync_as(f.gen, 0);
    cr_expect_str_eq(lua_word(&f.lua, 0), "SAME", "%s", f.lua.reply);
    fork_data();
    sync_as(f.gen, 0);
    go_back();
    sync_as(f.gen, 0);
    cr_expect_str_eq(f.lua.reply, "(GEN)");
}
