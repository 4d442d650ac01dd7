/* test_lua.c - each script, each reply, against a real Redis. */
#include "lua_call.h"

#include "base/base.h"
#include "state/codec.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* threshold rate minimum slow_rate window recovery recovery_max forgive jitter */
#define CONF  "3 50 4 0 10000 1000 8000 60000 0"
#define ABOUT "h 1 v c 0 0" /* host pid version config started load */

static char gen[VIEW_GEN_MAX + 1];

static const char *runf(struct lua *l, enum script s, const char *fmt, ...) PRINTF_LIKE(3, 4);
static const char *runf(struct lua *l, enum script s, const char *fmt, ...)
{
    char args[4096];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(args, sizeof(args), fmt, ap);
    va_end(ap);
    return lua_run(l, s, args);
}

static void attach(struct lua *l, const char *router, const char *keys)
{
    runf(l, SCRIPT_ATTACH, "%s - r4nd " ABOUT " %s", router, keys);
    cr_assert_str_eq(lua_word(l, 0), "OK", "%s", l->reply);
    snprintf(gen, sizeof(gen), "%s", lua_word(l, 1));
}

static const char *report(struct lua *l, const char *key, int ep, const char *router, int seq,
                          const char *counts)
{
    return runf(l, SCRIPT_REPORT, "%s %s %d %s %d %s " CONF, gen, key, ep, router, seq, counts);
}

static const char *probe(struct lua *l, const char *router, int token, const char *how)
{
    return runf(l, SCRIPT_PROBE, "%s a %s %d 10000 2 %s", gen, router, token, how);
}

static const char *done(struct lua *l, const char *router, int ep, int token,
                        const char *verdict)
{
    return runf(l, SCRIPT_DONE, "%s a %s %d %d %s 1000 8000 2 0", gen, router, ep, token,
                verdict);
}

static int64_t now_of(struct lua *l)
{
    runf(l, SCRIPT_LOOK, "%s", "");
    return strtoll(lua_word(l, 3), NULL, 10);
}

static void advance(struct lua *l, int64_t ms)
{
    lua_set_now(l, now_of(l) + ms);
}

/* The one line of the last reply, decoded: a reply that holds a line ends with it. */
static struct codec_line line_of(const struct lua *l)
{
    char start[sizeof(gen) + 4];

    snprintf(start, sizeof(start), "1 %s ", gen);
    const char *at = strstr(l->reply, start);
    struct codec_line line = {0};

    cr_assert_not_null(at, "%s", l->reply);
    cr_assert(codec_decode((struct str){at, strcspn(at, ")")}, &line), "%s", l->reply);
    return line;
}

static int published(struct lua *l) /* events in the log of changes to keys */
{
    int n = 0;

    lua_do(l, "XRANGE {sluice:t}:log - +");
    for (const char *at = l->reply; (at = strstr(at, " kind ")) != NULL; at++)
        n += strstr(at, " key - ") != strstr(at, " key ");
    return n;
}

static struct lua l;

static void open_fleet(void)
{
    lua_open(&l, "");
    attach(&l, "A", "a b");
}

static void close_fleet(void)
{
    lua_close(&l);
}

TestSuite(lua, .init = open_fleet, .fini = close_fleet);

Test(lua, attach_gives_a_closed_line_per_key)
{
    attach(&l, "B", "a b c");
    cr_expect_str_eq(lua_word(&l, 2), "0");
    cr_expect_str_eq(lua_word(&l, 5), "2", "two live routers: %s", l.reply);
    const char *c = strstr(l.reply, " c closed 1 0 0 auto 0 - - 0)");

    cr_expect_not_null(c, "%s", l.reply);
}

Test(lua, attach_again_keeps_the_generation)
{
    char was[sizeof(gen)];

    memcpy(was, gen, sizeof(gen));
    attach(&l, "A", "a b");
    cr_expect_str_eq(gen, was);
}

