/* test_local_breakers.c - a router alone: its own breakers, answers from the loop. */
#include "fleet/local_breakers.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>

static const char *const slots[] = {"a", "b"};
static struct event_base *base;
static struct local_breakers *mem;
static int n_slots, n_probes;
static struct breakers_probe_answer last;
static struct local_breakers *free_in_event;

static void on_slot(void *arg, size_t slot)
{
    (void)arg;
    cr_assert_lt(slot, 2u);
    n_slots++;
    if (free_in_event != NULL)
        local_breakers_free(free_in_event);
    free_in_event = NULL;
}

static void on_probe(void *arg, const struct breakers_probe_answer *a)
{
    (void)arg;
    last = *a;
    n_probes++;
}

#define RULE                                                                                   \
    {                                                                                          \
        .breaker = {.failure_threshold = 3,                                                    \
                    .failure_rate = 0,                                                         \
                    .minimum_requests = 20,                                                    \
                    .window_ms = 10000,                                                        \
                    .recovery_ms = 20,                                                         \
                    .recovery_max_ms = 1000,                                                   \
                    .forgive_ms = 60000,                                                       \
                    .half_open_max_calls = 1,                                                  \
                    .success_threshold = 1},                                                   \
        .probe_lease_ms = 10000, .trip_confirm = "none",                                       \
    }
static const struct breakers_rule rules[] = {RULE, RULE};
static const struct local_breakers_events events = {.on_slot = on_slot, .on_probe = on_probe};
static const struct local_breakers_conf conf = {
    .router_id = "me",
    .slots = slots,
    .n_slots = 2,
    .rules = rules,
};

static void setup(void)
{
    base = event_base_new();
    mem = local_breakers_new(base, &conf, &events);
    n_slots = n_probes = 0;
    free_in_event = NULL;
}

static void teardown(void)
{
    local_breakers_free(mem);
    event_base_free(base);
}

TestSuite(local_breakers, .init = setup, .fini = teardown);

