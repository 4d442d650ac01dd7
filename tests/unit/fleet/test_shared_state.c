/* test_shared_state.c - what one router learns the other knows, through one real Redis. */
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

TestSuite(shared_state, .init = setup, .fini = teardown);

Test(shared_state, attaches_and_announces_itself)
{
    cr_expect(shared_state_is_attached(w.A.s));
    cr_expect_eq(w.A.modes, 1);
    cr_expect_eq(shared_state_count(w.A.s), 2u);
    cr_expect_str_eq(shared_state_get(w.A.s, 1)->name, "b");
    cr_expect_str_eq(shared_state_gen(w.A.s), shared_state_gen(w.B.s));
    cr_expect_eq(store_world_number(&w, "ZCARD {sluice:t}:routers"), 2);
    shared_state_free(w.B.s);
    w.B.s = NULL;
    STORE_WAIT(&w, store_world_number(&w, "ZCARD {sluice:t}:routers") == 1);
}

Test(shared_state, a_trip_of_one_is_pushed_to_the_other)
{
    uint64_t before = store_world_stats(&w.B).pushes;

    cr_expect_eq(w.B.slots, 0);
    store_world_fail(&w.A, 0, 3);
    cr_expect_eq(shared_state_get(w.A.s, 0)->st, BREAKER_CLOSED,
                 "the fleet decides, not the call");
    STORE_WAIT(&w, w.B.slots == 1);
    cr_expect_eq(shared_state_get(w.B.s, 0)->st, BREAKER_OPEN);
    cr_expect_eq(shared_state_get(w.B.s, 0)->ep, 2u);
    cr_expect_str_eq(shared_state_get(w.B.s, 0)->by, "A");
    cr_expect_eq(store_world_stats(&w.B).pushes, before + 1, "by push, not by poll");
    STORE_WAIT(&w, w.A.slots == 1);
    cr_expect_eq(shared_state_ver(w.B.s), 1u);
    cr_expect_leq(shared_state_get(w.B.s, 0)->until_ms, clock_mono_ms() + 50);
}

Test(shared_state, failures_of_both_count_together)
{
    store_world_fail(&w.A, 1, 1);
    store_world_fail(&w.B, 1, 2);
    STORE_WAIT(&w, shared_state_get(w.A.s, 1)->st == BREAKER_OPEN &&
                       shared_state_get(w.B.s, 1)->st == BREAKER_OPEN);
}

static void probe_until(struct store_peer *p, uint64_t token, enum breaker_grant want)
{
    int64_t end_ms = clock_mono_ms() + STORE_WORLD_WAIT_MS;

    do {
        int n = p->probes;

        shared_state_probe(p->s, 0, token);
        cr_assert_eq(p->probes, n, "never inside the call");
        STORE_WAIT(&w, p->probes == n + 1);
    } while (p->last.grant != want && clock_mono_ms() < end_ms);
    cr_assert_eq(p->last.grant, want);
    cr_assert_eq(p->last.token, token);
}

Test(shared_state, one_probe_in_the_fleet_and_its_success_closes_for_all)
{
    probe_until(&w.A, 1, BREAKER_NOT_NEEDED);
    store_world_fail(&w.A, 0, 3);
    STORE_WAIT(&w, w.B.slots == 1 && w.A.slots == 1);
    probe_until(&w.A, 2, BREAKER_GRANTED);
    uint64_t epoch = w.A.last.epoch;

    probe_until(&w.B, 2, BREAKER_BUSY);
    cr_expect_gt(w.B.last.wait_ms, 0);
    shared_state_probe_renew(w.A.s, 0, 2);
    shared_state_done(w.A.s, 0, epoch, 2, BREAKER_PROBE_OK);
    STORE_WAIT(&w, shared_state_get(w.A.s, 0)->st == BREAKER_CLOSED &&
                       shared_state_get(w.B.s, 0)->st == BREAKER_CLOSED);
    cr_expect_eq(shared_state_get(w.B.s, 0)->ep, 4u);
}

/* B can use key 1, A cannot; the trip is doubted. */
static void trip_in_doubt(void)
{
    shared_state_report(w.B.s, 1, shared_state_get(w.B.s, 1)->ep, BREAKERS_OK, false);
    STORE_WAIT(&w, store_world_number(&w, "ZCARD {sluice:t}:ok:b") == 1);
    store_world_fail(&w.A, 1, 3);
    STORE_WAIT(&w, shared_state_get(w.A.s, 1)->st == BREAKER_OPEN &&
                       shared_state_get(w.A.s, 1)->doubt && shared_state_get(w.B.s, 1)->doubt);
}

static void settle(enum breaker_verdict verdict)
{
    int n = w.B.probes;

    shared_state_probe(w.B.s, 1, 9);
    STORE_WAIT(&w, w.B.probes == n + 1);
    cr_assert_eq(w.B.last.grant, BREAKER_GRANTED, "before its time");
    shared_state_done(w.B.s, 1, w.B.last.epoch, 9, verdict);
}

