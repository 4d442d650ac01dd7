/* test_server.c - the simulator's Redis behaves like a real one: the same random calls of every
 * script get the same answers from both, and leave the same data.
 *
 *   HOST_SEED=N   another sequence of calls */
#include "tests/sim/server.h"
#include "tests/unit/shared/lua_call.h"

#include "base/base.h"
#include "base/rand.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS       3000
#define SNAPSHOT_AT 100                    /* calls between two looks at all data */
#define START_MS    INT64_C(4000000000000) /* ahead of both clocks: the same time in both */

static struct lua real, host;
static struct rand r;
static int64_t now_ms;
static int seq;

static int64_t clock_us(void)
{
    return 0;
}

static void start(void)
{
    const char *seed = getenv("HOST_SEED");

    rand_init(&r, seed != NULL ? strtoull(seed, NULL, 10) : 1);
    cr_assert(server_load(NULL));
    lua_start(&real, "");
    lua_start_host(&host, clock_us);
}

static void stop(void)
{
    lua_stop(&real);
    lua_stop(&host);
    server_unload();
}

TestSuite(server, .init = start, .fini = stop);

static int below(int n)
{
    return (int)rand_below(&r, (uint64_t)n);
}

static const char *word(const char *const *of, size_t n)
{
    return of[rand_below(&r, n)];
}
#define WORD(...)                                                                              \
    word((const char *const[]){__VA_ARGS__},                                                   \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

/* An answer up to what Redis adds to a script's error. */
static size_t length(const char *reply)
{
    const char *end = reply[0] == '!' ? strstr(reply, " script: ") : NULL;

    return end != NULL ? (size_t)(end - reply) : strlen(reply);
}

static void expect_same(const char *what)
{
    size_t n = length(real.reply);

    cr_assert(length(host.reply) == n && strncmp(real.reply, host.reply, n) == 0,
              "%s\n  Redis      %s\n  simulated  %s", what, real.reply, host.reply);
}

static void both_do(const char *command)
{
    lua_do(&real, command);
    lua_do(&host, command);
}

static void both_run(enum script s, const char *args)
{
    char what[700];

    lua_set_now(&real, now_ms);
    lua_set_now(&host, now_ms);
    lua_run(&real, s, args);
    lua_run(&host, s, args);
    snprintf(what, sizeof(what), "%s %s", scripts_name(s), args);
    expect_same(what);
}

/* ---- the same data? ---- */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A hash's words in an order of their own: fields come in any. */
static void sort_words(char *text)
{
    char *words[800], copy[sizeof(real.reply)];
    size_t n = 0, at = 0;

    for (char *rest = text, *w; (w = strsep(&rest, " ()")) != NULL;) {
        cr_assert_lt(n, ARRAY_LEN(words));
        words[n++] = w;
    }
    qsort(words, n, sizeof(words[0]), by_text);
    for (size_t i = 0; i < n; i++)
        at += (size_t)snprintf(copy + at, sizeof(copy) - at, "%s ", words[i]);
    memcpy(text, copy, at + 1);
}

static void compare_data(void)
{
    static const char *const hashes[] = {"seq",     "r:a",     "r:b",      "w:a",  "w:b",
                                         "check:a", "check:b", "au:a",     "au:b", "dis:a",
                                         "dis:b",   "lat:a",   "router:r0"};
    static const char *const sets[] = {"keys", "routers", "forced", "p:a",   "p:b",
                                       "ok:a", "ok:b",    "row:a",  "row:b", "rep:a"};
    char command[100];

    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        snprintf(command, sizeof(command), "HGETALL {sluice:t}:%s", hashes[i]);
        both_do(command);
        sort_words(real.reply);
        sort_words(host.reply);
        expect_same(command);
    }
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        snprintf(command, sizeof(command), "ZRANGE {sluice:t}:%s 0 -1 WITHSCORES", sets[i]);
        both_do(command);
        expect_same(command);
    }
    both_do("HMGET {sluice:t}:meta gen prev ver born last");
    expect_same("meta");
}

/* ---- random calls ---- */

static const char *gen(void)
{
    return below(50) > 0 ? "g1" : "g0";
}

