/* test_redis_attach.c - a Redis that is gone, stopped, full, busy, or answers rubbish. */
#include "tests/unit/redis/fake_redis.h"
#include "store_world.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

static struct store_world w;

static void setup(void)
{
    store_world_open(&w);
}

static void teardown(void)
{
    store_world_close(&w);
}

TestSuite(redis_attach_away, .init = setup, .fini = teardown);

static bool is_untouched(const struct store_peer *p)
{
    const struct view_slot *a = shared_state_get(p->s, 0);

    return shared_state_ver(p->s) == 0 && a->st == BREAKER_CLOSED && a->ep == 1 &&
           a->forced == VIEW_AUTO && a->lim_ms == 0;
}

Test(redis_attach_away, redis_killed_is_away_once_and_the_view_stays)
{
    store_world_force(&w, "down", "i1");
    store_world_fail(&w.A, 1, 3);
    STORE_WAIT(&w, w.A.slots == 2 && w.B.slots == 2);
    int lines = store_world_log_lines();

    redis_server_kill(&w.server);
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    store_world_run(&w, 300);
    cr_expect_eq(w.A.modes, 2);
    cr_expect_eq(store_world_log_lines(), lines + 2, "one line per router");
    cr_expect_not(shared_state_is_attached(w.A.s));
    cr_expect_eq(shared_state_get(w.A.s, 0)->forced, VIEW_DOWN);
    cr_expect_eq(shared_state_get(w.B.s, 1)->st, BREAKER_OPEN);
    store_world_fail(&w.A, 0, 3);
    cr_expect_eq(store_world_stats(&w.A).dropped, 3u);
    shared_state_probe(w.A.s, 0, 1);
    cr_expect_eq(w.A.probes, 0);
    STORE_WAIT(&w, w.A.probes == 1);
    cr_expect_eq(w.A.last.grant, BREAKER_BUSY);
    redis_server_restart(&w.server);
    STORE_WAIT(&w, w.A.attached && w.B.attached);
    cr_expect_eq(w.A.modes, 3);
    STORE_WAIT(&w, shared_state_get(w.B.s, 0)->forced == VIEW_DOWN);
    cr_expect_eq(shared_state_get(w.A.s, 0)->forced, VIEW_DOWN, "the operator's word survives");
    STORE_WAIT(&w, store_world_subscribers(&w) == 2);
    store_world_fail(&w.A, 0, 3);
    STORE_WAIT(&w, shared_state_get(w.B.s, 0)->st == BREAKER_OPEN);
}

Test(redis_attach_away, a_stopped_redis_is_away_within_deadlines)
{
    redis_server_pause(&w.server);
    int64_t start_ms = clock_mono_ms(), longest_ms = 0;

    while ((w.A.attached || w.B.attached) && clock_mono_ms() < start_ms + STORE_WORLD_WAIT_MS) {
        int64_t before_ms = clock_mono_ms();

        store_world_fail(&w.A, 0, 1);
        store_world_turn(&w);
        if (clock_mono_ms() - before_ms > longest_ms)
            longest_ms = clock_mono_ms() - before_ms;
    }
    cr_expect_not(w.A.attached || w.B.attached);
    cr_expect_lt(longest_ms, 5000, "nothing blocks the loop: %lld ms", (long long)longest_ms);
    cr_expect_eq(w.A.modes, 2);
    uint64_t commands = store_world_stats(&w.A).commands;

    store_world_run(&w, 500);
    cr_expect_leq(store_world_stats(&w.A).commands - commands, 12u,
                  "one careful try at a time");
    redis_server_resume(&w.server);
    STORE_WAIT(&w, w.A.attached && w.B.attached);
    cr_expect_eq(w.A.modes, 3);
}

Test(redis_attach_away, a_cooling_decided_while_away_is_told_at_the_attach)
{
    redis_server_kill(&w.server);
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    shared_state_cool(w.A.s, 1, 60000, 1, COOLING_WHY_QUOTA);
    shared_state_cool(w.A.s, 1, 5000, 1, COOLING_WHY_THROTTLED);
    shared_state_cool(w.A.s, 0, 1, 1, COOLING_WHY_THROTTLED); /* over by then */
    redis_server_restart(&w.server);
    STORE_WAIT(&w, w.A.attached && w.B.attached);
    STORE_WAIT(&w, shared_state_get(w.B.s, 1)->lim_ms > clock_mono_ms() + 50000);
    cr_expect_eq(shared_state_get(w.B.s, 0)->lim_ms, 0);
    cr_expect_eq(store_world_stats(&w.A).dropped, 0u);
}