Test(lua, other_generation_does_nothing)
{
    static const struct {
        enum script s;
        const char *args;
    } rows[] = {
        {SCRIPT_SYNC, "x A 0 " ABOUT},
        {SCRIPT_REPORT, "x a 1 A 1 0 9 0 9 " CONF},
        {SCRIPT_PROBE, "x a A 1 1000 1 ask"},
        {SCRIPT_DONE, "x a A 1 1 ok 1000 8000 1 0"},
        {SCRIPT_COOL, "x a A 1000 throttled"},
        {SCRIPT_FORCE, "x a down 0 me why - id1"},
        {SCRIPT_LEAVE, "x A"},
    };
    char before[sizeof(l.reply)];

    lua_do(&l, "HGETALL {sluice:t}:meta");
    memcpy(before, l.reply, sizeof(before));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(lua_run(&l, rows[i].s, rows[i].args), "(GEN)", "row %zu", i);
    cr_expect_str_eq(lua_do(&l, "HGETALL {sluice:t}:meta"), before);
    lua_do(&l, "FLUSHALL");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(lua_run(&l, rows[i].s, rows[i].args),
                         rows[i].s == SCRIPT_FORCE ? "(UNKNOWN)" : "(GEN)", "row %zu", i);
    cr_expect_str_eq(lua_do(&l, "DBSIZE"), "0");
}

Test(lua, bad_arguments_are_refused_and_change_nothing)
{
    static const struct {
        enum script s;
        const char *args; /* behind the generation */
    } rows[] = {
        {SCRIPT_SYNC, "A -1 " ABOUT},
        {SCRIPT_SYNC, "A 9007199254740992 " ABOUT},
        {SCRIPT_SYNC, "A 0 h"},
        {SCRIPT_REPORT, "a 1 A 1 0 2 0 3 " CONF},                             /* hard > fail */
        {SCRIPT_REPORT, "a 1 A 1 1 1 3 1 " CONF},                             /* slow > all */
        {SCRIPT_REPORT, "a 1 A 0 1 1 0 1 " CONF},                             /* seq 0 */
        {SCRIPT_REPORT, "a 1 A 1 1000001 0 0 0 " CONF},                       /* too many */
        {SCRIPT_REPORT, "a 1e3 A 1 1 0 0 0 " CONF},                           /* no number */
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
    };
    char before[sizeof(l.reply)];

    lua_do(&l, "HGETALL {sluice:t}:r:a");
    memcpy(before, l.reply, sizeof(before));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        runf(&l, rows[i].s, "%s %s", gen, rows[i].args);
        cr_expect(strncmp(l.reply, "!BADARG", 7) == 0, "row %zu: %s", i, l.reply);
    }
    cr_expect_str_eq(lua_do(&l, "HGETALL {sluice:t}:r:a"), before);
    cr_expect_str_eq(lua_do(&l, "HGETALL {sluice:t}:seq"), "()");
}

Test(lua, keys_beyond_the_length_are_refused)
{
    char key[200];

    memset(key, 'k', sizeof(key));
    key[130] = '\0';
    attach(&l, "A", key);
    memset(key, 'k', sizeof(key));
    key[131] = '\0';
    runf(&l, SCRIPT_ATTACH, "A - r " ABOUT " %s", key);
    cr_expect(strncmp(l.reply, "!BADARG", 7) == 0, "%s", l.reply);
}

Test(lua, failures_of_two_routers_trip_once)
{
    attach(&l, "B", "a b");
    cr_expect_str_eq(report(&l, "a", 1, "A", 1, "0 2 0 2"), "(OK)");
    report(&l, "a", 1, "B", 1, "0 1 0 1");
    cr_assert_str_eq(lua_word(&l, 0), "TRIP");
    struct codec_line line = line_of(&l);

    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.ep, 2u);
    cr_expect_eq(line.ver, 1u);
    cr_expect_eq(line.trips, 1);
    cr_expect_eq(line.until_ms - line.now_ms, 500, "d(1) with jitter 0 is half of 1000");
    cr_expect_str_eq(line.why, "3_failures_in_a_row");
    cr_expect_str_eq(line.by, "B");
    report(&l, "a", 1, "A", 2, "0 1 0 1");
    cr_expect_str_eq(lua_word(&l, 0), "STALE", "%s", l.reply);
    cr_expect_eq(line_of(&l).ep, 2u);
    cr_expect_eq(published(&l), 1);
}

