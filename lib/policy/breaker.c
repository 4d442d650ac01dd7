/* breaker.c - decide whether a slot (a region, or a model in a region) may receive attempts.
 *
 * It reads no clock and touches no socket: now_ms comes in, a verdict goes out, so every rule
 * below is a row in tests/unit/policy/test_breaker.c.
 *
 *            a trip rule speaks              until passed, first probe
 *   CLOSED ---------------------> OPEN --------------------------------> HALF-OPEN
 *     ^                            ^                                        |
 *     |                            +-------- a probe fails, n + 1 ----------+
 *     +------------- success_threshold probes succeed in their lease -------+
 *
 * EPOCH  Every arrow makes a new epoch.  Evidence and probes carry the epoch they started
 * under, so what an attempt of an older state shows cannot move a newer one.
 *
 * LEASES  The right to send a probe ends by itself: a probe that is never heard of again
 * (its process died) gives its slot back after lease_ms.
 *
 * OPEN TIME  n counts trips.  Each doubles the open time up to a cap; half of it is fixed and
 * half is jitter, so that many slots that failed together do not come back together.  Every
 * forgive_ms without a failure takes one trip off n, settled when the next failure comes.
 *
 * SHARING  The fleet's verdict is computed in Redis from everybody's evidence
 * (lib/shared/lua).  This file is the same rule, step by step, on one process' own evidence: it
 * decides alone where no store is configured and while the store is away.  Who changes a
 * step here changes it there.
 *
 * REJECTED  A probe as a flag in the attempt: an attempt that ends unseen keeps the breaker
 * half-open for ever.
 */
#include "policy/breaker.h"

#include "base/base.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>

struct lease {
    uint64_t token;
    int64_t expiry_ms;
};

struct breaker {
    struct breaker_conf conf;
    enum breaker_state state;
    uint64_t epoch;
    int64_t until_ms;       /* end of the open time; 0 unless open */
    int trips;              /* n of d(n) */
    int64_t row;            /* hard failures since the last success */
    int succ;               /* in-lease successes of this half-open time */
    int64_t clean_since_ms; /* forgiveness is counted from here */
    struct window window;
    struct lease leases[BREAKER_LEASES_MAX];
    int n_leases;
};

static const char *const state_names[N_BREAKER_STATES] = {
    [BREAKER_CLOSED] = "closed",
    [BREAKER_OPEN] = "open",
    [BREAKER_HALF_OPEN] = "half-open",
};

const char *breaker_state_name(enum breaker_state st)
{
    assert((unsigned)st < N_BREAKER_STATES);
    return state_names[st];
}

struct breaker *breaker_new(const struct breaker_conf *conf)
{
    assert(conf->failure_threshold >= 1 && conf->success_threshold >= 1);
    assert(conf->half_open_max_calls >= 1 && conf->half_open_max_calls <= BREAKER_LEASES_MAX);
    assert(conf->recovery_ms >= 1 && conf->recovery_max_ms >= 1 && conf->forgive_ms >= 1);
    struct breaker *b = xcalloc(1, sizeof(*b));

    b->conf = *conf;
    b->state = BREAKER_CLOSED;
    b->epoch = 1;
    window_init(&b->window, conf->window_ms);
    return b;
}

void breaker_free(struct breaker *b)
{
    free(b);
}

enum breaker_state breaker_get_state(const struct breaker *b)
{
    return b->state;
}

uint64_t breaker_get_epoch(const struct breaker *b)
{
    return b->epoch;
}

int64_t breaker_get_until(const struct breaker *b)
{
    return b->until_ms;
}

int breaker_get_trips(const struct breaker *b)
{
    return b->trips;
}

int64_t breaker_open_ms(const struct breaker_conf *conf, int n, uint16_t jitter)
{
    int64_t base = conf->recovery_ms, max = conf->recovery_max_ms;

    for (int i = 1; i < n && base < max; i++)
        base = base > max / 2 ? max : base * 2;
    if (base > max)
        base = max;
    return base / 2 + (base - base / 2) * jitter / UINT16_MAX;
}

/* The only writer of state and epoch.  Whatever was gathered under the old epoch goes. */
static void go(struct breaker *b, enum breaker_state to, int64_t until_ms)
{
    b->state = to;
    b->epoch++;
    b->until_ms = to == BREAKER_OPEN ? until_ms : 0;
    b->succ = 0;
    b->n_leases = 0;
    if (to == BREAKER_HALF_OPEN)
        return;
    b->row = 0;
    window_clear(&b->window);
}

static void trip(struct breaker *b, int64_t now_ms, uint16_t jitter)
{
    if (b->trips < INT_MAX)
        b->trips++;
    go(b, BREAKER_OPEN, now_ms + breaker_open_ms(&b->conf, b->trips, jitter));
}

/* Periods without a failure, up to the one that has just come. */
static void forgive(struct breaker *b, int64_t now_ms)
{
    int64_t clean = (now_ms - b->clean_since_ms) / b->conf.forgive_ms;

    if (clean > 0)
        b->trips = clean >= b->trips ? 0 : b->trips - (int)clean;
    b->clean_since_ms = now_ms;
}

static bool share_reached(const struct breaker_conf *conf, int rate, int64_t part,
                          int64_t total)
{
    return rate > 0 && total >= 1 && total >= conf->minimum_requests &&
           part * 100 >= rate * total;
}