Test(redis_attach_away, refusals_of_a_key_are_told_with_their_number)
{
    redis_server_kill(&w.server);
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    shared_state_cool(w.A.s, 1, 60000, 0, COOLING_WHY_AUTH);
    shared_state_cool(w.A.s, 1, 60000, 0, COOLING_WHY_AUTH);
    shared_state_cool(w.A.s, 1, 60000, 3, COOLING_WHY_AUTH);
    redis_server_restart(&w.server);
    STORE_WAIT(&w, shared_state_get(w.B.s, 1)->lim_ms > clock_mono_ms() + 50000);
}

Test(redis_attach_away, a_cooling_whose_answer_is_lost_is_told_again)
{
    redis_server_pause(&w.server);
    shared_state_cool(w.A.s, 1, 60000, 1, COOLING_WHY_QUOTA);
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    redis_server_kill(&w.server); /* and with it what waits in its socket */
    redis_server_restart(&w.server);
    STORE_WAIT(&w, shared_state_get(w.B.s, 1)->lim_ms > clock_mono_ms() + 50000);
}

Test(redis_attach_away, a_wrong_type_keeps_nobody_away)
{
    int lines = store_world_log_lines();
    uint64_t syncs = store_world_stats(&w.A).syncs;

    store_world_command(&w, "SET {sluice:t}:routers x");
    STORE_WAIT(&w, store_world_stats(&w.A).syncs >= syncs + 3);
    cr_expect(w.A.attached && w.B.attached);
    cr_expect_eq(store_world_log_lines(), lines);
    cr_expect_eq(store_world_stats(&w.A).errors, 0u);
}

Test(redis_attach_away, refused_writes_are_away_but_reads_go_on)
{
    store_world_command(&w, "CONFIG SET maxmemory 1");
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    cr_expect_not_null(strstr(w.A.why, "OOM"), "%s", w.A.why);
    /* Somebody with the right to write changes a key behind their back. */
    store_world_command(&w, "CONFIG SET maxmemory 0");
    store_world_force(&w, "drain", "i1");
    store_world_command(&w, "CONFIG SET maxmemory 1");
    STORE_WAIT(&w, shared_state_get(w.A.s, 0)->forced == VIEW_DRAIN &&
                       shared_state_get(w.B.s, 0)->forced == VIEW_DRAIN);
    store_world_command(&w, "CONFIG SET maxmemory 0");
    STORE_WAIT(&w, w.A.attached && w.B.attached);
}

Test(redis_attach_away, a_busy_redis_is_away_and_comes_back)
{
    store_world_command(&w, "CONFIG SET busy-reply-threshold 1");
    redisContext *c = redisConnectUnix(w.server.path);

    redisAppendCommand(c, "EVAL %s 0", "while true do end");
    int done = 0;

    while (!done)
        cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    store_world_command(&w, "SCRIPT KILL");
    STORE_WAIT(&w, w.A.attached && w.B.attached);
    redisFree(c);
}

Test(redis_attach_away, rubbish_pushed_is_counted_and_repaired)
{
    store_world_command(&w, "PUBLISH {sluice:t}:push hello");
    STORE_WAIT(&w, store_world_stats(&w.A).bad_messages == 1);
    cr_expect_eq(shared_state_ver(w.A.s), 0u);
    store_world_command(&w, "HSET {sluice:t}:r:a st open ep 9 v 5 until 9007199254740991");
    store_world_command(&w, "HSET {sluice:t}:meta ver 5");
    STORE_WAIT(&w, shared_state_get(w.A.s, 0)->st == BREAKER_OPEN &&
                       shared_state_get(w.B.s, 0)->st == BREAKER_OPEN);
    cr_expect_leq(shared_state_get(w.A.s, 0)->until_ms, clock_mono_ms() + 86400000,
                  "the longest there is");
    cr_expect(w.A.attached && w.B.attached);
}

/* Well-formed lines that no script of this Redis said. */
Test(redis_attach_away, a_view_beyond_redis_is_taken_anew)
{
    static const struct {
        const char *name, *line; /* behind the generation */
    } rows[] = {
        {"far ahead", "9007199254740991 1 a open 9 90 1 auto 0 x y 0"},
        {"the next version", "1 1 a open 9 90 1 down 0 x y 0"},
        {"of an unknown key", "1 1 z open 9 90 1 auto 0 x y 0"},
        {"out of order", "7 1 a open 9 90 1 auto 0 x y 3"},
    };
    char line[200];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redisContext *c = redisConnectUnix(w.server.path);

        cr_assert(c != NULL && c->err == 0);
        snprintf(line, sizeof(line), "1 %s %s", shared_state_gen(w.A.s), rows[i].line);
        freeReplyObject(redisCommand(c, "PUBLISH {sluice:t}:push %s", line));
        redisFree(c);
        STORE_WAIT(&w, store_world_stats(&w.A).bad_messages == i + 1 &&
                           store_world_stats(&w.B).bad_messages == i + 1);
        STORE_WAIT(&w, is_untouched(&w.A) && is_untouched(&w.B));
        cr_expect(w.A.modes == 1 && w.B.modes == 1, "row '%s': attached as before",
                  rows[i].name);
    }
}

