/* redis_report.c - what this router saw, on its way to the fleet: evidence and cooling. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"
#include "shared/evidence.h"

#include <event2/event.h>
#include <stdlib.h>

#define ALONE_MAX_MS  3600000 /* DISSENT_MAX of lua/done.lua */
#define REPORTS_PER_S 3000    /* of successes, by the whole fleet */
#define ARGS_MAX      22

/* Whether the fleet may be about to overrule us: we failed where a doubted trip followed. */
struct doubt {
    bool failed;  /* since our last success, in the epoch below */
    bool doubted; /* that trip was */
    uint64_t epoch;
};

/* A cooling is decided once, so it is kept until Redis has answered. */
struct untold {
    int64_t until_ms; /* 0: nothing to tell */
    int times;
    enum cooling_why why;
};

struct redis_report {
    struct event *timer; /* the next report */
    struct evidence *batch;
    uint64_t seq;         /* of the last report */
    struct doubt *doubts; /* one per slot, as are these */
    struct untold *untold;
};

/* ---- evidence ---- */

static bool take_overruled(struct shared_state *s, const struct redisReply *r)
{
    int slot = view_find(s->view, redis_value_text(redis_value_at(r, 2)));
    int64_t ms;

    if (!redis_value_is(r, "ALONE") || !redis_value_number(redis_value_at(r, 1), &ms) ||
        slot < 0)
        return false;
    if (s->ev.on_overruled != NULL)
        s->ev.on_overruled(s->ev.arg, (size_t)slot, ms < ALONE_MAX_MS ? ms : ALONE_MAX_MS);
    return true;
}

static void on_report(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_REPORT, r, why))
        ;
    else if (redis_value_is(r, "STALE") || redis_value_is(r, "TRIP"))
        shared_state_apply(s, redis_value_at(r, 1));
    else if (!redis_value_is(r, "OK") && !redis_value_is(r, "DUP") && !take_overruled(s, r))
        shared_state_rubbish(s, SCRIPT_REPORT);
    shared_state_drop(s);
}

static void note_evidence(struct shared_state *s, const struct evidence_item *item)
{
    struct doubt *d = &s->report->doubts[item->slot];

    if (item->evidence.ok > 0 || item->epoch != d->epoch)
        *d = (struct doubt){.epoch = item->epoch};
    if (item->evidence.hard_since_ok > 0)
        d->failed = true;
}

static void send_report(struct shared_state *s, const struct evidence_item *item)
{
    const struct breaker_evidence *e = &item->evidence;
    const struct breaker_conf *c = &s->rules[item->slot].breaker;
    struct redis_args a;

    note_evidence(s, item);
    shared_state_args(s, item->slot, ARGS_MAX, &a);
    redis_args_number(&a, (int64_t)item->epoch);
    redis_args_word(&a, s->router_id);
    redis_args_number(&a, (int64_t)++s->report->seq);
    redis_args_number(&a, e->ok);
    redis_args_number(&a, e->fail);
    redis_args_number(&a, e->slow);
    redis_args_number(&a, e->hard_since_ok);
    redis_args_number(&a, c->failure_threshold);
    redis_args_number(&a, c->failure_rate);
    redis_args_number(&a, c->minimum_requests);
    redis_args_number(&a, c->slow_rate);
    redis_args_number(&a, c->window_ms);
    redis_args_number(&a, c->recovery_ms);
    redis_args_number(&a, c->recovery_max_ms);
    redis_args_number(&a, c->forgive_ms);
    redis_args_number(&a, rand_jitter(&s->rand));
    redis_args_word(&a, s->rules[item->slot].trip_confirm);
    redis_args_number(&a, s->own[item->slot].failing);
    redis_args_number(&a, s->own[item->slot].slow);
    if (shared_state_run(s, SCRIPT_REPORT, &a, on_report, s) < 0)
        s->stats.dropped += (uint64_t)(e->ok + e->fail);
}

/* A failure of ours may have been part of a row that another router has overruled since.  Only
 * Redis knows; an empty report asks. */
void redis_report_note_doubt(struct shared_state *s, size_t slot)
{
    struct doubt *d = &s->report->doubts[slot];
    const struct view_slot *k = view_get(s->view, slot);

    if (!d->failed || k->ep <= d->epoch)
        return;
    if (k->st == BREAKER_OPEN) {
        d->doubted = k->doubt;
    } else if (k->st == BREAKER_CLOSED) {
        if (d->doubted && redis_attach_is_level(s) && !s->freed)
            send_report(s, &(struct evidence_item){.slot = slot, .epoch = k->ep});
        *d = (struct doubt){0};
    }
}