static const char *router(void)
{
    return WORD("r0", "r1", "r2", "r3");
}

static const char *key(void)
{
    return below(100) > 0 ? WORD("a", "a", "b") : "nobody";
}

/* Of key a, mostly: what is open or probed should be so by more than chance. */
static int epoch(void)
{
    lua_do(&host, "HGET {sluice:t}:r:a ep");
    return (int)strtol(lua_word(&host, 0), NULL, 10) - (below(20) == 0);
}

static enum script draw_report(char args[300])
{
    int ok = below(2) > 0 ? 0 : below(3), fail = ok > 0 && below(5) > 0 ? 0 : below(3);
    const char *by = fail > 0 && below(8) > 0 ? "r3" : router(); /* one is often overruled */

    snprintf(args, 300, "%s %s %d %s %d %d %d %d %d 3 50 12 30 20000 800 6000 30000 %d %s",
             gen(), key(), epoch(), by, seq += below(20) > 0, ok, fail, below(2) * fail, fail,
             below(65536), WORD("none", "second_opinion", "second_opinion", "quorum:2"));
    return SCRIPT_REPORT;
}

static enum script draw_probe(char args[300])
{
    snprintf(args, 300, "%s %s %s %d %d %d %s", gen(), key(), WORD("r0", "r0", "r1", "r3"), 1,
             below(50) > 0 ? 1 + below(2000) : 0, 1 + below(2), WORD("ask", "ask", "renew"));
    return SCRIPT_PROBE;
}

static enum script draw_done(char args[300])
{
    snprintf(args, 300, "%s %s %s %d %d %s 800 6000 %d %d", gen(), key(),
             WORD("r0", "r0", "r1", "r3"), epoch(), 1 + (below(20) == 0),
             WORD("ok", "ok", "ok", "fail", "abandon", "what"), 1 + below(2), below(65536));
    return SCRIPT_DONE;
}

static enum script draw_force(char args[300])
{
    char expect[16];

    snprintf(expect, sizeof(expect), "%d", epoch());
    snprintf(args, 300, "%s %s %s %d op why%%-\xc3\xa4 %s id%d%s", WORD("-", gen()), key(),
             WORD("up", "down", "drain", "auto", "auto", "auto", "sideways"),
             below(8) * below(1000), below(2) > 0 ? "-" : expect, below(200),
             WORD("", " reset"));
    return SCRIPT_FORCE;
}

static enum script draw_reassert(char args[300])
{
    snprintf(args, 300, "%s %s %s %s a %d %s %d %d %s %s why by %d", gen(), router(),
             WORD("live", "file"), WORD("g9", "g8"), below(20),
             WORD("closed", "open", "half-open"), below(5000), below(5),
             WORD("auto", "up", "down"), WORD("-", "500"), below(3000));
    return SCRIPT_REASSERT;
}

static enum script draw_check(char args[300])
{
    static const char *const seen[] = {"", " ok 200 12", " fail timeout 900", " maybe x 1"};

    snprintf(args, 300, "%s %s %s %d%s", gen(), key(), router(), 1 + below(3000),
             seen[below(4)]);
    return SCRIPT_CHECK;
}

static enum script draw_share(char args[300])
{
    snprintf(args, 300, "%s %s a %d %d %d %d %d %d b 0 0 0 %d 50 1", gen(), router(),
             below(90000), below(900000), below(100), below(9), below(101), below(100),
             below(9));
    return SCRIPT_AVERAGES;
}

static enum script draw_presence(char args[300])
{
    int what = below(20);

    if (what == 0) {
        snprintf(args, 300, "%s %s", gen(), router());
        return SCRIPT_LEAVE;
    }
    if (what < 3) {
        args[0] = '\0';
        return SCRIPT_SNAPSHOT;
    }
    if (what < 7) {
        snprintf(args, 300, "%s - x h 1 v c 0 %d a b", router(), below(9));
        return SCRIPT_ATTACH;
    }
    lua_do(&host, "HGET {sluice:t}:meta ver");
    int applied = (int)strtol(lua_word(&host, 0), NULL, 10);

    snprintf(args, 300, "%s %s %d h 1 v c 0 %d%s", gen(), router(), below(2) * applied,
             below(9), WORD("", "", " a b"));
    return SCRIPT_SYNC;
}

