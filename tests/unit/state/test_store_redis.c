/* test_store_redis.c - two routers in one process and one real Redis: what one learns the
 * other knows, and what happens when Redis does not behave. */
#include "state/store.h"

#include "base/clock.h"
#include "base/log.h"
#include "redis_server.h"
#include "state/script.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define WAIT_MS 5000

static const char *const keys[] = {"a", "b"};
static struct event_base *base;
static struct redis_server server;

static struct peer {
    const char *id;
    struct store *s;
    int modes, keys, probes;
    bool attached;
    char why[256];
    struct store_probe_answer last;
    bool free_on_mode, free_on_key;
} A, B;

static void on_key(void *arg, size_t key)
{
    struct peer *p = arg;

    cr_assert_lt(key, 2u);
    p->keys++;
    if (p->free_on_key) {
        store_free(p->s);
        p->s = NULL;
    }
}

static void on_mode(void *arg, bool attached, const char *why)
{
    struct peer *p = arg;

    p->modes++;
    p->attached = attached;
    snprintf(p->why, sizeof(p->why), "%s", why);
    if (p->free_on_mode) {
        store_free(p->s);
        p->s = NULL;
    }
}

static void on_probe(void *arg, const struct store_probe_answer *a)
{
    struct peer *p = arg;

    p->probes++;
    p->last = *a;
}

static int lines_logged;

static void count_lines(enum log_level level, const char *line)
{
    (void)level, (void)line;
    lines_logged++;
}

static struct store_conf conf = {
    .fleet = "t",
    .host = "here",
    .version = "0",
    .config_digest = "c",
    .keys = keys,
    .n_keys = 2,
    .breaker = {.failure_threshold = 3,
                .failure_rate = 0,
                .minimum_requests = 20,
                .window_ms = 10000,
                .recovery_ms = 50,
                .recovery_max_ms = 1000,
                .forgive_ms = 60000,
                .half_open_max_calls = 1,
                .success_threshold = 1},
    .probe_lease_ms = 10000,
    .command_timeout_ms = 50,
    .connect_timeout_ms = 500,
    .sync_ms = 100,
};

static void join(struct peer *p, const char *id)
{
    struct store_events ev = {
        .arg = p, .on_key = on_key, .on_mode = on_mode, .on_probe = on_probe};
    struct err err = {0};

    memset(p, 0, sizeof(*p));
    p->id = id;
    conf.router_id = id;
    conf.url = server.url;
    p->s = store_redis_new(base, &conf, &ev, &err);
    cr_assert_not_null(p->s, "%s", err.msg);
}

static struct timeval tick = {.tv_usec = 2000};

static void nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

static void turn(void) /* at most 2 ms */
{
    event_base_once(base, -1, EV_TIMEOUT, nothing, NULL, &tick);
    event_base_loop(base, EVLOOP_ONCE);
}