Test(lua, a_success_of_anyone_ends_the_row)
{
    report(&l, "a", 1, "A", 1, "3 2 0 2");
    cr_expect_str_eq(report(&l, "a", 1, "A", 2, "1 0 0 0"), "(OK)");
    cr_expect_str_eq(report(&l, "a", 1, "A", 3, "4 2 0 2"), "(OK)");
}

Test(lua, the_rate_rule_says_its_numbers)
{
    report(&l, "a", 1, "A", 1, "2 1 0 0");
    report(&l, "a", 1, "A", 2, "0 1 0 1");
    cr_assert_str_eq(lua_word(&l, 0), "TRIP", "%s", l.reply);
    cr_expect_str_eq(line_of(&l).why, "50_percent_of_4_failed");
}

Test(lua, a_replayed_report_counts_once)
{
    cr_expect_str_eq(report(&l, "a", 1, "A", 5, "0 2 0 2"), "(OK)");
    cr_expect_str_eq(report(&l, "a", 1, "A", 5, "0 2 0 2"), "(DUP)");
    cr_expect_str_eq(report(&l, "a", 1, "A", 4, "0 2 0 2"), "(DUP)");
    cr_expect_str_eq(lua_do(&l, "HGET {sluice:t}:r:a hard"), "2");
}

Test(lua, a_key_nobody_attached_is_unknown)
{
    cr_expect_str_eq(report(&l, "z", 1, "A", 1, "0 3 0 3"), "(UNKNOWN)");
    cr_expect_str_eq(runf(&l, SCRIPT_PROBE, "%s z A 1 1000 1 ask", gen), "(UNKNOWN)");
    cr_expect_str_eq(runf(&l, SCRIPT_COOL, "%s z A 1 quota", gen), "(UNKNOWN)");
    cr_expect_str_eq(runf(&l, SCRIPT_FORCE, "%s z down 0 me why - i", gen), "(UNKNOWN)");
    cr_expect_str_eq(lua_do(&l, "EXISTS {sluice:t}:r:z"), "0");
}

static void trip(void)
{
    report(&l, "a", 1, "A", 1, "0 3 0 3");
    cr_assert_str_eq(lua_word(&l, 0), "TRIP", "%s", l.reply);
}

Test(lua, probes_are_counted_fleet_wide)
{
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(NO closed)");
    trip();
    probe(&l, "A", 1, "ask");
    cr_expect_str_eq(lua_word(&l, 1), "wait", "%s", l.reply);
    cr_expect_leq(atol(lua_word(&l, 2)), 500);
    advance(&l, 500);
    cr_expect_str_eq(probe(&l, "A", 1, "renew"), "(NO gone)");
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(GRANT 3)");
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(GRANT 3)", "same token, same answer");
    cr_expect_str_eq(probe(&l, "B", 1, "ask"), "(GRANT 3)", "another router's token");
    probe(&l, "C", 1, "ask");
    cr_expect_str_eq(lua_word(&l, 1), "busy", "%s", l.reply);
    cr_expect_str_eq(probe(&l, "A", 1, "renew"), "(GRANT 3)");
    cr_expect_str_eq(probe(&l, "C", 1, "renew"), "(NO gone)");
    cr_expect_str_eq(done(&l, "B", 3, 1, "abandon"), "(OK 0)");
    cr_expect_str_eq(probe(&l, "C", 1, "ask"), "(GRANT 3)");
    cr_expect_eq(published(&l), 2, "trip and half-open");
}

Test(lua, lost_probes_give_their_slots_back)
{
    trip();
    advance(&l, 500);
    probe(&l, "A", 1, "ask");
    probe(&l, "A", 2, "ask");
    advance(&l, 9000);
    probe(&l, "A", 3, "ask");
    cr_expect_str_eq(lua_word(&l, 1), "busy");
    cr_expect_leq(atol(lua_word(&l, 2)), 1000);
    advance(&l, 1000);
    cr_expect_str_eq(probe(&l, "A", 3, "ask"), "(GRANT 3)");
    cr_expect_str_eq(done(&l, "A", 3, 1, "ok"), "(EXPIRED)");
}

