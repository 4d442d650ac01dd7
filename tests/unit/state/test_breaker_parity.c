/* test_breaker_parity.c - the fleet's scripts and lib/policy/breaker.c are one rule: random
 * histories go through both, and after every step they must say and be the same. */
#include "lua_call.h"

#include "base/base.h"
#include "base/clock.h"
#include "base/rand.h"
#include "policy/breaker.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORIES 40
#define STEPS     200
#define SEED      20240607

struct world {
    struct lua lua;
    struct rand rand;
    struct breaker_conf conf;
    struct breaker *b;
    int64_t now_ms; /* ahead of Redis' TIME, so that it is what the scripts see */
    int seq;
    char gen[64];
    char said[96], did[300]; /* by the C side; the step, for messages */
};

static int64_t pick(struct world *w, int64_t low, int64_t high)
{
    return low + (int64_t)rand_below(&w->rand, (uint64_t)(high - low) + 1);
}

static void start(struct world *w)
{
    w->conf = (struct breaker_conf){
        .failure_threshold = (int)pick(w, 1, 8),
        .failure_rate = rand_below(&w->rand, 3) == 0 ? 0 : (int)pick(w, 1, 100),
        .minimum_requests = (int)pick(w, 0, 30),
        .slow_rate = rand_below(&w->rand, 2) == 0 ? 0 : (int)pick(w, 1, 100),
        .window_ms = pick(w, 10, 20000),
        .recovery_ms = pick(w, 1, 2000),
        .recovery_max_ms = pick(w, 1, 20000),
        .forgive_ms = pick(w, 1, 30000),
        .half_open_max_calls = (int)pick(w, 1, 4),
        .success_threshold = (int)pick(w, 1, 4),
    };
    w->b = breaker_new(&w->conf);
    lua_do(&w->lua, "FLUSHALL");
    lua_run(&w->lua, SCRIPT_ATTACH, "R - r h 1 v c 0 0 a");
    cr_assert_str_eq(lua_word(&w->lua, 0), "OK", "%s", w->lua.reply);
    snprintf(w->gen, sizeof(w->gen), "%s", lua_word(&w->lua, 1));
    w->now_ms = clock_wall_ms() + 86400000;
    w->seq = 0;
}

/* Mostly the current epoch, sometimes an older or a later one. */
static uint64_t some_epoch(struct world *w)
{
    uint64_t ep = breaker_get_epoch(w->b);

    return rand_below(&w->rand, 10) > 0 ? ep : ep - 1 + rand_below(&w->rand, 3);
}

static void step_report(struct world *w)
{
    const struct breaker_conf *c = &w->conf;
    uint64_t ep = some_epoch(w);
    struct breaker_evidence e = {.ok = (int)pick(w, 0, 4), .fail = (int)pick(w, 0, 4)};
    uint16_t jitter = rand_jitter(&w->rand);
    static const char *const names[] = {
        [BREAKER_COUNTED] = "(OK)", [BREAKER_STALE] = "STALE", [BREAKER_TRIPPED] = "TRIP"};

    e.slow = (int)pick(w, 0, e.ok + e.fail);
    e.hard_since_ok = (int)pick(w, 0, e.fail);
    snprintf(w->did, sizeof(w->did),
             "%s a %" PRIu64 " R %d %d %d %d %d %d %d %d %d %" PRId64 " %" PRId64 " %" PRId64
             " %" PRId64 " %u",
             w->gen, ep, ++w->seq, e.ok, e.fail, e.slow, e.hard_since_ok, c->failure_threshold,
             c->failure_rate, c->minimum_requests, c->slow_rate, c->window_ms, c->recovery_ms,
             c->recovery_max_ms, c->forgive_ms, jitter);
    snprintf(w->said, sizeof(w->said), "%s",
             names[breaker_report(w->b, ep, &e, w->now_ms, jitter)]);
    lua_run(&w->lua, SCRIPT_REPORT, w->did);
}

static void step_probe(struct world *w)
{
    uint64_t token = (uint64_t)pick(w, 1, 3);
    int64_t lease_ms = pick(w, 1, 3000), wait_ms;

    snprintf(w->did, sizeof(w->did), "%s a R %" PRIu64 " %" PRId64 " %d ask", w->gen, token,
             lease_ms, w->conf.half_open_max_calls);
    switch (breaker_probe(w->b, token, lease_ms, w->now_ms, &wait_ms)) {
    case BREAKER_GRANTED:
        snprintf(w->said, sizeof(w->said), "(GRANT %" PRIu64 ")", breaker_get_epoch(w->b));
        break;
    case BREAKER_WAIT:
        snprintf(w->said, sizeof(w->said), "(NO wait %" PRId64 ")", wait_ms);
        break;
    case BREAKER_BUSY:
        snprintf(w->said, sizeof(w->said), "(NO busy %" PRId64 ")", wait_ms);
        break;
    case BREAKER_NOT_NEEDED:
        snprintf(w->said, sizeof(w->said), "(NO closed)");
        break;
    }
    lua_run(&w->lua, SCRIPT_PROBE, w->did);
}