static void plan_flush(struct shared_state *s)
{
    int64_t due_ms = evidence_due_ms(s->report->batch);

    if (due_ms >= 0 && redis_attach_is_level(s))
        shared_state_arm(s, s->report->timer, due_ms - clock_mono_ms());
}

static void flush(struct shared_state *s)
{
    struct evidence_item item;

    if (!redis_attach_is_level(s))
        return; /* attaching sends what is left, being away drops it */
    while (evidence_take(s->report->batch, clock_mono_ms(), &item))
        send_report(s, &item);
    plan_flush(s);
}

void redis_report_add(struct shared_state *s, size_t slot, uint64_t epoch,
                      enum breakers_evidence what, bool slow)
{
    struct evidence_item displaced;
    int64_t was_ms = evidence_due_ms(s->report->batch);

    if (!redis_attach_is_attached(s)) {
        s->stats.dropped++;
        return;
    }
    switch (evidence_add(s->report->batch, slot, epoch, what == BREAKERS_FAIL, slow,
                         clock_mono_ms(), &displaced)) {
    case EVIDENCE_DISPLACED:
        if (redis_attach_is_level(s))
            send_report(s, &displaced);
        else
            s->stats.dropped += (uint64_t)(displaced.evidence.ok + displaced.evidence.fail);
        break;
    case EVIDENCE_LATE:
        s->stats.dropped++;
        break;
    case EVIDENCE_QUEUED:
        break;
    }
    if (evidence_due_ms(s->report->batch) != was_ms)
        plan_flush(s);
}

/* ---- cooling ---- */

struct told { /* one cool script under way; its callback comes exactly once */
    struct shared_state *s;
    size_t slot;
    struct untold what;
};

static void on_cool(void *arg, const struct redisReply *r, const char *why)
{
    struct told *told = arg;
    struct shared_state *s = told->s;
    struct untold *untold = &s->report->untold[told->slot];

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_COOL, r, why)) {
        ;
    } else if (redis_value_is(r, "OK") || redis_value_is(r, "NOTED")) {
        if (untold->until_ms <= told->what.until_ms && untold->times <= told->what.times)
            *untold = (struct untold){0};
        if (redis_value_is(r, "OK"))
            shared_state_apply(s, redis_value_at(r, 1));
    } else {
        shared_state_rubbish(s, SCRIPT_COOL);
    }
    free(told);
    shared_state_drop(s);
}

static void send_cool(struct shared_state *s, size_t slot, const struct untold *u)
{
    int64_t left_ms = u->until_ms - clock_mono_ms();
    struct told *told;
    struct redis_args a;

    if (!redis_attach_is_level(s))
        return;
    told = xcalloc(1, sizeof(*told));
    *told = (struct told){s, slot, *u};
    shared_state_args(s, slot, 6, &a);
    redis_args_word(&a, s->router_id);
    redis_args_number(&a, left_ms > 0 ? left_ms : 0);
    redis_args_word(&a, cooling_why_name(u->why));
    redis_args_number(&a, u->times);
    if (shared_state_run(s, SCRIPT_COOL, &a, on_cool, told) < 0)
        free(told);
}

void redis_report_cool(struct shared_state *s, size_t slot, int64_t for_ms, int times,
                       enum cooling_why why)
{
    const struct untold u = {clock_mono_ms() + for_ms, times, why};
    struct untold *kept = &s->report->untold[slot];

    if (times > 0 && u.until_ms >= kept->until_ms)
        *kept = u;
    send_cool(s, slot, &u);
}

/* ---- up and down ---- */

void redis_report_begin(struct shared_state *s)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < view_count(s->view); i++)
        if (s->report->untold[i].until_ms > now_ms)
            send_cool(s, i, &s->report->untold[i]);
    flush(s);
}

void redis_report_stop(struct shared_state *s)
{
    event_del(s->report->timer);
}

void redis_report_clear(struct shared_state *s)
{
    s->stats.dropped += evidence_clear(s->report->batch);
}

void redis_report_set_live(struct shared_state *s, int64_t n_routers)
{
    evidence_set_ok_gap(s->report->batch, n_routers * 1000 / REPORTS_PER_S);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    flush(arg);
}

void redis_report_open(struct shared_state *s)
{
    size_t n = view_count(s->view);

    s->report = xcalloc(1, sizeof(*s->report));
    s->report->timer = shared_state_timer(s, on_flush);
    s->report->batch = evidence_new(n);
    s->report->doubts = xcalloc(n + 1, sizeof(s->report->doubts[0]));
    s->report->untold = xcalloc(n + 1, sizeof(s->report->untold[0]));
}

void redis_report_close(struct shared_state *s)
{
    event_free(s->report->timer);
}

void redis_report_free(struct shared_state *s)
{
    evidence_free(s->report->batch);
    free(s->report->doubts);
    free(s->report->untold);
    free(s->report);
}
