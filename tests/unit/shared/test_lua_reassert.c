/* test_lua_reassert.c - what routers knew before, said to a new generation of the data. */
#include "lua_fleet.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct lua_fleet f;
static char old_gen[VIEW_GEN_MAX + 1];

static void setup(void)
{
    lua_fleet_open(&f, "--appendonly yes --appendfsync always");
    memcpy(old_gen, f.gen, sizeof(f.gen));
}

static void teardown(void)
{
    lua_fleet_close(&f);
}

TestSuite(lua_reassert, .init = setup, .fini = teardown);

static void flush(void)
{
    lua_do(&f.lua, "FLUSHALL");
    lua_fleet_attach(&f, "A", "a b");
}

/* The data survive, under a new generation. */
static void restart(void)
{
    redis_server_kill(&f.lua.server);
    redis_server_restart(&f.lua.server);
    lua_connect(&f.lua);
    lua_fleet_attach(&f, "A", "a b");
}

/* keys: ten words per key, as the script's head has them. */
static const char *say(const char *source, const char *prev, const char *keys)
{
    return lua_fleet_run(&f, SCRIPT_REASSERT, "%s A %s %s %s", f.gen, source, prev, keys);
}

static struct state_line line_of(const char *key)
{
    char what[200];

    snprintf(what, sizeof(what), "%s", key);
    lua_run(&f.lua, SCRIPT_SNAPSHOT, "");
    const char *name = strstr(f.lua.reply, what), *at = name;
    struct state_line line = {0};

    cr_assert_not_null(at, "%s", f.lua.reply);
    while (at > f.lua.reply && at[-1] != '(')
        at--;
    const char *end = at;

    for (int i = 0; i < 14 && end != NULL; i++)
        end = strchr(end + 1, ' ');
    cr_assert_not_null(end);
    cr_assert(state_line_decode((struct str){at, (size_t)(end - at)}, &line), "%s", at);
    return line;
}

#define OPEN_A   "a 5 open 20000 3 auto - - - 0"
#define DOWN_A   "a 6 closed 0 0 down - incident op 0"
#define CLOSED_A "a 9 closed 0 0 auto - - - 0"

Test(lua_reassert, after_a_flush_the_more_restrictive_wins)
{
    static const struct {
        const char *name, *first, *second; /* of two routers with different earlier lives */
        enum breaker_state st;
        enum view_forced forced;
    } rows[] = {
        {"open over closed", CLOSED_A, OPEN_A, BREAKER_OPEN, VIEW_AUTO},
        {"open stays", OPEN_A, CLOSED_A, BREAKER_OPEN, VIEW_AUTO},
        {"half-open becomes open", "a 4 half-open 0 1 auto - - - 0", CLOSED_A, BREAKER_OPEN,
         VIEW_AUTO},
        {"down over none", CLOSED_A, DOWN_A, BREAKER_CLOSED, VIEW_DOWN},
        {"down stays", DOWN_A, CLOSED_A, BREAKER_CLOSED, VIEW_DOWN},
        {"down over drain", "a 1 closed 0 0 drain - x y 0", DOWN_A, BREAKER_CLOSED, VIEW_DOWN},
        {"down over up", DOWN_A, "a 1 closed 0 0 up 9000 x y 0", BREAKER_CLOSED, VIEW_DOWN},
        {"both parts", OPEN_A, DOWN_A, BREAKER_OPEN, VIEW_DOWN},
        {"a word that ran out", CLOSED_A, "a 1 closed 0 0 down 0 x y 0", BREAKER_CLOSED,
         VIEW_AUTO},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        flush();
        say("live", "g1", rows[i].first);
        cr_assert_str_eq(lua_word(&f.lua, 0), "OK", "%s", f.lua.reply);
        say("live", "g2", rows[i].second);
        struct state_line line = lua_fleet_line(&f);

        cr_expect_eq(line.st, rows[i].st, "row '%s': %s", rows[i].name, f.lua.reply);
        cr_expect_eq(line.forced, rows[i].forced, "row '%s': %s", rows[i].name, f.lua.reply);
    }
}

/* The surviving data and the newer view of them, a word, are one life; the second view is of
 * yet another. */