Test(lua, enough_successes_close)
{
    trip();
    advance(&l, 500);
    probe(&l, "A", 1, "ask");
    probe(&l, "A", 2, "ask");
    done(&l, "A", 2, 1, "ok");
    cr_expect_str_eq(lua_word(&l, 0), "STALE", "%s", l.reply);
    cr_expect_str_eq(done(&l, "A", 3, 1, "ok"), "(OK 1)");
    cr_expect_str_eq(done(&l, "A", 3, 1, "ok"), "(EXPIRED)", "a replay counts once");
    done(&l, "A", 3, 2, "ok");
    cr_assert_str_eq(lua_word(&l, 0), "MOVED", "%s", l.reply);
    struct codec_line line = line_of(&l);

    cr_expect_eq(line.st, BREAKER_CLOSED);
    cr_expect_eq(line.ep, 4u);
    cr_expect_eq(line.until_ms, 0);
    cr_expect_str_eq(line.why, "2_probes_succeeded");
}

Test(lua, a_failed_probe_doubles_the_open_time)
{
    trip();
    advance(&l, 500);
    probe(&l, "A", 1, "ask");
    probe(&l, "A", 2, "ask");
    done(&l, "A", 3, 1, "fail");
    struct codec_line line = line_of(&l);

    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.trips, 2);
    cr_expect_eq(line.until_ms - line.now_ms, 1000);
    done(&l, "A", 3, 2, "ok");
    cr_expect_str_eq(lua_word(&l, 0), "STALE");
}

Test(lua, the_longer_cooling_wins)
{
    runf(&l, SCRIPT_COOL, "%s a A 5000 throttled", gen);
    struct codec_line one = line_of(&l);

    cr_expect_eq(one.lim_ms - one.now_ms, 5000);
    cr_expect_eq(one.ep, 1u, "the epoch stays");
    runf(&l, SCRIPT_COOL, "%s a A 100 throttled", gen);
    cr_expect_eq(line_of(&l).lim_ms, one.lim_ms);
    cr_expect_eq(line_of(&l).ver, one.ver);
    runf(&l, SCRIPT_COOL, "%s a A 99999999999 quota", gen);
    cr_expect_eq(line_of(&l).lim_ms - line_of(&l).now_ms, CODEC_LIM_MAX_MS, "%s", l.reply);
    cr_expect_eq(published(&l), 2);
    advance(&l, CODEC_LIM_MAX_MS);
    runf(&l, SCRIPT_COOL, "%s a A 0 quota", gen);
    cr_expect_eq(line_of(&l).lim_ms, 0, "%s", l.reply);
}

Test(lua, force_is_compare_and_set)
{
    runf(&l, SCRIPT_FORCE, "%s a down 0 me incident 7 i1", gen);
    cr_expect_str_eq(lua_word(&l, 0), "CONFLICT");
    cr_expect_str_eq(lua_word(&l, 1), "1");
    cr_expect_eq(published(&l), 0);
    runf(&l, SCRIPT_FORCE, "%s a down 0 me incident 1 i1", gen);
    cr_expect_str_eq(lua_word(&l, 0), "OK");
    cr_expect_str_eq(lua_word(&l, 1), "1");
}

Test(lua, force_lays_a_word_over_the_breaker)
{
    runf(&l, SCRIPT_FORCE, "%s a down 60000 op incident - i1", gen);
    struct codec_line line = line_of(&l);

    cr_expect_eq(line.forced, VIEW_DOWN);
    cr_expect_eq(line.funtil_ms - line.now_ms, 60000);
    cr_expect_eq(line.st, BREAKER_CLOSED, "the machine runs on underneath");
    cr_expect_eq(line.ep, 2u);
    cr_expect_str_eq(line.by, "op");
    cr_expect_str_eq(line.why, "incident");
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(NO forced)");
    report(&l, "a", 2, "A", 1, "0 3 0 3");
    line = line_of(&l);
    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.forced, VIEW_DOWN);
    cr_expect_str_eq(line.why, "incident", "the word in force is told first");
    runf(&l, SCRIPT_FORCE, "%s a auto 0 op back - i2", gen);
    line = line_of(&l);
    cr_expect_eq(line.forced, VIEW_AUTO);
    cr_expect_eq(line.st, BREAKER_OPEN);
    cr_expect_eq(line.ep, 4u);
    cr_expect_eq(published(&l), 3);
}

