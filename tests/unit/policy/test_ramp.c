/* test_ramp.c - the share a recovered region gets back. */
#include "policy/ramp.h"

#include "base/base.h"
#include "policy/window.h"

#include <criterion/criterion.h>

Test(ramp, grows_in_a_straight_line)
{
    static const struct {
        int64_t now_ms, start_ms, ramp_ms;
        int want;
    } rows[] = {
        {1000, 1000, 10000, 10},
        {1001, 1000, 10000, 10},
        {2112, 1000, 10000, 20}, /* 10 + 90 * 1112 / 10000 */
        {6000, 1000, 10000, 55},
        {10999, 1000, 10000, 99},
        {11000, 1000, 10000, 100},
        {11001, 1000, 10000, 100},
        {INT64_C(1) << 52, 1000, 10000, 100},
        {999, 1000, 10000, 10}, /* heard of before our clock says so */
        {1000, 1000, 0, 100},
        {1000, 1000, -1, 100},
        {1000, 1000, 1, 10},
        {1001, 1000, 1, 100},
        {-500, -1000, 1000, 55}, /* a host that has just booted */
        {INT64_C(3600000) - 1, 0, 3600000, 99},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(ramp_share_percent(rows[i].now_ms, rows[i].start_ms, rows[i].ramp_ms),
                     rows[i].want, "row %zu", i);
}

Test(ramp, never_falls)
{
    int last = 0;

    for (int64_t now_ms = 0; now_ms <= 5000; now_ms++) {
        int share = ramp_share_percent(now_ms, 0, 4321);

        cr_assert_geq(share, last);
        last = share;
    }
    cr_expect_eq(last, 100);
}

/* A row is a history of failures: what is left of the share afterwards. */
Test(ramp, is_cut_in_half_while_failures_are_many)
{
    static const struct {
        const char *name;
        int64_t ramp_ms;
        struct {
            int64_t at_ms, attempts, failures;
        } seen[4];
        int64_t now_ms;
        int want;
    } rows[] = {
        {"nothing failed", 10000, {{0}}, 0, 100},
        {"too few to tell", 10000, {{1000, 9, 9}}, 1000, 100},
        {"enough to tell", 10000, {{1000, 10, 2}}, 1000, 50},
        {"few of many", 10000, {{1000, 100, 14}}, 1000, 100},
        {"just many", 10000, {{1000, 100, 15}}, 1000, 50},
        {"all", 10000, {{1000, INT64_C(1) << 40, INT64_C(1) << 40}}, 1000, 50},
        {"grows again", 10000, {{1000, 10, 5}}, 2000, 59},
        {"has grown", 10000, {{1000, 10, 5}}, 6600, 100},
        {"long ago", 10000, {{1000, 10, 5}}, INT64_C(1) << 52, 100},
        {"too early for another", 10000, {{1000, 10, 5}, {1499, 10, 5}}, 1499, 54},
        {"not too early", 10000, {{1000, 10, 5}, {1500, 10, 5}}, 1500, 27},
        {"the floor",
         10000,
         {{1000, 10, 5}, {1500, 10, 5}, {2000, 10, 5}, {2500, 10, 5}},
         2500,
         10},
        {"few in between are no success", 10000, {{1000, 10, 5}, {1500, 10, 1}}, 1500, 54},
        {"a host that has just booted", 10000, {{-1000, 10, 5}}, -1000, 50},
        {"a clock that stands", 10000, {{1000, 10, 5}}, 999, 50},
        {"off", 0, {{1000, 10, 10}}, 1000, 100},
        {"switched off meanwhile", -1, {{1000, 10, 10}}, 1000, 100},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ramp r = {0};

        for (size_t k = 0; k < ARRAY_LEN(rows[i].seen) && rows[i].seen[k].attempts > 0; k++) {
            int64_t at_ms = rows[i].seen[k].at_ms;

            ramp_cut(&r, ramp_left_percent(&r, at_ms, rows[i].ramp_ms),
                     rows[i].seen[k].attempts, rows[i].seen[k].failures, at_ms,
                     rows[i].ramp_ms);
        }
        cr_expect_eq(ramp_left_percent(&r, rows[i].now_ms, rows[i].ramp_ms), rows[i].want,
                     "row '%s': %d", rows[i].name,
                     ramp_left_percent(&r, rows[i].now_ms, rows[i].ramp_ms));
    }
}

/* A region that takes 40 requests a second has come back before one that takes the rest of 160:
 * each of them is spread evenly over its second. */
#define ARRIVALS 160
#define CAPACITY 40
#define RAMP_MS  10000
#define MINUTE   60000

struct weak {
    struct ramp ramp;
    struct window window;
    int64_t turns; /* hundredths of a request that are due to it */
    int64_t room;  /* thousandths of a request that it can take */
    int64_t asked, failed;
    int64_t shares, n_shares; /* their sum and count */
};

static void ask_weak(struct weak *w, int share, int64_t now_ms)
{
    bool ok = w->room >= 1000;

    w->turns -= 100;
    w->asked++;
    w->room -= ok ? 1000 : 0;
    w->failed += !ok;
    window_add(&w->window, ok, !ok, 0, now_ms);
    if (ok)
        return;
    struct window_counts seen = window_sum(&w->window, now_ms);

    ramp_cut(&w->ramp, share, seen.ok + seen.fail, seen.fail, now_ms, RAMP_MS);
}

static void run_weak(struct weak *w, int64_t from_ms, int64_t to_ms)
{
    for (int64_t now_ms = from_ms; now_ms < to_ms; now_ms++) {
        int back = ramp_share_percent(now_ms, 0, RAMP_MS);
        int left = ramp_left_percent(&w->ramp, now_ms, RAMP_MS);
        int share = left < back ? left : back;

        w->shares += share;
        w->n_shares++;
        w->room = w->room + CAPACITY > 2000 ? 2000 : w->room + CAPACITY;
        if (now_ms * ARRIVALS / 1000 == (now_ms - 1) * ARRIVALS / 1000)
            continue;
        w->turns += share;
        if (w->turns >= 100)
            ask_weak(w, share, now_ms);
    }
}

Test(ramp, gives_a_weak_region_about_what_it_can_take)
{
    struct weak w = {0};

    window_init(&w.window, 10000);
    run_weak(&w, 1, MINUTE);
    w.asked = w.failed = w.shares = w.n_shares = 0;
    for (int64_t at_ms = MINUTE; at_ms < 10 * MINUTE; at_ms += 1000) {
        run_weak(&w, at_ms, at_ms + 1000);
        struct window_counts seen = window_sum(&w.window, at_ms + 999);

        cr_assert_lt(seen.fail * 2, seen.ok + seen.fail, "its breaker stays closed");
    }
    cr_expect(w.shares > 10 * w.n_shares && w.shares < 40 * w.n_shares);
    cr_expect_lt(w.failed * 100, w.asked * RAMP_CUT_PERCENT, "%lld of %lld failed",
                 (long long)w.failed, (long long)w.asked);
    cr_expect_lt(w.failed * 20, INT64_C(9) * MINUTE / 1000 * ARRIVALS, "of all requests");
}
