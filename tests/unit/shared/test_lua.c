/* test_lua.c - joining, staying, leaving, looking, and trouble, against a real Redis. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
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

TestSuite(lua, .init = setup, .fini = teardown);

Test(lua, attach_gives_a_closed_line_per_key)
{
    lua_fleet_attach(&f, "B", "a b c");
    cr_expect_str_eq(lua_word(&f.lua, 2), "0");
    cr_expect_str_eq(lua_word(&f.lua, 5), "2", "two live routers: %s", f.lua.reply);
    const char *c = strstr(f.lua.reply, " c closed 1 0 0 auto 0 - - 0)");

    cr_expect_not_null(c, "%s", f.lua.reply);
}

Test(lua, attach_again_keeps_the_generation)
{
    char was[sizeof(f.gen)];

    memcpy(was, f.gen, sizeof(f.gen));
    lua_fleet_attach(&f, "A", "a b");
    cr_expect_str_eq(f.gen, was);
}

Test(lua, other_generation_does_nothing)
{
    static const struct {
        enum script s;
        const char *args;
    } rows[] = {
        {SCRIPT_SYNC, "x A 0 " LUA_ABOUT},
        {SCRIPT_REPORT, "x a 1 A 1 0 9 0 9 " LUA_CONF},
        {SCRIPT_PROBE, "x a A 1 1000 1 ask"},
        {SCRIPT_DONE, "x a A 1 1 ok 1000 8000 1 0"},
        {SCRIPT_COOL, "x a A 1000 throttled"},
        {SCRIPT_FORCE, "x a down 0 me why - id1"},
        {SCRIPT_LEAVE, "x A"},
        {SCRIPT_CHECK, "x a A 1000"},
        {SCRIPT_AVERAGES, "x A"},
        {SCRIPT_REASSERT, "x A live g a 1 open 900 1 auto - why by 0"},
    };
    char before[sizeof(f.lua.reply)];

    lua_do(&f.lua, "HGETALL {sluice:t}:meta");
    memcpy(before, f.lua.reply, sizeof(before));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(lua_run(&f.lua, rows[i].s, rows[i].args), "(GEN)", "row %zu", i);
    cr_expect_str_eq(lua_do(&f.lua, "HGETALL {sluice:t}:meta"), before);
    lua_do(&f.lua, "FLUSHALL");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(lua_run(&f.lua, rows[i].s, rows[i].args),
                         rows[i].s == SCRIPT_FORCE ? "(UNKNOWN)" : "(GEN)", "row %zu", i);
    cr_expect_str_eq(lua_do(&f.lua, "DBSIZE"), "0");
}

Test(lua, bad_arguments_are_refused_and_change_nothing)
{
    static const struct {
        enum script s;
        const char *args; /* behind the generation */
    } rows[] = {
        {SCRIPT_SYNC, "A -1 " LUA_ABOUT},
        {SCRIPT_SYNC, "A 9007199254740992 " LUA_ABOUT},
        {SCRIPT_SYNC, "A 0 h"},
        {SCRIPT_REPORT, "a 1 A 1 0 2 0 3 " LUA_CONF},                         /* hard > fail */
        {SCRIPT_REPORT, "a 1 A 1 1 1 3 1 " LUA_CONF},                         /* slow > all */
        {SCRIPT_REPORT, "a 1 A 0 1 1 0 1 " LUA_CONF},                         /* seq 0 */
        {SCRIPT_REPORT, "a 1 A 1 1000001 0 0 0 " LUA_CONF},                   /* too many */
        {SCRIPT_REPORT, "a 1e3 A 1 1 0 0 0 " LUA_CONF},                       /* no number */
        {SCRIPT_REPORT, "a 1 A 1 1 1 0 1 3 50 4 0 9 1000 8000 60000 0"},      /* window */
        {SCRIPT_REPORT, "a 1 A 1 1 1 0 1 3 50 4 0 10 1000 8000 60000 65536"}, /* jitter */
        {SCRIPT_PROBE, "a A 1 600001 1 ask"},
        {SCRIPT_PROBE, "a A 1 1000 65 ask"},
        {SCRIPT_PROBE, "a A 1 1000 0 ask"},
        {SCRIPT_DONE, "a A 1 1 maybe 1000 8000 1 0"},
        {SCRIPT_FORCE, "a sideways 0 me why - id1"},
        {SCRIPT_FORCE, "a down 31622400001 me why - id1"},
        {SCRIPT_FORCE, "a down 0 me why - a=1"},
        {SCRIPT_COOL, "a A x throttled"},
        {SCRIPT_LEAVE, "\"\""},
        {SCRIPT_REASSERT, "A dead g"},
        {SCRIPT_REASSERT, "A live \"\""},
        {SCRIPT_REASSERT, "A live g a 1 open 900 1 auto - why by"},
        {SCRIPT_REASSERT, "A live g a 1 open 900 1 auto - w b 0 b 1 ajar 0 0 auto - w b 0"},
        {SCRIPT_REASSERT, "A live g a 1 open 900 1 auto - w b 0 b 1 open -1 0 auto - w b 0"},
        {SCRIPT_REASSERT, "A live g a 1 open 900 1 odd - why by 0"},
    };
    char before[sizeof(f.lua.reply)];

    lua_do(&f.lua, "HGETALL {sluice:t}:r:a");
    memcpy(before, f.lua.reply, sizeof(before));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        lua_fleet_run(&f, rows[i].s, "%s %s", f.gen, rows[i].args);
        cr_expect(strncmp(f.lua.reply, "!BADARG", 7) == 0, "row %zu: %s", i, f.lua.reply);
    }
    cr_expect_str_eq(lua_do(&f.lua, "HGETALL {sluice:t}:r:a"), before);
    cr_expect_str_eq(lua_do(&f.lua, "HGETALL {sluice:t}:seq"), "()");
}

