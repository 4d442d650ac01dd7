/* test_redis_reassert.c - what the fleet knew survives a Redis that forgot it. */
#include "shared/scripts.h"
#include "store_world.h"

#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct store_world w;
static struct store_peer C;
static char gen[VIEW_GEN_MAX + 1];

static void setup(void)
{
    store_world_open(&w);
    memcpy(gen, shared_state_gen(w.A.s), sizeof(gen));
    store_world_force(&w, "down", "i1");
    STORE_WAIT(&w, shared_state_get(w.A.s, 0)->forced == VIEW_DOWN &&
                       shared_state_get(w.B.s, 0)->forced == VIEW_DOWN);
    shared_state_cool(w.A.s, 1, 60000, 1, COOLING_WHY_QUOTA);
    STORE_WAIT(&w, shared_state_get(w.B.s, 1)->lim_ms > 0 &&
                       shared_state_get(w.A.s, 1)->lim_ms > 0);
}

static void teardown(void)
{
    store_world_close(&w);
}

TestSuite(redis_reassert_send, .init = setup, .fini = teardown);

static bool both_in_new_life(void)
{
    return strcmp(shared_state_gen(w.A.s), gen) != 0 &&
           strcmp(shared_state_gen(w.A.s), shared_state_gen(w.B.s)) == 0 &&
           shared_state_is_attached(w.A.s) && shared_state_is_attached(w.B.s);
}

/* Runs the loop until both are in a new life, and in no turn of it was the word gone. */
static void wait_new_life(void)
{
    int64_t end_ms = clock_mono_ms() + 2 * STORE_WORLD_WAIT_MS;

    while (!both_in_new_life() && clock_mono_ms() < end_ms) {
        store_world_turn(&w);
        cr_assert_eq(shared_state_get(w.A.s, 0)->forced, VIEW_DOWN);
        cr_assert_eq(shared_state_get(w.B.s, 0)->forced, VIEW_DOWN);
    }
    cr_assert(both_in_new_life());
}

Test(redis_reassert_send, a_flush_forgets_nothing)
{
    store_world_command(&w, "FLUSHALL");
    wait_new_life();
    cr_expect_str_eq(shared_state_get(w.A.s, 0)->why, "incident");
    cr_expect_str_eq(shared_state_get(w.A.s, 0)->by, "op");
    cr_expect_gt(shared_state_get(w.B.s, 1)->lim_ms, clock_mono_ms() + 50000);
    cr_expect_eq(w.A.modes, 1);
    store_world_join(&w, &C, "C", NULL); /* one that knew nothing learns it from Redis */
    STORE_WAIT(&w, C.attached);
    cr_expect_eq(shared_state_get(C.s, 0)->forced, VIEW_DOWN);
    shared_state_free(C.s);
}

Test(redis_reassert_send, an_empty_restart_forgets_nothing)
{
    redis_server_kill(&w.server);
    redis_server_restart(&w.server);
    wait_new_life();
}

Test(redis_reassert_send, an_open_breaker_survives_with_its_time)
{
    store_world_command(&w, "HSET {sluice:t}:r:b st open ep 7 v 9 until 1");
    redisReply *r = redis_server_command(&w.server, "TIME");
    char command[160];

    snprintf(command, sizeof(command), "HSET {sluice:t}:r:b until %lld",
             strtoll(r->element[0]->str, NULL, 10) * 1000 + 40000);
    freeReplyObject(r);
    store_world_command(&w, command);
    store_world_command(&w, "HSET {sluice:t}:meta ver 9");
    STORE_WAIT(&w, shared_state_get(w.A.s, 1)->st == BREAKER_OPEN &&
                       shared_state_get(w.B.s, 1)->st == BREAKER_OPEN);
    int64_t until_ms = shared_state_get(w.A.s, 1)->until_ms;

    store_world_command(&w, "FLUSHALL");
    wait_new_life();
    cr_expect_eq(shared_state_get(w.B.s, 1)->st, BREAKER_OPEN);
    cr_expect_geq(shared_state_get(w.B.s, 1)->until_ms, until_ms - 1500);
    cr_expect_leq(shared_state_get(w.B.s, 1)->until_ms, until_ms + 1500);
}

Test(redis_reassert_send, a_restart_with_older_data_is_brought_up_to_date)
{
    store_world_command(&w, "SAVE"); /* knows "down" */
    store_world_force(&w, "auto", "i2");
    STORE_WAIT(&w, shared_state_get(w.A.s, 0)->forced == VIEW_AUTO &&
                       shared_state_get(w.B.s, 0)->forced == VIEW_AUTO);
    redis_server_kill(&w.server);
    redis_server_restart(&w.server);
    STORE_WAIT(&w, both_in_new_life());
    redisReply *r = redis_server_command(&w.server, "HGET {sluice:t}:meta prev");

    cr_expect_str_eq(r->str, gen, "the data did survive");
    freeReplyObject(r);
    cr_expect_eq(shared_state_get(w.A.s, 0)->forced, VIEW_AUTO, "the newer word wins");
    cr_expect_eq(shared_state_get(w.B.s, 0)->forced, VIEW_AUTO);
}

