/* test_lua_lost.c - a key that is gone, or is not what it was: evicted, deleted, written over.
 *
 * What of it everybody must know begins a new life of the data, so that routers say it again; all
 * else grows again.  No damage keeps a script from its work. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lua_fleet f;
static char first_gen[sizeof(f.gen)];
static int forces;

static void force(const char *key, const char *word, int ttl_ms)
{
    lua_fleet_run(&f, SCRIPT_FORCE, "- %s %s %d op why - id%d", key, word, ttl_ms, ++forces);
    cr_assert_str_eq(lua_word(&f.lua, 0), "OK", "%s", f.lua.reply);
}

static void setup(void)
{
    lua_fleet_open(&f, "");
    memcpy(first_gen, f.gen, sizeof(first_gen));
    lua_fleet_attach(&f, "B", "a b");
    lua_fleet_trip(&f);
    force("b", "down", 0);
    force("a", "drain", 600000);
    lua_fleet_run(&f, SCRIPT_CHECK, "%s a A 1000 ok 200 12", f.gen);
    lua_fleet_run(&f, SCRIPT_AVERAGES, "%s A a 1 1 1 1 50 1", f.gen);
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_lost, .init = setup, .fini = teardown);

static const char *sync_as(const char *router)
{
    lua_fleet_advance(&f, 1000);
    return lua_fleet_run(&f, SCRIPT_SYNC, "%s %s 3 " LUA_ABOUT, f.gen, router);
}

/* As a router does: attach where the sync says so, and say the last view again. */
static void router_syncs(const char *router)
{
    char past[sizeof(f.gen)];

    sync_as(router);
    cr_expect_neq(f.lua.reply[0], '!', "%s", f.lua.reply);
    if (strcmp(lua_word(&f.lua, 0), "GEN") != 0)
        return;
    memcpy(past, first_gen, sizeof(past));
    lua_fleet_attach(&f, router, "a b");
    lua_fleet_run(
        &f, SCRIPT_REASSERT,
        "%s %s live %s a 3 open 900 1 drain 500000 why op 0 b 2 closed 0 0 down - why op 0",
        f.gen, router, past);
    cr_expect_str_eq(lua_word(&f.lua, 0), "OK", "%s", f.lua.reply);
}

/* What an operator sees, and what a new router is told. */
static void expect_whole(const char *what)
{
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " a open "), "%s: %s", what, f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " drain "), "%s: %s", what, f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " b closed "), "%s: %s", what, f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " down 0 why op "), "%s: %s", what, f.lua.reply);
    lua_fleet_attach(&f, "NEW", "a b");
    cr_expect_not_null(strstr(f.lua.reply, " drain "), "%s: %s", what, f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " down 0 why op "), "%s: %s", what, f.lua.reply);
    lua_fleet_run(&f, SCRIPT_LEAVE, "%s NEW", f.gen);
}

static const char *const keys[] = {"meta",    "keys",   "r:a",   "r:b",     "w:a",      "p:a",
                                   "ok:a",    "row:a",  "rep:a", "dis:a",   "au:a",     "lat:a",
                                   "check:a", "forced", "seq",   "routers", "router:A", "log"};

static const char *const damages[] = {"DEL", "SET", "LPUSH", "SADD"};

static void damage(const char *how, const char *key)
{
    char command[120];

    snprintf(command, sizeof(command), "DEL {sluice:t}:%s", key);
    lua_do(&f.lua, command);
    snprintf(command, sizeof(command), "%s {sluice:t}:%s damaged", how, key);
    if (strcmp(how, "DEL") != 0)
        lua_do(&f.lua, command);
}

Test(lua_lost, each_key_in_each_way_is_made_good_within_two_syncs)
{
    for (size_t d = 0; d < ARRAY_LEN(damages); d++) {
        for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
            char what[80];

            teardown();
            setup();
            snprintf(what, sizeof(what), "%s %s", damages[d], keys[k]);
            damage(damages[d], keys[k]);
            for (int i = 0; i < 2; i++) {
                router_syncs("A");
                router_syncs("B");
            }
            sync_as("A");
            cr_expect_eq(lua_word(&f.lua, 3)[0], '2', "%s: %s", what, f.lua.reply);
            expect_whole(what);
        }
    }
}

Test(lua_lost, what_only_serves_a_moment_is_no_loss_of_the_data)
{
    for (size_t k = 4; k < ARRAY_LEN(keys); k++) {
        damage("DEL", keys[k]);
        sync_as("A");
        cr_expect_str_neq(lua_word(&f.lua, 0), "GEN", "%s", keys[k]);
    }
}