static void turn(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static void fail(size_t slot, int times)
{
    for (int i = 0; i < times; i++)
        local_breakers_report(mem, slot, local_breakers_get(mem, slot)->ep, BREAKERS_FAIL,
                              false);
}

/* Asks until the open time is over; at most half a minute. */
static void probe_until_granted(size_t slot, uint64_t token)
{
    int64_t end_ms = clock_mono_ms() + 30000;

    do {
        local_breakers_probe(mem, slot, token);
        turn();
    } while (last.grant == BREAKER_WAIT && clock_mono_ms() < end_ms);
    cr_assert_eq(last.grant, BREAKER_GRANTED);
}

Test(local_breakers, starts_closed)
{
    cr_expect_eq(local_breakers_count(mem), 2u);
    cr_expect_str_eq(local_breakers_get(mem, 1)->name, "b");
    cr_expect_eq(local_breakers_get(mem, 1)->st, BREAKER_CLOSED);
    cr_expect_eq(local_breakers_get(mem, 1)->ep, 1u);
    cr_expect_eq(view_forced_now(local_breakers_get(mem, 1), clock_mono_ms()), VIEW_AUTO);
    turn();
}

Test(local_breakers, a_trip_is_told_from_the_loop_once)
{
    fail(0, 2);
    turn();
    cr_expect_eq(n_slots, 0);
    fail(0, 1);
    cr_expect_eq(local_breakers_get(mem, 0)->st, BREAKER_OPEN, "known at once");
    cr_expect_eq(n_slots, 0, "told later");
    turn();
    cr_expect_eq(n_slots, 1);
    cr_expect_eq(local_breakers_ver(mem), 1u);
    cr_expect_eq(local_breakers_get(mem, 0)->trips, 1);
    cr_expect_str_eq(local_breakers_get(mem, 0)->by, "me");
    turn();
    cr_expect_eq(n_slots, 1);
}

Test(local_breakers, evidence_of_another_epoch_is_ignored)
{
    for (int i = 0; i < 5; i++)
        local_breakers_report(mem, 0, 7, BREAKERS_FAIL, false);
    cr_expect_eq(local_breakers_get(mem, 0)->st, BREAKER_CLOSED);
}

Test(local_breakers, probes_are_answered_later_and_close)
{
    local_breakers_probe(mem, 0, 5);
    cr_expect_eq(n_probes, 0, "never inside the call");
    turn();
    cr_expect_eq(n_probes, 1);
    cr_expect_eq(last.grant, BREAKER_NOT_NEEDED);
    fail(0, 3);
    probe_until_granted(0, 6);
    cr_expect_eq(last.token, 6u);
    cr_expect_eq(last.epoch, 3u);
    local_breakers_probe(mem, 0, 7);
    turn();
    cr_expect_eq(last.grant, BREAKER_BUSY);
    cr_expect_gt(last.wait_ms, 0);
    local_breakers_probe_renew(mem, 0, 6);
    cr_expect_eq(local_breakers_get(mem, 0)->ramp_ms, 0);
    int64_t now_ms = clock_mono_ms();

    local_breakers_done(mem, 0, 3, 6, BREAKER_PROBE_OK);
    cr_expect_eq(local_breakers_get(mem, 0)->st, BREAKER_CLOSED);
    cr_expect_geq(local_breakers_get(mem, 0)->ramp_ms, now_ms, "its share grows from now on");
    turn();
    cr_expect_eq(local_breakers_get(mem, 0)->ep, 4u);
}

Test(local_breakers, the_longer_cooling_wins)
{
    int64_t now_ms = clock_mono_ms();

    local_breakers_cool(mem, 1, 5000, COOLING_WHY_QUOTA);
    local_breakers_cool(mem, 1, 100, COOLING_WHY_THROTTLED);
    local_breakers_cool(mem, 1, -1, COOLING_WHY_THROTTLED);
    cr_expect_eq(local_breakers_get(mem, 1)->cools, COOLING_WHY_QUOTA,
                 "the longer one says why");
    cr_expect_geq(local_breakers_get(mem, 1)->lim_ms, now_ms + 5000);
    turn();
    cr_expect_eq(n_slots, 1);
    local_breakers_cool(mem, 1, INT64_MAX, COOLING_WHY_AUTH);
    cr_expect_eq(local_breakers_get(mem, 1)->cools, COOLING_WHY_AUTH);
    cr_expect_leq(local_breakers_get(mem, 1)->lim_ms, clock_mono_ms() + 86400000);
}

Test(local_breakers, may_be_freed_from_its_own_event)
{
    fail(0, 3);
    fail(1, 3);
    local_breakers_probe(mem, 0, 1);
    free_in_event = mem;
    turn();
    cr_expect_eq(n_slots, 1);
    cr_expect_eq(n_probes, 0);
    mem = NULL;
}

/* What the fleet said last. */
static struct view_slot shown[3];

Test(local_breakers, adopts_the_last_view)
{
    int64_t now_ms = clock_mono_ms();

    shown[0] = (struct view_slot){.name = "b",
                                  .st = BREAKER_OPEN,
                                  .trips = 3,
                                  .until_ms = now_ms + 5000,
                                  .forced = VIEW_DRAIN,
                                  .forced_until_ms = now_ms + 9000,
                                  .why = "w",
                                  .by = "op",
                                  .lim_ms = now_ms + 7000};
    shown[1] = (struct view_slot){
        .name = "a", .st = BREAKER_HALF_OPEN, .trips = 1, .forced_until_ms = VIEW_NEVER};
    shown[2] = (struct view_slot){.name = "other", .st = BREAKER_OPEN};
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        local_breakers_adopt(mem, &shown[i], i, false);
    const struct view_slot *a = local_breakers_get(mem, 0), *b = local_breakers_get(mem, 1);

    cr_expect_eq(b->st, BREAKER_OPEN);
    cr_expect(b->until_ms >= now_ms + 5000 && b->until_ms <= now_ms + 5000 + 2);
    cr_expect_eq(b->trips, 3);
    cr_expect_eq(view_forced_now(b, now_ms), VIEW_DRAIN);
    cr_expect_eq(view_forced_now(b, now_ms + 9000), VIEW_AUTO);
    cr_expect_str_eq(b->why, "w");
    cr_expect_eq(b->lim_ms, now_ms + 7000);
    cr_expect_eq(a->st, BREAKER_OPEN, "half-open starts over, after a little while");
    cr_expect_leq(a->until_ms, clock_mono_ms() + 2);
    local_breakers_probe(mem, 1, 9);
    turn();
    cr_expect_eq(last.grant, BREAKER_BUSY, "an operator's word keeps probes away too");
    probe_until_granted(0, 10);
}

Test(local_breakers, the_longer_of_two_coolings_is_adopted)
{
    static const struct {
        int64_t own_ms, fleets_ms, want_ms;
    } rows[] = {{60000, 0, 60000}, {60000, 70000, 70000}, {60000, 50000, 60000}, {0, 5, 5}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t now_ms = clock_mono_ms(), lim_ms;

        teardown();
        setup();
        local_breakers_cool(mem, 0, rows[i].own_ms, COOLING_WHY_THROTTLED);
        shown[0] = (struct view_slot){
            .name = "a",
            .forced_until_ms = VIEW_NEVER,
            .lim_ms = rows[i].fleets_ms > 0 ? now_ms + rows[i].fleets_ms : 0};
        shown[1] = shown[2] = (struct view_slot){.name = "other"};
        for (size_t j = 0; j < ARRAY_LEN(shown); j++)
            local_breakers_adopt(mem, &shown[j], j, false);
        lim_ms = local_breakers_get(mem, 0)->lim_ms;
        cr_expect(lim_ms >= now_ms + rows[i].want_ms &&
                      lim_ms <= clock_mono_ms() + rows[i].want_ms,
                  "row %zu: %lld ms", i, (long long)(lim_ms - now_ms));
    }
}