Test(redis_reassert_send, a_newer_word_is_not_overwritten_by_an_old_view)
{
    redis_server_pause(&w.server); /* B stays in the old life while others go on */
    STORE_WAIT(&w, !w.A.attached && !w.B.attached);
    shared_state_free(w.A.s);
    w.A.s = NULL;
    redis_server_resume(&w.server);
    store_world_command(&w, "FLUSHALL");
    store_world_join(&w, &C, "C", NULL);
    int64_t end_ms = clock_mono_ms() + STORE_WORLD_WAIT_MS;

    for (bool spoke = false; !spoke;) { /* an operator speaks as soon as there is a key */
        cr_assert_lt(clock_mono_ms(), end_ms);
        redisReply *r = redis_server_command(
            &w.server, "EVAL %s 1 {sluice:t}:meta - a drain 0 op newer - i9",
            scripts_get(SCRIPT_FORCE)->text);

        spoke = r->type == REDIS_REPLY_ARRAY && strcmp(r->element[0]->str, "OK") == 0;
        freeReplyObject(r);
        store_world_turn(&w);
    }
    STORE_WAIT(&w, w.B.attached && strcmp(shared_state_gen(w.B.s), gen) != 0 && C.attached);
    STORE_WAIT(&w, shared_state_get(w.B.s, 0)->forced == VIEW_DRAIN &&
                       shared_state_get(C.s, 0)->forced == VIEW_DRAIN);
    store_world_run(&w, 300);
    cr_expect_eq(shared_state_get(C.s, 0)->forced, VIEW_DRAIN);
    shared_state_free(C.s);
}

static char kept[4096];

static void keep_view(void)
{
    struct buf text;

    buf_init(&text, sizeof(kept) - 1);
    cr_assert_eq(shared_state_save(w.A.s, &text), 0);
    snprintf(kept, sizeof(kept), "%s", text.data);
    buf_release(&text);
    shared_state_free(w.A.s);
    shared_state_free(w.B.s);
    w.A.s = w.B.s = NULL;
}

static void start_from_kept(void)
{
    struct err err = {0};

    store_world_join(&w, &C, "C", NULL);
    cr_assert_eq(shared_state_restore(C.s, str_of(kept), &err), 0, "%s", err.msg);
    cr_assert_eq(shared_state_get(C.s, 0)->forced, VIEW_DOWN, "before Redis has said a word");
}

Test(redis_reassert_send, a_kept_view_holds_while_redis_is_away_and_yields_to_it)
{
    keep_view();
    store_world_force(&w, "auto", "i2"); /* after everybody had left */
    redis_server_pause(&w.server);
    start_from_kept();
    STORE_WAIT(&w, C.modes == 1);
    cr_expect_not(C.attached);
    cr_expect_eq(shared_state_get(C.s, 0)->forced, VIEW_DOWN);
    cr_expect_gt(shared_state_get(C.s, 1)->lim_ms, clock_mono_ms() + 50000);
    redis_server_resume(&w.server);
    STORE_WAIT(&w, C.attached);
    cr_expect_eq(shared_state_get(C.s, 0)->forced, VIEW_AUTO,
                 "the same generation: Redis knows");
    struct err err = {0};

    cr_expect_eq(shared_state_restore(C.s, str_of(kept), &err), -1, "too late");
    shared_state_free(C.s);
}

Test(redis_reassert_send, a_kept_view_is_said_again_to_the_next_generation)
{
    store_world_command(&w, "SAVE");
    store_world_force(&w, "drain", "i2"); /* which the data on disk do not know */
    STORE_WAIT(&w, shared_state_get(w.A.s, 0)->forced == VIEW_DRAIN);
    keep_view();
    redis_server_kill(&w.server);
    redis_server_restart(&w.server);
    struct err err = {0};

    store_world_join(&w, &C, "C", NULL);
    cr_assert_eq(shared_state_restore(C.s, str_of(kept), &err), 0, "%s", err.msg);
    STORE_WAIT(&w, C.attached);
    cr_expect_eq(shared_state_get(C.s, 0)->forced, VIEW_DRAIN);
    shared_state_free(C.s);
}

Test(redis_reassert_send, a_kept_view_says_nothing_to_a_flushed_redis)
{
    keep_view();
    store_world_command(&w, "FLUSHALL");
    start_from_kept();
    STORE_WAIT(&w, C.attached);
    cr_expect_eq(shared_state_get(C.s, 0)->forced, VIEW_AUTO);
    shared_state_free(C.s);
}