Test(lua, keys_beyond_the_length_are_refused)
{
    char key[200];

    memset(key, 'k', sizeof(key));
    key[130] = '\0';
    lua_fleet_attach(&f, "A", key);
    memset(key, 'k', sizeof(key));
    key[131] = '\0';
    lua_fleet_run(&f, SCRIPT_ATTACH, "A - r " LUA_ABOUT " %s", key);
    cr_expect(strncmp(f.lua.reply, "!BADARG", 7) == 0, "%s", f.lua.reply);
}

Test(lua, a_key_nobody_attached_is_unknown)
{
    cr_expect_str_eq(lua_fleet_report(&f, "z", 1, "A", 1, "0 3 0 3"), "(UNKNOWN)");
    cr_expect_str_eq(lua_fleet_run(&f, SCRIPT_PROBE, "%s z A 1 1000 1 ask", f.gen),
                     "(UNKNOWN)");
    cr_expect_str_eq(lua_fleet_run(&f, SCRIPT_COOL, "%s z A 1 quota", f.gen), "(UNKNOWN)");
    cr_expect_str_eq(lua_fleet_run(&f, SCRIPT_FORCE, "%s z down 0 me why - i", f.gen),
                     "(UNKNOWN)");
    cr_expect_str_eq(lua_do(&f.lua, "EXISTS {sluice:t}:r:z"), "0");
}

Test(lua, sync_says_same_or_everything)
{
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "SAME");
    cr_expect_str_eq(lua_word(&f.lua, 1), "0");
    cr_expect_str_eq(lua_word(&f.lua, 3), "1");
    lua_fleet_trip(&f);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "FULL");
    cr_expect_str_eq(lua_word(&f.lua, 1), "1");
    cr_expect_not_null(strstr(f.lua.reply, " a open 2 "), "%s", f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " b closed 1 "), "%s", f.lua.reply);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 1 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 0), "SAME");
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:router:A applied"), "1");
}

Test(lua, silent_routers_are_dropped)
{
    lua_fleet_attach(&f, "B", "a b");
    lua_fleet_report(&f, "a", 1, "B", 1, "1 0 0 0");
    lua_fleet_advance(&f, 9000);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 3), "2", "%s", f.lua.reply);
    lua_fleet_advance(&f, 1000);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 3), "1", "%s", f.lua.reply);
    cr_expect_str_eq(lua_do(&f.lua, "EXISTS {sluice:t}:router:B"), "0");
    cr_expect_str_eq(lua_do(&f.lua, "HEXISTS {sluice:t}:seq B"), "0");
    cr_expect_not_null(
        strstr(lua_do(&f.lua, "XREVRANGE {sluice:t}:log + - COUNT 1"), " kind lost "));
    lua_fleet_run(&f, SCRIPT_SYNC, "%s B 0 " LUA_ABOUT, f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 3), "2", "it may come back");
}