/* A hash still, but not what the fleet wrote. */
Test(lua_lost, parts_of_a_key_are_not_believed)
{
    static const char *const commands[] = {
        "HDEL {sluice:t}:r:b forced",    "HSET {sluice:t}:r:b forced auto",
        "HSET {sluice:t}:r:b v 99",      "HSET {sluice:t}:r:b st purple ep 1e99 until nan",
        "HSET {sluice:t}:meta ver x",    "HSET {sluice:t}:meta gen \"\" last -1",
        "HDEL {sluice:t}:meta ver last", "ZREM {sluice:t}:keys b",
        "ZADD {sluice:t}:keys 1 \"\"",   "HSET {sluice:t}:meta off x last x born x",
    };

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        teardown();
        setup();
        lua_do(&f.lua, commands[i]);
        cr_assert_neq(f.lua.reply[0], '!', "%s", f.lua.reply);
        for (int n = 0; n < 2; n++) {
            router_syncs("A");
            router_syncs("B");
        }
        expect_whole(commands[i]);
    }
}

Test(lua_lost, an_attach_finds_it_at_once)
{
    damage("DEL", "r:b");
    lua_fleet_attach(&f, "NEW", "a b");
    cr_expect_str_neq(f.gen, first_gen);
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:meta prev"), first_gen);
    lua_do(&f.lua, "XREVRANGE {sluice:t}:log + - COUNT 3");
    cr_expect_not_null(strstr(f.lua.reply, "lost_r:b"), "%s", f.lua.reply);
}

Test(lua_lost, two_at_once_are_not_taken_for_new_ones)
{
    damage("DEL", "keys");
    damage("DEL", "r:b");
    lua_fleet_attach(&f, "A", "a b");
    cr_expect_str_neq(f.gen, first_gen);
    lua_fleet_run(&f, SCRIPT_REASSERT, "%s A live %s b 2 closed 0 0 down - why op 0", f.gen,
                  first_gen);
    expect_whole("keys and r:b");
}

Test(lua_lost, an_operators_word_finds_it_and_stands)
{
    damage("SET", "r:b");
    force("b", "up", 0);
    sync_as("A");
    cr_expect_str_eq(f.lua.reply, "(GEN)");
    router_syncs("A");
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " up 0 why op "), "%s", f.lua.reply);
}

/* Views are in order though nobody knows the generation that they are of. */
Test(lua_lost, without_meta_the_newest_view_still_wins)
{
    force("b", "auto", 0); /* version 4; a router that is late still has it down, at 2 */
    damage("DEL", "meta");
    lua_fleet_attach(&f, "A", "a b");
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:meta prev"), first_gen);
    lua_fleet_run(&f, SCRIPT_REASSERT, "%s A live %s b 2 closed 0 0 down - why op 0", f.gen,
                  first_gen);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_AUTO, "%s", f.lua.reply);
}

Test(lua_lost, without_meta_time_goes_on_from_the_last_heartbeat)
{
    int64_t ahead_ms = lua_fleet_now(&f) + 3600000;

    lua_set_now(&f.lua, ahead_ms); /* Redis' TIME has stepped back by an hour */
    sync_as("A");
    damage("DEL", "meta");
    lua_fleet_attach(&f, "A", "a b");
    cr_expect_geq(lua_fleet_now(&f), ahead_ms);
}

Test(lua_lost, a_forced_state_ends_though_nobody_remembers_when)
{
    force("b", "down", 2000);
    damage("DEL", "forced");
    lua_fleet_advance(&f, 2000);
    sync_as("A");
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_not_null(strstr(f.lua.reply, " forced_state_ran_out "), "%s", f.lua.reply);
}

/* Where Redis evicts all the time, the fleet is not kept busy with attaching alone. */
Test(lua_lost, syncs_look_no_more_often_than_twice_a_second)
{
    sync_as("A");
    damage("DEL", "r:b");
    lua_fleet_advance(&f, 400);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 3 " LUA_ABOUT, f.gen);
    cr_expect_str_neq(lua_word(&f.lua, 0), "GEN");
    lua_fleet_advance(&f, 200);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 3 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "GEN");
}

/* Scripts of an older version change a key and leave the sum as it was. */
Test(lua_lost, a_key_that_an_older_router_wrote_is_whole)
{
    lua_do(&f.lua, "HSET {sluice:t}:meta ver 4");
    lua_do(&f.lua, "HSET {sluice:t}:r:b v 4 ep 9 forced up");
    sync_as("A");
    cr_expect_str_eq(lua_word(&f.lua, 0), "FULL", "%s", f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " b closed 9 0 0 up "), "%s", f.lua.reply);
}