Test(lua, auto_with_reset_starts_the_breaker_anew)
{
    trip();
    runf(&l, SCRIPT_FORCE, "%s a auto 0 op better - i1 reset", gen);
    struct codec_line line = line_of(&l);

    cr_expect_eq(line.st, BREAKER_CLOSED);
    cr_expect_eq(line.trips, 0);
    cr_expect_eq(line.ep, 3u);
    runf(&l, SCRIPT_FORCE, "%s a auto 0 op again - i2", gen);
    cr_expect_eq(line_of(&l).ep, 3u, "nothing to do, nothing done");
}

Test(lua, the_same_request_has_one_effect)
{
    runf(&l, SCRIPT_FORCE, "%s a down 0 op one - i1", gen);
    runf(&l, SCRIPT_FORCE, "%s a auto 0 op two - i2", gen);
    runf(&l, SCRIPT_FORCE, "%s a down 0 op one - i1", gen);
    cr_expect_str_eq(lua_word(&l, 0), "OK");
    cr_expect_str_eq(lua_word(&l, 1), "1", "the version of then");
    cr_expect_eq(line_of(&l).forced, VIEW_AUTO);
    for (int i = 3; i <= 10; i++) /* i2 is the ninth from the end now */
        runf(&l, SCRIPT_FORCE, "%s a drain 0 op more - i%d", gen, i);
    runf(&l, SCRIPT_FORCE, "%s a up 0 op more - i3", gen);
    cr_expect_str_eq(lua_word(&l, 1), "3", "eight are remembered: %s", l.reply);
    runf(&l, SCRIPT_FORCE, "%s a up 0 op more - i2", gen);
    cr_expect_str_eq(lua_word(&l, 1), "11", "the ninth is not");
}