static void step_done(struct world *w)
{
    static const char *const verdicts[] = {[BREAKER_PROBE_OK] = "ok",
                                           [BREAKER_PROBE_FAIL] = "fail",
                                           [BREAKER_PROBE_ABANDON] = "abandon"};
    static const char *const names[] = {[BREAKER_DONE_OK] = "(OK",
                                        [BREAKER_DONE_MOVED] = "MOVED",
                                        [BREAKER_DONE_STALE] = "STALE",
                                        [BREAKER_DONE_EXPIRED] = "(EXPIRED)"};
    uint64_t ep = some_epoch(w), token = (uint64_t)pick(w, 1, 3), r = rand_below(&w->rand, 8);
    enum breaker_verdict v = r == 0   ? BREAKER_PROBE_FAIL
                             : r == 1 ? BREAKER_PROBE_ABANDON
                                      : BREAKER_PROBE_OK;
    uint16_t jitter = rand_jitter(&w->rand);

    snprintf(w->did, sizeof(w->did),
             "%s a R %" PRIu64 " %" PRIu64 " %s %" PRId64 " %" PRId64 " %d %u", w->gen, ep,
             token, verdicts[v], w->conf.recovery_ms, w->conf.recovery_max_ms,
             w->conf.success_threshold, jitter);
    snprintf(w->said, sizeof(w->said), "%s",
             names[breaker_done(w->b, ep, token, v, w->now_ms, jitter)]);
    lua_run(&w->lua, SCRIPT_DONE, w->did);
}

/* A whole reply where said has brackets around it, else the start of one. */
static bool same_reply(const struct world *w)
{
    const char *reply = w->lua.reply + (w->said[0] == '(' ? 0 : 1);

    return strncmp(reply, w->said, strlen(w->said)) == 0;
}

static void compare(struct world *w, int history, int step)
{
    char want[200];

    cr_assert(same_reply(w), "history %d step %d at %" PRId64 ": %s\n  C says %s, Lua %s",
              history, step, w->now_ms, w->did, w->said, w->lua.reply);
    snprintf(want, sizeof(want), "(%s %" PRIu64 " %" PRId64 " %d)",
             breaker_state_name(breaker_get_state(w->b)), breaker_get_epoch(w->b),
             breaker_get_state(w->b) == BREAKER_OPEN ? breaker_get_until(w->b) : 0,
             breaker_get_trips(w->b));
    lua_do(&w->lua, "HMGET {sluice:t}:r:a st ep until n");
    if (strncmp(w->lua.reply, "(closed 1 nil nil)", 18) == 0) /* never written yet */
        snprintf(w->lua.reply, sizeof(w->lua.reply), "(closed 1 0 0)");
    if (strncmp(w->lua.reply, "(closed 1 nil 0)", 16) == 0)
        snprintf(w->lua.reply, sizeof(w->lua.reply), "(closed 1 0 0)");
    cr_assert_str_eq(w->lua.reply, want, "history %d step %d: %s", history, step, w->did);
}

Test(breaker_parity, random_histories)
{
    static struct world w;
    int trips = 0, closes = 0;

    rand_init(&w.rand, SEED);
    lua_open(&w.lua, "");
    for (int history = 0; history < HISTORIES; history++) {
        start(&w);
        for (int step = 0; step < STEPS; step++) {
            uint64_t what = rand_below(&w.rand, 10), ep = breaker_get_epoch(w.b);

            w.now_ms += rand_below(&w.rand, 20) == 0 ? pick(&w, 0, 60000) : pick(&w, 0, 1500);
            lua_set_now(&w.lua, w.now_ms);
            if (what < 4)
                step_report(&w);
            else if (what < 7)
                step_probe(&w);
            else
                step_done(&w);
            compare(&w, history, step);
            trips += ep != breaker_get_epoch(w.b) && breaker_get_state(w.b) == BREAKER_OPEN;
            closes += ep != breaker_get_epoch(w.b) && breaker_get_state(w.b) == BREAKER_CLOSED;
        }
        breaker_free(w.b);
    }
    lua_close(&w.lua);
    cr_expect_gt(trips, 100, "the histories must go somewhere: %d trips", trips);
    cr_expect_gt(closes, 25, "and come back: %d closes", closes);
}