Test(lua_reassert, lives_that_met_are_not_in_order_again)
{
    static const struct {
        const char *name, *word, *newer, *other;
        bool other_first;
        enum view_forced forced;
    } rows[] = {
        {"the newer view first", "auto", CLOSED_A, DOWN_A, false, VIEW_DOWN},
        {"the stricter one first", "auto", CLOSED_A, DOWN_A, true, VIEW_DOWN},
        {"one that made nothing stricter", "down", CLOSED_A, CLOSED_A, true, VIEW_AUTO},
        {"stricter both", "auto", DOWN_A, "a 1 closed 0 0 drain - x y 0", true, VIEW_DOWN},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        flush();
        lua_fleet_run(&f, SCRIPT_FORCE, "- a %s 0 op why - id%zu", rows[i].word, i);
        memcpy(old_gen, f.gen, sizeof(f.gen));
        restart();
        if (rows[i].other_first)
            say("live", "another", rows[i].other);
        say("live", old_gen, rows[i].newer);
        if (!rows[i].other_first)
            say("live", "another", rows[i].other);
        cr_expect_eq(lua_fleet_line(&f).forced, rows[i].forced, "row '%s': %s", rows[i].name,
                     f.lua.reply);
    }
}

Test(lua_reassert, the_longer_time_wins_between_lives)
{
    flush();
    say("live", "g1", "a 5 open 20000 3 down 5000 i op 1000");
    say("live", "g2", "a 5 open 40000 4 down 60000 j op 9000");
    struct state_line line = lua_fleet_line(&f);

    cr_expect_geq(line.until_ms - line.now_ms, 39000);
    cr_expect_leq(line.until_ms - line.now_ms, 40000);
    cr_expect_eq(line.trips, 4);
    cr_expect_geq(line.funtil_ms - line.now_ms, 59000);
    cr_expect_geq(line.lim_ms - line.now_ms, 8000);
    say("live", "g3", "a 5 open 30000 3 down 5000 k op 1000");
    cr_expect_eq(lua_fleet_line(&f).ver, line.ver, "a shorter one changes nothing");
    say("live", "g4", "a 5 closed 0 0 down - forever op 0");
    line = lua_fleet_line(&f);
    cr_expect_eq(line.funtil_ms, 0, "no end is the longest");
    cr_expect_str_eq(line.why, "forever");
}

Test(lua_reassert, views_of_one_life_are_in_order)
{
    static const char *const orders[][2] = {{DOWN_A, CLOSED_A}, {CLOSED_A, DOWN_A}};

    for (size_t i = 0; i < ARRAY_LEN(orders); i++) { /* CLOSED_A is the newer */
        flush();
        say("live", "g1", orders[i][0]);
        say("live", "g1", orders[i][1]);
        cr_expect_eq(lua_fleet_line(&f).forced, VIEW_AUTO, "order %zu: %s", i, f.lua.reply);
    }
}

Test(lua_reassert, saying_it_again_has_no_second_effect)
{
    flush();
    say("live", "g1", "a 5 open 20000 3 down 5000 i op 9000");
    struct state_line line = lua_fleet_line(&f);
    int events = lua_fleet_events(&f);

    cr_expect_eq(line.ver, 3u, "three changes, three messages");
    say("live", "g1", "a 5 open 20000 3 down 5000 i op 9000");
    cr_expect_eq(lua_fleet_line(&f).ver, line.ver);
    cr_expect_eq(lua_fleet_line(&f).ep, line.ep);
    cr_expect_eq(lua_fleet_events(&f), events);
}

Test(lua_reassert, it_is_published_and_logged)
{
    flush();
    say("live", "g1", DOWN_A);
    struct state_line line = lua_fleet_line(&f);

    cr_expect_eq(line.ver, 1u);
    cr_expect_eq(line.ep, 2u);
    cr_expect_str_eq(line.why, "incident");
    cr_expect_str_eq(line.by, "op", "the operator stays its author");
    lua_do(&f.lua, "XREVRANGE {sluice:t}:log + - COUNT 1");
    cr_expect_not_null(strstr(f.lua.reply, "kind reassert key a from auto to down"), "%s",
                       f.lua.reply);
}

Test(lua_reassert, surviving_data_yield_to_what_is_newer_only)
{
    lua_fleet_trip(&f); /* version 1 */
    lua_fleet_run(&f, SCRIPT_FORCE, "%s b down 0 op incident - i1", f.gen);
    restart();
    say("live", old_gen, "a 1 closed 0 0 auto - - - 0 b 2 closed 0 0 auto - - - 0");
    cr_expect_eq(line_of(" a ").st, BREAKER_OPEN, "not newer");
    cr_expect_eq(line_of(" b ").forced, VIEW_DOWN, "not newer");
    say("live", old_gen, "a 4 closed 0 0 auto - - - 0 b 3 closed 0 0 auto - - - 0");
    cr_expect_eq(line_of(" a ").st, BREAKER_CLOSED, "the data had lost a change");
    cr_expect_eq(line_of(" b ").forced, VIEW_AUTO, "and the operator's last word");
    say("live", "other", DOWN_A);
    cr_expect_eq(line_of(" a ").forced, VIEW_DOWN, "another life: the more restrictive");
}