Test(lua, leave_is_said_once)
{
    lua_fleet_attach(&f, "B", "a");
    cr_expect_str_eq(lua_fleet_run(&f, SCRIPT_LEAVE, "%s B", f.gen), "(OK)");
    cr_expect_str_eq(lua_fleet_run(&f, SCRIPT_LEAVE, "%s B", f.gen), "(OK)");
    lua_do(&f.lua, "XRANGE {sluice:t}:log - +");
    const char *first = strstr(f.lua.reply, " kind leave ");

    cr_assert_not_null(first);
    cr_expect_null(strstr(first + 1, " kind leave "));
    cr_expect_str_eq(lua_do(&f.lua, "ZRANGE {sluice:t}:routers 0 -1"), "(A)");
}

Test(lua, keys_nobody_names_for_a_day_are_dropped)
{
    lua_fleet_attach(&f, "A", "old forced broken");
    lua_fleet_report(&f, "broken", 1, "A", 1, "0 3 0 3");
    cr_expect_eq(lua_fleet_line(&f).st, BREAKER_OPEN, "and nobody left to probe it");
    lua_fleet_run(&f, SCRIPT_FORCE, "%s forced drain 0 op x - i1", f.gen);
    lua_fleet_advance(&f, 86400000);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 1 " LUA_ABOUT " 0 a b", f.gen);
    cr_expect_str_eq(lua_do(&f.lua, "ZRANGE {sluice:t}:keys 0 -1"), "(forced a b)");
    cr_expect_str_eq(lua_do(&f.lua, "EXISTS {sluice:t}:r:old"), "0");
    cr_expect_str_eq(lua_do(&f.lua, "EXISTS {sluice:t}:r:broken"), "0");
}

Test(lua, a_router_says_what_it_has_left)
{
    static const struct {
        const char *said, *want;
    } rows[] = {
        {"2 a c", " a c)))"},
        {"1 b a b c", " b)))"}, /* the others are keys to know */
        {"0", " )))"},
        {"", " )))"},
    };

    lua_fleet_attach(&f, "A", "a b");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *at;

        lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT " %s", f.gen, rows[i].said);
        lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
        at = strstr(f.lua.reply, "(A h 1 v c 0 0 0 ");
        cr_assert_not_null(at);
        at += strlen("(A h 1 v c 0 0 0 ");
        cr_expect_str_eq(at + strspn(at, "0123456789"), rows[i].want, "row %zu", i);
    }
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT " 3 a b", f.gen);
    cr_expect(strncmp(f.lua.reply, "!BADARG", 7) == 0, "%s", f.lua.reply);
}

Test(lua, snapshot_shows_keys_windows_leases_and_routers)
{
    lua_fleet_attach(&f, "B", "a b");
    lua_fleet_report(&f, "a", 1, "A", 1, "3 1 1 1");
    lua_fleet_run(&f, SCRIPT_COOL, "%s b A 5000 quota", f.gen);
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_str_eq(lua_word(&f.lua, 0), "LOOK");
    cr_expect_str_eq(lua_word(&f.lua, 1), f.gen);
    cr_expect_str_eq(lua_word(&f.lua, 2), "1");
    cr_expect_not_null(strstr(f.lua.reply, " a closed 1 0 0 auto 0 - - 0 3 1 1 0 "), "%s",
                       f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " quota () (- - - 0))"), "%s", f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, "(A h 1 v c 0 0 0 "), "%s", f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, "(B h 1 v c 0 0 0 "), "%s", f.lua.reply);
    lua_do(&f.lua, "FLUSHALL");
    cr_expect_str_eq(lua_run(&f.lua, SCRIPT_SNAPSHOT, ""), "(NONE)");
}