static bool must_trip(const struct breaker *b, int64_t now_ms)
{
    const struct breaker_conf *conf = &b->conf;

    if (b->row >= conf->failure_threshold)
        return true;
    struct window_counts seen = window_sum(&b->window, now_ms);
    int64_t total = seen.ok + seen.fail;

    return share_reached(conf, conf->failure_rate, seen.fail, total) ||
           share_reached(conf, conf->slow_rate, seen.slow, total);
}

static bool half_reached(int rate, int64_t part, int64_t total)
{
    return rate > 0 && total >= 1 && part * 200 >= rate * total;
}

void breaker_get_part(const struct breaker *b, int64_t now_ms, bool *failing, bool *slow)
{
    struct window_counts seen = window_sum(&b->window, now_ms);
    int64_t total = seen.ok + seen.fail;
    bool is_out = b->state != BREAKER_CLOSED;

    *failing = is_out || half_reached(b->conf.failure_rate, seen.fail, total);
    *slow = is_out || half_reached(b->conf.slow_rate, seen.slow, total);
}

struct window_counts breaker_get_counts(const struct breaker *b, int64_t now_ms)
{
    return window_sum(&b->window, now_ms);
}

enum breaker_reported breaker_report(struct breaker *b, uint64_t epoch,
                                     const struct breaker_evidence *e, int64_t now_ms,
                                     uint16_t jitter)
{
    if (epoch != b->epoch || b->state != BREAKER_CLOSED)
        return BREAKER_STALE;
    b->row = e->ok > 0 ? e->hard_since_ok : b->row + e->hard_since_ok;
    if (e->fail > 0)
        forgive(b, now_ms);
    window_add(&b->window, e->ok, e->fail, e->slow, now_ms);
    if (!must_trip(b, now_ms))
        return BREAKER_COUNTED;
    trip(b, now_ms, jitter);
    return BREAKER_TRIPPED;
}

static void prune(struct breaker *b, int64_t now_ms)
{
    int kept = 0;

    for (int i = 0; i < b->n_leases; i++)
        if (b->leases[i].expiry_ms > now_ms)
            b->leases[kept++] = b->leases[i];
    b->n_leases = kept;
}

static struct lease *find_lease(struct breaker *b, uint64_t token)
{
    for (int i = 0; i < b->n_leases; i++)
        if (b->leases[i].token == token)
            return &b->leases[i];
    return NULL;
}

static int64_t earliest_expiry(const struct breaker *b)
{
    int64_t earliest_ms = b->leases[0].expiry_ms;

    for (int i = 1; i < b->n_leases; i++)
        if (b->leases[i].expiry_ms < earliest_ms)
            earliest_ms = b->leases[i].expiry_ms;
    return earliest_ms;
}

enum breaker_grant breaker_probe(struct breaker *b, uint64_t token, int64_t lease_ms,
                                 int64_t now_ms, int64_t *wait_ms)
{
    *wait_ms = 0;
    if (b->state == BREAKER_CLOSED)
        return BREAKER_NOT_NEEDED;
    if (b->state == BREAKER_OPEN && now_ms < b->until_ms) {
        *wait_ms = b->until_ms - now_ms;
        return BREAKER_WAIT;
    }
    if (b->state == BREAKER_OPEN)
        go(b, BREAKER_HALF_OPEN, 0);
    prune(b, now_ms);
    struct lease *lease = find_lease(b, token);

    if (lease == NULL) {
        if (b->n_leases >= b->conf.half_open_max_calls) {
            *wait_ms = earliest_expiry(b) - now_ms;
            return BREAKER_BUSY;
        }
        lease = &b->leases[b->n_leases++];
        lease->token = token;
    }
    lease->expiry_ms = now_ms + lease_ms;
    return BREAKER_GRANTED;
}

bool breaker_renew(struct breaker *b, uint64_t token, int64_t lease_ms, int64_t now_ms)
{
    if (b->state != BREAKER_HALF_OPEN)
        return false;
    prune(b, now_ms);
    struct lease *lease = find_lease(b, token);

    if (lease == NULL)
        return false;
    lease->expiry_ms = now_ms + lease_ms;
    return true;
}

enum breaker_done breaker_done(struct breaker *b, uint64_t epoch, uint64_t token,
                               enum breaker_verdict verdict, int64_t now_ms, uint16_t jitter)
{
    if (epoch != b->epoch || b->state != BREAKER_HALF_OPEN)
        return BREAKER_DONE_STALE;
    prune(b, now_ms);
    struct lease *lease = find_lease(b, token);

    if (lease == NULL)
        return BREAKER_DONE_EXPIRED;
    *lease = b->leases[--b->n_leases];
    if (verdict == BREAKER_PROBE_ABANDON)
        return BREAKER_DONE_OK;
    if (verdict == BREAKER_PROBE_FAIL) {
        trip(b, now_ms, jitter);
        return BREAKER_DONE_MOVED;
    }
    if (++b->succ < b->conf.success_threshold)
        return BREAKER_DONE_OK;
    go(b, BREAKER_CLOSED, 0);
    b->clean_since_ms = now_ms;
    return BREAKER_DONE_MOVED;
}

void breaker_adopt(struct breaker *b, enum breaker_state st, int64_t until_ms, int trips,
                   int64_t now_ms)
{
    assert((unsigned)st < N_BREAKER_STATES);
    go(b, st, until_ms);
    b->row = 0;
    window_clear(&b->window);
    b->trips = trips > 0 ? trips : 0;
    b->clean_since_ms = now_ms; /* what came before is not ours to forgive */
}