Test(shared_state, who_is_overruled_is_told)
{
    trip_in_doubt();
    settle(BREAKER_PROBE_OK);
    STORE_WAIT(&w, shared_state_get(w.A.s, 1)->st == BREAKER_CLOSED &&
                       shared_state_get(w.B.s, 1)->st == BREAKER_CLOSED);
    STORE_WAIT(&w, w.A.alone == 1);
    cr_expect_eq(w.A.alone_slot, 1u);
    cr_expect_leq(w.A.alone_ms, 60000);
    cr_expect_gt(w.A.alone_ms, 50000);
    store_world_fail(&w.A, 1, 3);
    STORE_WAIT(&w, w.A.alone >= 2); /* and again when it reports */
    store_world_run(&w, 150);
    cr_expect_eq(shared_state_get(w.B.s, 1)->st, BREAKER_CLOSED, "which nobody counts");
    cr_expect_eq(w.B.alone, 0);
}

Test(shared_state, who_was_right_is_told_nothing)
{
    trip_in_doubt();
    settle(BREAKER_PROBE_FAIL);
    STORE_WAIT(&w, !shared_state_get(w.A.s, 1)->doubt && !shared_state_get(w.B.s, 1)->doubt);
    STORE_WAIT(&w, shared_state_get(w.B.s, 1)->st == BREAKER_OPEN);
    store_world_run(&w, 150);
    cr_expect_eq(w.A.alone, 0);
    cr_expect_eq(shared_state_get(w.A.s, 1)->st, BREAKER_OPEN);
}

Test(shared_state, cooling_is_shared)
{
    shared_state_cool(w.A.s, 1, 5000, 1, COOLING_WHY_THROTTLED);
    STORE_WAIT(&w, shared_state_get(w.B.s, 1)->lim_ms > clock_mono_ms() + 4000);
    cr_expect_eq(shared_state_get(w.B.s, 1)->ep, 1u);
}

Test(shared_state, an_operators_word_reaches_both_and_is_acknowledged)
{
    store_world_force(&w, "down", "i1");
    STORE_WAIT(&w, w.A.slots == 1 && w.B.slots == 1);
    cr_expect_eq(view_forced_now(shared_state_get(w.A.s, 0), clock_mono_ms()), VIEW_DOWN);
    cr_expect_str_eq(shared_state_get(w.B.s, 0)->why, "incident");
    shared_state_probe(w.A.s, 0, 7);
    STORE_WAIT(&w, w.A.probes == 1);
    cr_expect_eq(w.A.last.grant, BREAKER_BUSY);
    redisReply *r;
    bool told = false;

    for (int64_t end_ms = clock_mono_ms() + STORE_WORLD_WAIT_MS;
         !told && clock_mono_ms() < end_ms;) {
        store_world_run(&w, 10);
        r = redis_server_command(&w.server, "HGET {sluice:t}:router:B applied");
        told = r->type == REDIS_REPLY_STRING && strcmp(r->str, "1") == 0;
        freeReplyObject(r);
    }
    cr_expect(told, "the applied version is acknowledged within a sync");
    store_world_force(&w, "auto", "i2");
    STORE_WAIT(&w, shared_state_get(w.B.s, 0)->forced == VIEW_AUTO);
}

Test(shared_state, a_flush_is_attached_to_again_without_a_word)
{
    char gen[VIEW_GEN_MAX + 1];

    snprintf(gen, sizeof(gen), "%s", shared_state_gen(w.A.s));
    store_world_command(&w, "FLUSHALL");
    STORE_WAIT(&w, strcmp(shared_state_gen(w.A.s), gen) != 0 &&
                       strcmp(shared_state_gen(w.A.s), shared_state_gen(w.B.s)) == 0);
    cr_expect_eq(shared_state_get(w.A.s, 0)->st, BREAKER_CLOSED);
    store_world_fail(&w.B, 1, 3);
    STORE_WAIT(&w, shared_state_get(w.A.s, 1)->st == BREAKER_OPEN);
    cr_expect_eq(w.A.modes, 1);
}

Test(shared_state, a_dead_subscriber_is_replaced)
{
    uint64_t before = store_world_stats(&w.B).reconnects;

    store_world_command(&w, "HSET {sluice:t}:meta ver 1");
    STORE_WAIT(&w, store_world_stats(&w.B).reconnects >
                       before); /* a version that was never pushed */
    STORE_WAIT(&w, store_world_subscribers(&w) == 2);
    store_world_fail(&w.A, 0, 3);
    STORE_WAIT(&w, shared_state_get(w.B.s, 0)->st == BREAKER_OPEN);
    cr_expect_eq(w.B.modes, 1, "the mode is not the subscriber's");
}

Test(shared_state, a_cut_connection_is_no_change_of_mode)
{
    store_world_command(&w, "CLIENT KILL TYPE normal SKIPME yes");
    store_world_command(&w, "CLIENT KILL TYPE pubsub");
    STORE_WAIT(&w, store_world_stats(&w.A).reconnects >= 2 &&
                       store_world_stats(&w.B).reconnects >= 2);
    STORE_WAIT(&w, store_world_subscribers(&w) == 2);
    store_world_fail(&w.A, 0, 3);
    STORE_WAIT(&w, shared_state_get(w.B.s, 0)->st == BREAKER_OPEN);
    cr_expect_eq(w.B.modes, 1);
}

Test(shared_state, a_url_that_cannot_work_is_refused)
{
    struct err err = {0};
    struct shared_state_events ev = {0};

    struct shared_state_conf conf = {.fleet = "t", .router_id = "C", .url = "http://127.0.0.1"};

    cr_expect_null(shared_state_new(w.base, &conf, &ev, &err));
    cr_expect_neq(err.msg[0], '\0');
}