Test(lua, a_forced_state_ends_as_a_transition)
{
    runf(&l, SCRIPT_FORCE, "%s a down 1000 op x - i1", gen);
    advance(&l, 900);
    lua_run(&l, SCRIPT_LOOK, "");
    cr_expect_not_null(strstr(l.reply, " down "), "%s", l.reply);
    advance(&l, 100);
    runf(&l, SCRIPT_SYNC, "%s A 1 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 0), "FULL");
    cr_expect_str_eq(lua_word(&l, 1), "2");
    cr_expect_not_null(strstr(l.reply, " a closed 3 0 0 auto 0 forced_state_ran_out fleet 0"),
                       "%s", l.reply);
    cr_expect_eq(published(&l), 2);
    cr_expect_str_eq(lua_do(&l, "ZCARD {sluice:t}:forced"), "0");
}

Test(lua, a_forced_state_that_ran_out_is_gone_before_anything_else)
{
    runf(&l, SCRIPT_FORCE, "%s a down 1000 op x - i1", gen);
    advance(&l, 1000);
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(NO closed)");
    cr_expect_str_eq(lua_do(&l, "HGET {sluice:t}:meta ver"), "2");
}

Test(lua, words_of_operators_are_encoded_and_cut_to_fit)
{
    char long_key[131], why[400];

    memset(long_key, 'k', 130);
    long_key[130] = '\0';
    attach(&l, "A", long_key);
    for (int i = 0; i < 60; i++)
        memcpy(why + 2 * i, "\xc3\xa4", 3); /* a-umlaut: 120 bytes, 360 encoded */
    runf(&l, SCRIPT_FORCE, "%s %s down 0 the\n%%op %s - i1", gen, long_key, why);
    struct codec_line line = line_of(&l);

    cr_expect_str_eq(line.by, "the %op");
    cr_expect_eq(strlen(line.why) % 2, 0u, "no half character: %s", line.why);
    cr_expect_gt(strlen(line.why), 40u);
    runf(&l, SCRIPT_FORCE, "%s a down 0 - \"\" - i1", gen);
    line = line_of(&l);
    cr_expect_str_eq(line.by, "-");
    cr_expect_str_eq(line.why, "");
}

Test(lua, sync_says_same_or_everything)
{
    runf(&l, SCRIPT_SYNC, "%s A 0 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 0), "SAME");
    cr_expect_str_eq(lua_word(&l, 1), "0");
    cr_expect_str_eq(lua_word(&l, 3), "1");
    trip();
    runf(&l, SCRIPT_SYNC, "%s A 0 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 0), "FULL");
    cr_expect_str_eq(lua_word(&l, 1), "1");
    cr_expect_not_null(strstr(l.reply, " a open 2 "), "%s", l.reply);
    cr_expect_not_null(strstr(l.reply, " b closed 1 "), "%s", l.reply);
    runf(&l, SCRIPT_SYNC, "%s A 1 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 0), "SAME");
    cr_expect_str_eq(lua_do(&l, "HGET {sluice:t}:router:A applied"), "1");
}

Test(lua, an_open_line_is_never_in_the_past)
{
    trip();
    advance(&l, 100000);
    report(&l, "a", 1, "A", 2, "1 0 0 0");
    cr_assert_str_eq(lua_word(&l, 0), "STALE");
    cr_expect_eq(line_of(&l).st, BREAKER_OPEN);
    cr_expect_eq(line_of(&l).until_ms, line_of(&l).now_ms);
}

Test(lua, silent_routers_are_dropped)
{
    attach(&l, "B", "a b");
    report(&l, "a", 1, "B", 1, "1 0 0 0");
    advance(&l, 9000);
    runf(&l, SCRIPT_SYNC, "%s A 0 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 3), "2", "%s", l.reply);
    advance(&l, 1000);
    runf(&l, SCRIPT_SYNC, "%s A 0 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 3), "1", "%s", l.reply);
    cr_expect_str_eq(lua_do(&l, "EXISTS {sluice:t}:router:B"), "0");
    cr_expect_str_eq(lua_do(&l, "HEXISTS {sluice:t}:seq B"), "0");
    cr_expect_not_null(
        strstr(lua_do(&l, "XREVRANGE {sluice:t}:log + - COUNT 1"), " kind lost "));
    runf(&l, SCRIPT_SYNC, "%s B 0 " ABOUT, gen);
    cr_expect_str_eq(lua_word(&l, 3), "2", "it may come back");
}

Test(lua, leave_is_said_once)
{
    attach(&l, "B", "a");
    cr_expect_str_eq(runf(&l, SCRIPT_LEAVE, "%s B", gen), "(OK)");
    cr_expect_str_eq(runf(&l, SCRIPT_LEAVE, "%s B", gen), "(OK)");
    lua_do(&l, "XRANGE {sluice:t}:log - +");
    const char *first = strstr(l.reply, " kind leave ");

    cr_assert_not_null(first);
    cr_expect_null(strstr(first + 1, " kind leave "));
    cr_expect_str_eq(lua_do(&l, "ZRANGE {sluice:t}:routers 0 -1"), "(A)");
}

Test(lua, keys_nobody_names_for_a_day_are_dropped)
{
    attach(&l, "A", "old forced");
    runf(&l, SCRIPT_FORCE, "%s forced drain 0 op x - i1", gen);
    advance(&l, 86400000);
    runf(&l, SCRIPT_SYNC, "%s A 1 " ABOUT " a b", gen);
    cr_expect_str_eq(lua_do(&l, "ZRANGE {sluice:t}:keys 0 -1"), "(forced a b)");
    cr_expect_str_eq(lua_do(&l, "EXISTS {sluice:t}:r:old"), "0");
}

Test(lua, look_shows_keys_windows_leases_and_routers)
{
    attach(&l, "B", "a b");
    report(&l, "a", 1, "A", 1, "3 1 1 1");
    runf(&l, SCRIPT_COOL, "%s b A 5000 quota", gen);
    lua_run(&l, SCRIPT_LOOK, "");
    cr_expect_str_eq(lua_word(&l, 0), "LOOK");
    cr_expect_str_eq(lua_word(&l, 1), gen);
    cr_expect_str_eq(lua_word(&l, 2), "1");
    cr_expect_not_null(strstr(l.reply, " a closed 1 0 0 auto 0 - - 0 3 1 1 0 "), "%s", l.reply);
    cr_expect_not_null(strstr(l.reply, " quota)"), "%s", l.reply);
    cr_expect_not_null(strstr(l.reply, "(A h 1 v c 0 0 0 "), "%s", l.reply);
    cr_expect_not_null(strstr(l.reply, "(B h 1 v c 0 0 0 "), "%s", l.reply);
    lua_do(&l, "FLUSHALL");
    cr_expect_str_eq(lua_run(&l, SCRIPT_LOOK, ""), "(NONE)");
}

Test(lua, flush_makes_a_new_generation)
{
    char was[sizeof(gen)];

    trip();
    memcpy(was, gen, sizeof(gen));
    lua_do(&l, "FLUSHALL");
    attach(&l, "A", "a b");
    cr_expect_str_neq(gen, was);
    cr_expect_not_null(strstr(l.reply, " a closed 1 0 0 "), "%s", l.reply);
}

Test(lua, time_never_goes_back_and_never_stands_still)
{
    int64_t now = now_of(&l);

    lua_set_now(&l, now + 3600000); /* as if TIME had stepped back by an hour since then */
    trip();
    int64_t until = line_of(&l).until_ms, ahead = now_of(&l);

    cr_expect_geq(ahead, now + 3600000);
    cr_expect_leq(until, ahead + 1000);
    while (now_of(&l) < until) /* ends only if the clock runs: 500 ms */
        ;
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(GRANT 3)");
}

Test(lua, wrong_types_are_an_error_and_rubbish_is_no_crash)
{
    lua_do(&l, "SET {sluice:t}:r:a x");
    report(&l, "a", 1, "A", 1, "0 3 0 3");
    cr_expect_eq(l.reply[0], '!', "%s", l.reply);
    lua_do(&l, "DEL {sluice:t}:r:a");
    cr_expect_str_eq(report(&l, "a", 1, "A", 2, "0 3 0 3"), "(UNKNOWN)");
    lua_do(
        &l,
        "HSET {sluice:t}:r:a st sideways ep -4 until 1e99 n zz forced odd v 99999999999999999");
    runf(&l, SCRIPT_SYNC, "%s A 7 " ABOUT, gen);
    cr_expect_not_null(strstr(l.reply, " a closed 1 0 0 auto 0 - - 0"), "%s", l.reply);
}

Test(lua_restart, data_that_survive_get_a_new_generation)
{
    char was[sizeof(gen)];

    lua_open(&l, "--appendonly yes --appendfsync always");
    attach(&l, "A", "a b c");
    memcpy(was, gen, sizeof(gen));
    trip();
    advance(&l, 500);
    cr_assert_str_eq(probe(&l, "A", 1, "ask"), "(GRANT 3)");
    runf(&l, SCRIPT_FORCE, "%s b down 0 op incident - i1", gen);
    redis_server_kill(&l.server);
    redis_server_restart(&l.server);
    lua_connect(&l);
    cr_expect_str_eq(report(&l, "c", 1, "A", 2, "0 1 0 1"), "(OK)",
                     "the same data until somebody attaches");
    attach(&l, "A", "a b c");
    cr_expect_str_neq(gen, was);
    cr_expect_str_eq(lua_word(&l, 2), "1", "one transition: half-open became open");
    cr_expect_not_null(strstr(l.reply, " a open 4 "), "%s", l.reply);
    cr_expect_not_null(strstr(l.reply, " down 0 incident op "), "%s", l.reply);
    cr_expect_str_eq(lua_do(&l, "HGET {sluice:t}:meta prev"), was);
    cr_expect_str_eq(probe(&l, "A", 1, "ask"), "(GRANT 5)");
    lua_close(&l);
}

Test(lua_memory, refused_writes_leave_nothing_half_done_and_looking_goes_on)
{
    open_fleet();
    lua_do(&l, "CONFIG SET maxmemory 1");
    report(&l, "a", 1, "A", 1, "0 3 0 3");
    cr_expect(strncmp(l.reply, "!OOM", 4) == 0, "%s", l.reply);
    lua_run(&l, SCRIPT_LOOK, "");
    cr_expect_str_eq(lua_word(&l, 0), "LOOK");
    lua_do(&l, "CONFIG SET maxmemory 0");
    cr_expect_str_eq(lua_do(&l, "HEXISTS {sluice:t}:seq A"), "0");
    close_fleet();
}