static enum script draw_cool(char args[300])
{
    snprintf(args, 300, "%s %s %s %d %s", gen(), key(), router(), below(4000),
             WORD("throttled", "quota", "auth", "auth"));
    return SCRIPT_COOL;
}

/* What the scripts can say; a test that never hears it shows nothing. */
static const char *const answers[] = {
    "OK",  "TRIP",  "STALE", "DUP",  "ALONE", "GRANT", "NO",   "MOVED",    "EXPIRED", "UNKNOWN",
    "GEN", "NOTED", "HELD",  "BUSY", "SAME",  "FULL",  "LOOK", "CONFLICT", "!BADARG"};

static void note_answer(int heard[])
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        heard[i] += strcmp(lua_word(&real, 0), answers[i]) == 0;
}

/* Chance finds it hard: r3 alone fails, r0 proves it wrong, r3 is overruled. */
static void play_second_opinion(void)
{
#define REPORT_CONF "3 0 1 0 20000 800 6000 30000 0 second_opinion"
    both_run(SCRIPT_REPORT, "g1 a 1 r0 1 1 0 0 0 " REPORT_CONF);
    both_run(SCRIPT_REPORT, "g1 a 1 r3 2 0 3 0 3 " REPORT_CONF);
    both_run(SCRIPT_PROBE, "g1 a r3 1 500 2 ask");
    both_run(SCRIPT_PROBE, "g1 a r0 1 500 2 ask");
    both_run(SCRIPT_DONE, "g1 a r0 3 1 ok 800 6000 2 0");
    both_run(SCRIPT_REPORT, "g1 a 4 r3 3 0 3 0 3 " REPORT_CONF);
    compare_data();
    seq = 4;
}

Test(server, answers_as_redis_does)
{
    static enum script (*const draws[])(char args[300]) = {
        draw_report,   draw_report, draw_report,  draw_probe, draw_probe,
        draw_done,     draw_done,   draw_force,   draw_check, draw_share,
        draw_presence, draw_cool,   draw_reassert};
    int heard[ARRAY_LEN(answers)] = {0};
    char args[300];

    now_ms = START_MS;
    both_do("FLUSHALL");
    for (int i = 0; i < 4; i++) {
        snprintf(args, sizeof(args), "r%d - x h 1 v c 0 0 a b", i);
        lua_set_now(&real, now_ms);
        lua_set_now(&host, now_ms);
        lua_run(&real, SCRIPT_ATTACH, args);
        lua_run(&host, SCRIPT_ATTACH, args);
    }
    both_do("HSET {sluice:t}:meta gen g1 prev g9");
    both_do("HDEL {sluice:t}:r:a sum"); /* it names the generation that each began with */
    both_do("HDEL {sluice:t}:r:b sum");
    play_second_opinion();
    note_answer(heard);
    for (int i = 0; i < CALLS; i++) {
        now_ms += below(4) > 0 ? below(60) : below(800);
        if (below(60) == 0) { /* re-assertion is for the young */
            char born[80];

            snprintf(born, sizeof(born), "HSET {sluice:t}:meta born %" PRId64, now_ms);
            both_do(born);
        }
        both_run(draws[below((int)ARRAY_LEN(draws))](args), args);
        note_answer(heard);
        if (i % SNAPSHOT_AT == 0 || i == CALLS - 1)
            compare_data();
    }
    for (size_t i = 0; i < ARRAY_LEN(answers); i++)
        cr_expect_gt(heard[i], 0, "no script ever said %s", answers[i]);
}

/* A run id of its own tells a server from another: a new generation on both. */
Test(server, another_life_is_a_new_generation)
{
    char was[64];

    lua_run(&host, SCRIPT_ATTACH, "r0 - x h 1 v c 0 0 a");
    snprintf(was, sizeof(was), "%s", lua_word(&host, 1));
    cr_expect_eq(strlen(was), 16u);
    host.host->life++;
    lua_run(&host, SCRIPT_ATTACH, "r0 - x h 1 v c 0 0 a");
    cr_expect_str_neq(lua_word(&host, 1), was);
}