Test(redis_attach_away, data_that_went_back_are_taken_anew)
{
    store_world_force(&w, "down", "i1");
    STORE_WAIT(&w, shared_state_ver(w.A.s) == 1 && shared_state_ver(w.B.s) == 1);
    store_world_command(&w, "HSET {sluice:t}:r:a v 0 ep 1 forced auto");
    store_world_command(&w, "HSET {sluice:t}:meta ver 0");
    STORE_WAIT(&w, is_untouched(&w.A) && is_untouched(&w.B));
    cr_expect(w.A.modes == 1 && w.B.modes == 1);
}

/* Reports and syncs come the less often the more routers live: a number that no fleet has would
 * silence this one. */
Test(redis_attach_away, a_fleet_of_impossible_size_is_not_believed)
{
    static const struct {
        const char *said;
        uint64_t want;
    } rows[] = {{"99999", 99999}, {"100000", 100000}, {"100001", 0}, {"9007199254740991", 0}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct store_peer p;
        struct fake_redis f;
        char reply[100];

        fake_redis_start(&f, w.base);
        f.info = "$-1\r\n";
        snprintf(reply, sizeof(reply), "*6\r\n+OK\r\n+g\r\n:0\r\n:1\r\n:1\r\n:%s\r\n",
                 rows[i].said);
        const char *replies[] = {"+OK\r\n", "$-1\r\n", "+PONG\r\n", reply};

        memcpy(f.replies, replies, sizeof(replies));
        store_world_join(&w, &p, "X", f.url);
        STORE_WAIT(&w, p.modes == 1);
        cr_expect(p.attached, "row %zu: %s", i, p.why);
        cr_expect_eq(store_world_stats(&p).live_routers, rows[i].want, "row %zu", i);
        shared_state_free(p.s);
        fake_redis_stop(&f);
    }
}

Test(redis_attach_away, a_time_alone_without_an_end_is_cut)
{
    redisContext *c = redisConnectUnix(w.server.path);

    cr_assert(c != NULL && c->err == 0);
    freeReplyObject(redisCommand(c, "HSET {sluice:t}:dis:a A %s", "9007199254740991 1"));
    redisFree(c);
    store_world_fail(&w.A, 0, 1);
    STORE_WAIT(&w, w.A.alone == 1);
    cr_expect_eq(w.A.alone_ms, 3600000, "the longest that a script says");
}

Test(redis_attach_away, may_be_freed_from_its_own_events)
{
    w.A.free_on_slot = true;
    w.B.free_on_mode = true;
    store_world_fail(&w.B, 0, 3);
    STORE_WAIT(&w, w.A.s == NULL);
    redis_server_kill(&w.server);
    STORE_WAIT(&w, w.B.s == NULL);
    store_world_run(&w, 50);
    cr_expect_eq(w.A.modes, 1);
}

static struct store_peer C;

Test(redis_attach_away, starts_without_redis_and_says_so_once)
{
    redis_server_kill(&w.server);
    store_world_join(&w, &C, "C", NULL);
    STORE_WAIT(&w, C.modes == 1);
    cr_expect_not(C.attached);
    store_world_run(&w, 200);
    cr_expect_eq(C.modes, 1);
    cr_expect_eq(shared_state_get(C.s, 0)->ver, 0u);
    redis_server_restart(&w.server);
    STORE_WAIT(&w, C.attached);
    shared_state_free(C.s);
}

Test(redis_attach_away, without_the_right_to_run_scripts_the_rule_is_named)
{
    store_world_command(&w, "ACL SETUSER poor on >pw ~* &* +ping +client|setname +subscribe");
    char url[256];

    snprintf(url, sizeof(url), "redis://poor:pw@127.0.0.1:%d/0", w.server.port);
    store_world_join(&w, &C, "C", url);
    STORE_WAIT(&w, C.modes == 1);
    cr_expect_not_null(strstr(C.why, "NOPERM"), "%s", C.why);
    cr_expect_not_null(strstr(C.why, "+evalsha"), "%s", C.why);
    store_world_run(&w, 300);
    cr_expect_eq(C.modes, 1);
    shared_state_free(C.s);
}