Test(lua, flush_makes_a_new_generation)
{
    char was[sizeof(f.gen)];

    lua_fleet_trip(&f);
    memcpy(was, f.gen, sizeof(f.gen));
    lua_do(&f.lua, "FLUSHALL");
    lua_fleet_attach(&f, "A", "a b");
    cr_expect_str_neq(f.gen, was);
    cr_expect_not_null(strstr(f.lua.reply, " a closed 1 0 0 "), "%s", f.lua.reply);
}

Test(lua, time_never_goes_back_and_never_stands_still)
{
    int64_t now = lua_fleet_now(&f);

    lua_set_now(&f.lua, now + 3600000); /* as if TIME had stepped back by an hour since then */
    lua_fleet_trip(&f);
    int64_t until = lua_fleet_line(&f).until_ms, ahead = lua_fleet_now(&f);

    cr_expect_geq(ahead, now + 3600000);
    cr_expect_leq(until, ahead + 1000);
    while (lua_fleet_now(&f) < until) /* ends only if the clock runs: 500 ms */
        ;
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(GRANT 3)");
}

/* As if TIME had leapt ahead since the last script, and since the heartbeats. */
static void leap(int64_t ms)
{
    char command[160];
    int64_t then_ms = lua_fleet_now(&f) - ms;

    snprintf(command, sizeof(command), "HSET {sluice:t}:meta last %lld", (long long)then_ms);
    lua_do(&f.lua, command);
    snprintf(command, sizeof(command), "ZADD {sluice:t}:routers XX %lld A", (long long)then_ms);
    lua_do(&f.lua, command);
}

Test(lua, a_leap_of_the_clock_is_no_time_that_passed)
{
    int64_t before = lua_fleet_now(&f) - 3600000;

    leap(3600000);
    lua_fleet_run(&f, SCRIPT_FORCE, "- a down 600000 op why - id1");
    struct state_line said = lua_fleet_line(&f);

    cr_expect_lt(said.now_ms, before + 1000, "%s", f.lua.reply);
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 0 " LUA_ABOUT, f.gen);
    cr_expect_not_null(strstr(f.lua.reply, " down "), "%s", f.lua.reply);
    cr_expect_str_eq(lua_word(&f.lua, 3), "1", "nor is anybody lost: %s", f.lua.reply);
    cr_expect_eq(lua_do(&f.lua, "HGET {sluice:t}:meta off")[0], '-', "%s", f.lua.reply);
}

Test(lua, time_passes_while_nobody_lives)
{
    int64_t now = lua_fleet_now(&f);

    lua_fleet_run(&f, SCRIPT_LEAVE, "%s A", f.gen);
    leap(3600000);
    lua_fleet_attach(&f, "B", "a b");
    cr_expect_geq(lua_fleet_now(&f), now);
}

Test(lua, a_wrong_type_is_no_key_and_rubbish_is_no_crash)
{
    lua_do(&f.lua, "SET {sluice:t}:r:a x");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 1, "0 3 0 3"), "(UNKNOWN)");
    lua_do(&f.lua, "DEL {sluice:t}:r:a");
    cr_expect_str_eq(lua_fleet_report(&f, "a", 1, "A", 2, "0 3 0 3"), "(UNKNOWN)");
    lua_do(
        &f.lua,
        "HSET {sluice:t}:r:a st sideways ep -4 until 1e99 n zz forced odd v 99999999999999999");
    lua_fleet_run(&f, SCRIPT_SYNC, "%s A 7 " LUA_ABOUT, f.gen);
    cr_expect_not_null(strstr(f.lua.reply, " a closed 1 0 0 auto 0 - - 0"), "%s", f.lua.reply);
}