Test(lua_reassert, what_happened_in_this_generation_stands)
{
    flush();
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a down 0 op new - i1", f.gen);
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 op over - i2", f.gen);
    lua_fleet_report(&f, "b", 1, "A", 1, "0 3 0 3");
    cr_assert_str_eq(lua_word(&f.lua, 0), "TRIP");
    say("live", "g1", "a 900 closed 0 0 down - old op 0 b 901 closed 0 0 auto - - - 0");
    cr_expect_eq(line_of(" a ").forced, VIEW_AUTO, "a newer word of an operator");
    cr_expect_eq(line_of(" b ").st, BREAKER_OPEN, "a newer trip");
    say("live", "g1", "a 902 open 9000 1 down - old op 0");
    cr_expect_eq(line_of(" a ").st, BREAKER_OPEN, "the breaker had not moved by itself");
    cr_expect_eq(line_of(" a ").forced, VIEW_AUTO);
}

Test(lua_reassert, only_a_young_generation_listens)
{
    static const struct {
        int64_t age_ms;
        enum view_forced want;
    } rows[] = {{2990, VIEW_DOWN}, {3000, VIEW_AUTO}, {3001, VIEW_AUTO}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        flush();
        lua_do(&f.lua, "HGET {sluice:t}:meta born");
        int64_t born = strtoll(f.lua.reply, NULL, 10);
        char at[80];

        /* the clock stands, so that a slow machine cannot pass the limit */
        snprintf(at, sizeof(at), "HSET {sluice:t}:meta born %lld",
                 (long long)(born + 86400000 - rows[i].age_ms));
        lua_do(&f.lua, at);
        lua_set_now(&f.lua, born + 86400000);
        say("live", "g1", DOWN_A);
        cr_expect_eq(lua_fleet_line(&f).forced, rows[i].want, "age %lld",
                     (long long)rows[i].age_ms);
    }
}

Test(lua_reassert, a_file_counts_only_for_the_generation_before)
{
    flush();
    say("file", old_gen, DOWN_A);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_AUTO, "nobody knows what came before a flush");
    memcpy(old_gen, f.gen, sizeof(f.gen));
    restart();
    say("file", "other", DOWN_A);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_AUTO);
    say("file", old_gen, DOWN_A);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_DOWN);
}

Test(lua_reassert, a_key_nobody_attached_stays_unknown)
{
    flush();
    say("live", "g1", "z 5 open 20000 3 down - i op 0 " DOWN_A);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_DOWN);
    cr_expect_str_eq(lua_do(&f.lua, "EXISTS {sluice:t}:r:z"), "0");
}

Test(lua_reassert, times_beyond_the_caps_are_cut)
{
    flush();
    say("live", "g1", "a 5 open 9007199254740991 3 up 9007199254740991 i op 9007199254740991");
    struct state_line line = lua_fleet_line(&f);

    cr_expect_leq(line.until_ms - line.now_ms, STATE_LINE_OPEN_MAX_MS);
    cr_expect_leq(line.lim_ms - line.now_ms, STATE_LINE_LIM_MAX_MS);
    cr_expect_leq(line.funtil_ms - line.now_ms, INT64_C(31622400000));
}

/* The operator is the first to reach a server that took over: what routers remember is older,
 * although its version is higher than any that survived. */
Test(lua_reassert, a_word_before_any_router_stands)
{
    static const char *const words[] = {"auto", "up"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        lua_fleet_attach(&f, "A", "a b");
        memcpy(old_gen, f.gen, sizeof(f.gen));
        lua_do(&f.lua, "HSET {sluice:t}:meta run other");
        lua_fleet_run(&f, SCRIPT_FORCE, "- a %s 0 me why - early-%zu", words[i], i);
        cr_assert_str_eq(lua_word(&f.lua, 0), "OK", "%s", f.lua.reply);
        lua_fleet_attach(&f, "A", "a b");
        cr_assert_str_neq(f.gen, old_gen, "the word began a new generation");
        say("live", old_gen, DOWN_A);
        cr_expect_str_eq(view_forced_name(lua_fleet_line(&f).forced), words[i], "%s",
                         f.lua.reply);
    }
}

Test(lua_reassert, auto_over_nothing_is_a_word_too)
{
    restart();
    lua_fleet_run(&f, SCRIPT_FORCE, "%s a auto 0 me why - once", f.gen);
    cr_assert_str_eq(lua_word(&f.lua, 0), "OK", "%s", f.lua.reply);
    say("live", old_gen, DOWN_A);
    cr_expect_eq(lua_fleet_line(&f).forced, VIEW_AUTO, "%s", f.lua.reply);
}