/* Runs the loop until cond or the deadline; what it then is is asserted. */
#define WAIT_UNTIL(cond)                                                                           \
    do {                                                                                           \
        int64_t wait_end_ms = clock_mono_ms() + WAIT_MS;                                                \
        while (!(cond) && clock_mono_ms() < wait_end_ms)                                                \
            turn();                                                                                \
        cr_assert((cond), "waited %d ms for: %s", WAIT_MS, #cond);                                 \
    } while (0)

static void run_for(int64_t ms)
{
    for (int64_t end_ms = clock_mono_ms() + ms; clock_mono_ms() < end_ms;)
        turn();
}

static uint64_t pushes(const struct peer *p)
{
    struct store_stats stats;

    store_get_stats(p->s, &stats);
    return stats.pushes;
}

static struct store_stats stats_of(const struct peer *p)
{
    struct store_stats stats;

    store_get_stats(p->s, &stats);
    return stats;
}

static void command(const char *text)
{
    redisReply *r = redis_server_command(&server, text);

    cr_assert_neq(r->type, REDIS_REPLY_ERROR, "%s: %s", text, r->str);
    freeReplyObject(r);
}

static long long number_from(const char *text)
{
    redisReply *r = redis_server_command(&server, text);
    long long n = r->type == REDIS_REPLY_INTEGER ? r->integer : -1;

    freeReplyObject(r);
    return n;
}

static long long subscribers(void)
{
    redisReply *r = redis_server_command(&server, "PUBSUB NUMSUB {sluice:t}:push");
    long long n = r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? r->element[1]->integer : -1;

    freeReplyObject(r);
    return n;
}

static void fail(struct peer *p, size_t key, int times)
{
    for (int i = 0; i < times; i++)
        store_report(p->s, key, store_get(p->s, key)->ep, STORE_FAIL, false);
}

static void setup(void)
{
    signal(SIGPIPE, SIG_IGN); /* as both programs do */
    log_set_sink(count_lines);
    lines_logged = 0;
    redis_server_start(&server, "");
    base = event_base_new();
    join(&A, "A");
    join(&B, "B");
    WAIT_UNTIL(A.attached && B.attached && subscribers() == 2);
    /* One sync after each confirmation was answered: the next one was sent behind it. */
    uint64_t a = stats_of(&A).syncs + 2, b = stats_of(&B).syncs + 2;

    WAIT_UNTIL(stats_of(&A).syncs >= a && stats_of(&B).syncs >= b);
}

static void teardown(void)
{
    store_free(A.s);
    store_free(B.s);
    event_base_free(base);
    redis_server_stop(&server);
}

TestSuite(store_redis, .init = setup, .fini = teardown);

Test(store_redis, attaches_and_announces_itself)
{
    cr_expect(store_is_attached(A.s));
    cr_expect_eq(A.modes, 1);
    cr_expect_eq(store_count(A.s), 2u);
    cr_expect_str_eq(store_get(A.s, 1)->name, "b");
    cr_expect_str_eq(store_gen(A.s), store_gen(B.s));
    cr_expect_eq(number_from("ZCARD {sluice:t}:routers"), 2);
    store_free(B.s);
    B.s = NULL;
    WAIT_UNTIL(number_from("ZCARD {sluice:t}:routers") == 1);
}

Test(store_redis, a_trip_of_one_is_pushed_to_the_other)
{
    uint64_t before = pushes(&B);

    cr_expect_eq(B.keys, 0);
    fail(&A, 0, 3);
    cr_expect_eq(store_get(A.s, 0)->st, BREAKER_CLOSED, "the fleet decides, not the call");
    WAIT_UNTIL(B.keys == 1);
    cr_expect_eq(store_get(B.s, 0)->st, BREAKER_OPEN);
    cr_expect_eq(store_get(B.s, 0)->ep, 2u);
    cr_expect_str_eq(store_get(B.s, 0)->by, "A");
    cr_expect_eq(pushes(&B), before + 1, "by push, not by poll");
    WAIT_UNTIL(A.keys == 1);
    cr_expect_eq(store_ver(B.s), 1u);
    cr_expect_leq(store_get(B.s, 0)->until_ms, clock_mono_ms() + 50);
}

Test(store_redis, failures_of_both_count_together)
{
    fail(&A, 1, 1);
    fail(&B, 1, 2);
    WAIT_UNTIL(store_get(A.s, 1)->st == BREAKER_OPEN && store_get(B.s, 1)->st == BREAKER_OPEN);
}

static void probe_until(struct peer *p, uint64_t token, enum breaker_grant want)
{
    int64_t end_ms = clock_mono_ms() + WAIT_MS;

    do {
        int n = p->probes;

        store_probe(p->s, 0, token);
        cr_assert_eq(p->probes, n, "never inside the call");
        WAIT_UNTIL(p->probes == n + 1);
    } while (p->last.grant != want && clock_mono_ms() < end_ms);
    cr_assert_eq(p->last.grant, want);
    cr_assert_eq(p->last.token, token);
}

Test(store_redis, one_probe_in_the_fleet_and_its_success_closes_for_all)
{
    probe_until(&A, 1, BREAKER_NOT_NEEDED);
    fail(&A, 0, 3);
    WAIT_UNTIL(B.keys == 1 && A.keys == 1);
    probe_until(&A, 2, BREAKER_GRANTED);
    uint64_t epoch = A.last.epoch;

    probe_until(&B, 2, BREAKER_BUSY);
    cr_expect_gt(B.last.wait_ms, 0);
    store_probe_renew(A.s, 0, 2);
    store_done(A.s, 0, epoch, 2, BREAKER_PROBE_OK);
    WAIT_UNTIL(store_get(A.s, 0)->st == BREAKER_CLOSED && store_get(B.s, 0)->st == BREAKER_CLOSED);
    cr_expect_eq(store_get(B.s, 0)->ep, 4u);
}

Test(store_redis, cooling_is_shared)
{
    store_cool(A.s, 1, 5000, STORE_COOL_THROTTLED);
    WAIT_UNTIL(store_get(B.s, 1)->lim_ms > clock_mono_ms() + 4000);
    cr_expect_eq(store_get(B.s, 1)->ep, 1u);
}

static void force(const char *word, const char *id)
{
    redisReply *r = redis_server_command(
        &server, "EVAL %s 1 {sluice:t}:meta - a %s 0 op incident - %s",
        script_text(SCRIPT_FORCE)->text, word, id);

    cr_assert(r->type == REDIS_REPLY_ARRAY, "%s", r->str);
    cr_assert_str_eq(r->element[0]->str, "OK");
    freeReplyObject(r);
}

Test(store_redis, an_operators_word_reaches_both_and_is_acknowledged)
{
    force("down", "i1");
    WAIT_UNTIL(A.keys == 1 && B.keys == 1);
    cr_expect_eq(view_forced_now(store_get(A.s, 0), clock_mono_ms()), VIEW_DOWN);
    cr_expect_str_eq(store_get(B.s, 0)->why, "incident");
    store_probe(A.s, 0, 7);
    WAIT_UNTIL(A.probes == 1);
    cr_expect_eq(A.last.grant, BREAKER_BUSY);
    redisReply *r;
    bool told = false;

    for (int64_t end_ms = clock_mono_ms() + WAIT_MS; !told && clock_mono_ms() < end_ms;) {
        run_for(10);
        r = redis_server_command(&server, "HGET {sluice:t}:router:B applied");
        told = r->type == REDIS_REPLY_STRING && strcmp(r->str, "1") == 0;
        freeReplyObject(r);
    }
    cr_expect(told, "the applied version is acknowledged within a sync");
    force("auto", "i2");
    WAIT_UNTIL(store_get(B.s, 0)->forced == VIEW_AUTO);
}

Test(store_redis, redis_killed_is_away_once_and_the_view_stays)
{
    force("down", "i1");
    fail(&A, 1, 3);
    WAIT_UNTIL(A.keys == 2 && B.keys == 2);
    int lines = lines_logged;

    redis_server_kill(&server);
    int64_t start_ms = clock_mono_ms();

    WAIT_UNTIL(!A.attached && !B.attached);
    cr_expect_leq(clock_mono_ms() - start_ms, 1500);
    run_for(300);
    cr_expect_eq(A.modes, 2);
    cr_expect_eq(lines_logged, lines + 2, "one line per router");
    cr_expect_not(store_is_attached(A.s));
    cr_expect_eq(store_get(A.s, 0)->forced, VIEW_DOWN);
    cr_expect_eq(store_get(B.s, 1)->st, BREAKER_OPEN);
    fail(&A, 0, 3);
    cr_expect_eq(stats_of(&A).dropped, 3u);
    store_probe(A.s, 0, 1);
    cr_expect_eq(A.probes, 0);
    WAIT_UNTIL(A.probes == 1);
    cr_expect_eq(A.last.grant, BREAKER_BUSY);
    redis_server_restart(&server);
    WAIT_UNTIL(A.attached && B.attached);
    cr_expect_eq(A.modes, 3);
    cr_expect_eq(store_get(A.s, 0)->forced, VIEW_AUTO, "an empty Redis is the truth for now");
    WAIT_UNTIL(subscribers() == 2);
    fail(&A, 0, 3);
    WAIT_UNTIL(store_get(B.s, 0)->st == BREAKER_OPEN);
}

Test(store_redis, a_flush_is_attached_to_again_without_a_word)
{
    char gen[VIEW_GEN_MAX + 1];

    snprintf(gen, sizeof(gen), "%s", store_gen(A.s));
    fail(&A, 0, 3);
    WAIT_UNTIL(A.keys == 1 && B.keys == 1);
    command("FLUSHALL");
    WAIT_UNTIL(strcmp(store_gen(A.s), gen) != 0 && strcmp(store_gen(A.s), store_gen(B.s)) == 0);
    cr_expect_eq(store_get(A.s, 0)->st, BREAKER_CLOSED);
    cr_expect_eq(A.keys, 2);
    fail(&B, 1, 3);
    WAIT_UNTIL(store_get(A.s, 1)->st == BREAKER_OPEN);
    cr_expect_eq(A.modes, 1);
}

Test(store_redis, a_stopped_redis_is_away_within_deadlines)
{
    redis_server_pause(&server);
    int64_t start_ms = clock_mono_ms(), longest_ms = 0;

    while ((A.attached || B.attached) && clock_mono_ms() < start_ms + WAIT_MS) {
        int64_t before_ms = clock_mono_ms();

        fail(&A, 0, 1);
        turn();
        if (clock_mono_ms() - before_ms > longest_ms)
            longest_ms = clock_mono_ms() - before_ms;
    }
    cr_expect_not(A.attached || B.attached);
    cr_expect_leq(clock_mono_ms() - start_ms, 1500);
    cr_expect_lt(longest_ms, 40, "nothing blocks the loop: %lld ms", (long long)longest_ms);
    cr_expect_eq(A.modes, 2);
    uint64_t commands = stats_of(&A).commands;

    run_for(500);
    cr_expect_leq(stats_of(&A).commands - commands, 12u, "one careful try at a time");
    redis_server_resume(&server);
    WAIT_UNTIL(A.attached && B.attached);
    cr_expect_eq(A.modes, 3);
}

Test(store_redis, wrong_types_are_said_once)
{
    int lines = lines_logged;

    command("SET {sluice:t}:routers x");
    WAIT_UNTIL(!A.attached && !B.attached);
    run_for(400);
    cr_expect_eq(lines_logged, lines + 2, "one line per router");
    cr_expect_not_null(strstr(A.why, "WRONGTYPE"), "%s", A.why);
    command("DEL {sluice:t}:routers");
    WAIT_UNTIL(A.attached && B.attached);
}

Test(store_redis, refused_writes_are_away_but_reads_go_on)
{
    command("CONFIG SET maxmemory 1");
    WAIT_UNTIL(!A.attached && !B.attached);
    cr_expect_not_null(strstr(A.why, "OOM"), "%s", A.why);
    /* Somebody with the right to write changes a key behind their back. */
    command("CONFIG SET maxmemory 0");
    force("drain", "i1");
    command("CONFIG SET maxmemory 1");
    WAIT_UNTIL(store_get(A.s, 0)->forced == VIEW_DRAIN && store_get(B.s, 0)->forced == VIEW_DRAIN);
    command("CONFIG SET maxmemory 0");
    WAIT_UNTIL(A.attached && B.attached);
}

Test(store_redis, a_busy_redis_is_away_and_comes_back)
{
    command("CONFIG SET busy-reply-threshold 1");
    redisContext *c = redisConnectUnix(server.path);

    redisAppendCommand(c, "EVAL %s 0", "while true do end");
    int done = 0;

    while (!done)
        cr_assert_eq(redisBufferWrite(c, &done), REDIS_OK);
    WAIT_UNTIL(!A.attached && !B.attached);
    command("SCRIPT KILL");
    WAIT_UNTIL(A.attached && B.attached);
    redisFree(c);
}

Test(store_redis, rubbish_pushed_is_counted_and_repaired)
{
    command("PUBLISH {sluice:t}:push hello");
    WAIT_UNTIL(stats_of(&A).bad_messages == 1);
    cr_expect_eq(store_ver(A.s), 0u);
    command("HSET {sluice:t}:r:a st open ep 9 v 5 until 9007199254740991");
    command("HSET {sluice:t}:meta ver 5");
    WAIT_UNTIL(!A.attached && !B.attached); /* three snapshots that no script can have meant */
    command("FLUSHALL");
    WAIT_UNTIL(A.attached && B.attached);
}

Test(store_redis, a_dead_subscriber_is_replaced)
{
    uint64_t before = stats_of(&B).reconnects;

    command("HSET {sluice:t}:meta ver 1");
    WAIT_UNTIL(stats_of(&B).reconnects > before); /* a version that was never pushed */
    WAIT_UNTIL(subscribers() == 2);
    fail(&A, 0, 3);
    WAIT_UNTIL(store_get(B.s, 0)->st == BREAKER_OPEN);
    cr_expect_eq(B.modes, 1, "the mode is not the subscriber's");
}

Test(store_redis, a_cut_connection_is_no_change_of_mode)
{
    command("CLIENT KILL TYPE normal SKIPME yes");
    command("CLIENT KILL TYPE pubsub");
    WAIT_UNTIL(stats_of(&A).reconnects >= 2 && stats_of(&B).reconnects >= 2);
    WAIT_UNTIL(subscribers() == 2);
    fail(&A, 0, 3);
    WAIT_UNTIL(store_get(B.s, 0)->st == BREAKER_OPEN);
    cr_expect_eq(B.modes, 1);
}

Test(store_redis, may_be_freed_from_its_own_events)
{
    A.free_on_key = true;
    B.free_on_mode = true;
    fail(&B, 0, 3);
    WAIT_UNTIL(A.s == NULL);
    redis_server_kill(&server);
    WAIT_UNTIL(B.s == NULL);
    run_for(50);
    cr_expect_eq(A.modes, 1);
}

static struct peer C;

Test(store_redis, starts_without_redis_and_says_so_once)
{
    redis_server_kill(&server);
    join(&C, "C");
    WAIT_UNTIL(C.modes == 1);
    cr_expect_not(C.attached);
    run_for(200);
    cr_expect_eq(C.modes, 1);
    cr_expect_eq(store_get(C.s, 0)->ver, 0u);
    redis_server_restart(&server);
    WAIT_UNTIL(C.attached);
    store_free(C.s);
}

Test(store_redis, a_url_that_cannot_work_is_refused)
{
    struct err err = {0};
    struct store_events ev = {0};

    conf.url = "http://127.0.0.1";
    cr_expect_null(store_redis_new(base, &conf, &ev, &err));
    cr_expect_neq(err.msg[0], '\0');
}

Test(store_redis, without_the_right_to_run_scripts_the_rule_is_named)
{
    command("ACL SETUSER poor on >pw ~* &* +ping +client|setname +subscribe");
    char url[256];

    snprintf(url, sizeof(url), "redis://poor:pw@127.0.0.1:%d/0", server.port);
    struct store_events ev = {
        .arg = &C, .on_key = on_key, .on_mode = on_mode, .on_probe = on_probe};
    struct err err = {0};

    memset(&C, 0, sizeof(C));
    conf.router_id = "C";
    conf.url = url;
    C.s = store_redis_new(base, &conf, &ev, &err);
    WAIT_UNTIL(C.modes == 1);
    cr_expect_not_null(strstr(C.why, "NOPERM"), "%s", C.why);
    cr_expect_not_null(strstr(C.why, "+evalsha"), "%s", C.why);
    run_for(300);
    cr_expect_eq(C.modes, 1);
    store_free(C.s);
}