Test(lua_restart, data_that_survive_get_a_new_generation)
{
    char was[sizeof(f.gen)];

    lua_fleet_open(&f, "--appendonly yes --appendfsync always");
    lua_fleet_attach(&f, "A", "a b c");
    memcpy(was, f.gen, sizeof(f.gen));
    lua_fleet_trip(&f);
    lua_fleet_advance(&f, 500);
    cr_assert_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(GRANT 3)");
    lua_fleet_run(&f, SCRIPT_FORCE, "%s b down 0 op incident - i1", f.gen);
    redis_server_kill(&f.lua.server);
    redis_server_restart(&f.lua.server);
    lua_connect(&f.lua);
    cr_expect_str_eq(lua_fleet_report(&f, "c", 1, "A", 2, "0 1 0 1"), "(OK)",
                     "the same data until somebody attaches");
    lua_fleet_attach(&f, "A", "a b c");
    cr_expect_str_neq(f.gen, was);
    cr_expect_str_eq(lua_word(&f.lua, 2), "1", "one transition: half-open became open");
    cr_expect_not_null(strstr(f.lua.reply, " a open 4 "), "%s", f.lua.reply);
    cr_expect_not_null(strstr(f.lua.reply, " down 0 incident op "), "%s", f.lua.reply);
    cr_expect_str_eq(lua_do(&f.lua, "HGET {sluice:t}:meta prev"), was);
    cr_expect_str_eq(lua_fleet_probe(&f, "A", 1, "ask"), "(GRANT 5)");
    lua_fleet_close(&f);
}

Test(lua_memory, refused_writes_leave_nothing_half_done_and_looking_goes_on)
{
    lua_fleet_open(&f, "");
    lua_do(&f.lua, "CONFIG SET maxmemory 1");
    lua_fleet_report(&f, "a", 1, "A", 1, "0 3 0 3");
    cr_expect(strncmp(f.lua.reply, "!OOM", 4) == 0, "%s", f.lua.reply);
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    cr_expect_str_eq(lua_word(&f.lua, 0), "LOOK");
    lua_do(&f.lua, "CONFIG SET maxmemory 0");
    cr_expect_str_eq(lua_do(&f.lua, "HEXISTS {sluice:t}:seq A"), "0");
    lua_fleet_close(&f);
}

/* Everything in the database, but for the time of its clock. */
static void read_all(char out[65536])
{
    static const char *const reads[] = {
        "HMGET {sluice:t}:meta run repl gen prev ver born known",
        "HGETALL {sluice:t}:r:a",
        "HGETALL {sluice:t}:r:b",
        "XLEN {sluice:t}:log",
        "ZRANGE {sluice:t}:keys 0 -1",
        "ZRANGE {sluice:t}:routers 0 -1",
        "HGETALL {sluice:t}:seq",
        "ZRANGE {sluice:t}:ok:a 0 -1",
        "ZRANGE {sluice:t}:p:a 0 -1",
        "DBSIZE"};
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_LEN(reads); i++)
        n += (size_t)snprintf(out + n, 65536 - n, "%s\n", lua_do(&f.lua, reads[i]));
}

/* An ACL that lacks one command, whichever: the script says which, and has done nothing. */
Test(lua, a_right_that_is_missing_leaves_nothing_half_done)
{
    static const struct {
        enum script s;
        const char *args; /* behind the generation */
    } rows[] = {
        {SCRIPT_FORCE, "a down 0 me why - i1"},
        {SCRIPT_REPORT, "a 1 A 1 1 9 0 9 " LUA_CONF},
        {SCRIPT_COOL, "a A 1000 throttled"},
        {SCRIPT_CHECK, "a A 1000 ok 200 1"},
        {SCRIPT_SYNC, "C 0 " LUA_ABOUT},
        {SCRIPT_LEAVE, "A"},
        {SCRIPT_REASSERT, "A live g a 1 open 900 1 down - why by 0"},
    };
    static char before[65536], after[65536];
    char command[120], name[32];

    for (const struct redis_script *t = scripts_table; t->name != NULL; t++) {
        for (const char *at = t->text; (at = strstr(at, " redis.call('")) != NULL;) {
            at += strlen(" redis.call('");
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "'"), at);
            read_all(before);
            snprintf(command, sizeof(command), "ACL SETUSER u reset on >p ~* &* +@all -%s",
                     name);
            lua_do(&f.lua, command);
            lua_do(&f.lua, "AUTH u p");
            for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                lua_fleet_run(&f, rows[i].s, "%s %s", f.gen, rows[i].args);
                cr_expect_eq(f.lua.reply[0], '!', "%s %zu: %s", name, i, f.lua.reply);
            }
            lua_do(&f.lua, "AUTH default x");
            read_all(after);
            cr_expect_str_eq(after, before, "without %s", name);
        }
        break; /* each has all of them in front */
    }
}
