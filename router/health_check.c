/* health_check.c - active checks; health_check.h has the contract.
 *
 * One router of the fleet checks a region: the one that holds its lease, one and a half
 * intervals long and lengthened with every check.  The others ask again when it may be over, so
 * a checker that dies is replaced within two intervals.  Without Redis everybody checks for
 * itself.
 *
 *              lease held, interval over                 its end
 *   WAITING ------------------------------> CHECKING --------------> WAITING, result to the
 * fleet
 *      \_ region open and its time over for an interval: with a probe lease, at the next tick
 *
 * WHAT A CHECK SAYS  Of a closed region: nothing but what operators read.  Traffic is better
 * evidence than a list of models.  Of an open region whose time is over, and which no request
 * probed for an interval: it is the probe, so a fleet without traffic recovers.  An answer that
 * is neither expected nor a failure of the region (404, 429, ...) is no verdict: it frees the
 * probe's slot.
 *
 * REJECTED  Probing at once when the open time is over: where there is traffic, requests probe
 * what they need, and a good list of models would close a region that refuses to chat. */
#include "router/health_check.h"

#include "base/clock.h"
#include "base/log.h"
#include "router/request/region_headers.h"
#include "router/worker.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX_BYTES (1 << 20) /* more of an answer is not waited for */
#define TICK_MAX_MS    1000

struct region_check { /* one region */
    struct health_check *owner;
    size_t region;
    int64_t ask_ms; /* when to see about the lease, or the next check, again */
    bool asked;     /* for the lease, to check when it is granted */
    int64_t held_until_ms;
    struct upstream_call *call; /* the check that runs */
    struct permit pass;         /* that it is the probe of */
    bool is_probe;
    int status; /* 0: no head yet */
    int64_t body_bytes, started_ms;
    struct store_check last;
    int64_t last_ms;
};

struct health_check {
    struct worker *w;
    struct region_headers *region_headers;
    struct log_ctx log;
    int64_t interval_ms, lease_ms;
    struct event *tick;
    struct region_check *places;
    int64_t *due_ms; /* per slot: since when it is open and its time over; 0: it is not */
};

static bool is_expected(const struct region_check *pl)
{
    int want = pl->owner->w->conf->health.status;

    return want != 0 ? pl->status == want : pl->status >= 200 && pl->status < 300;
}

/* What follows for the breaker when the check was a probe. */
static enum outcome outcome_of(const struct region_check *pl, enum upstream_result r)
{
    switch (r) {
    case UPSTREAM_COMPLETE:
        return is_expected(pl)     ? OUTCOME_OK
               : pl->status >= 500 ? OUTCOME_SERVER_ERROR
                                   : OUTCOME_ABORTED;
    case UPSTREAM_CONNECT:
    case UPSTREAM_RESET:
        return OUTCOME_CONNECT;
    case UPSTREAM_CONNECT_TIMEOUT:
    case UPSTREAM_TOTAL_TIMEOUT:
        return OUTCOME_TIMEOUT;
    case UPSTREAM_CUT:
    case UPSTREAM_FRAMING:
        return OUTCOME_BROKEN;
    case UPSTREAM_INTERNAL:
        break;
    }
    return OUTCOME_ABORTED;
}

static void say_change(struct region_check *pl, bool was_ok)
{
    if (pl->last.ok != was_ok)
        log_at(pl->last.ok ? LOG_INFO : LOG_WARN, &pl->owner->log,
               "check changed region=%s result=%s seen=\"%s\"",
               pl->owner->w->conf->regions[pl->region].name, pl->last.ok ? "ok" : "fail",
               pl->last.what);
}

static void finish(struct region_check *pl, enum upstream_result r, const char *detail)
{
    struct health_check *p = pl->owner;
    struct metrics_region *m = &p->w->slot->region[pl->region];
    enum outcome o = outcome_of(pl, r);
    bool was_ok = !pl->last.known || pl->last.ok;
    int64_t now_ms = clock_mono_ms();

    pl->call = NULL;
    if (pl->is_probe)
        fleet_check_end(p->w->fleet, &pl->pass, o);
    pl->is_probe = false;
    if (r == UPSTREAM_INTERNAL)
        return; /* ours: nothing about the region */
    pl->last.known = true;
    pl->last.ok = o == OUTCOME_OK;
    pl->last_ms = now_ms;
    if (r == UPSTREAM_COMPLETE)
        snprintf(pl->last.what, sizeof(pl->last.what), "status %d", pl->status);
    else
        snprintf(pl->last.what, sizeof(pl->last.what), "%s: %.80s", upstream_result_name(r),
                 detail);
    *(pl->last.ok ? &m->checks_ok : &m->checks_failed) += 1;
    say_change(pl, was_ok);
    fleet_check_lease(p->w->fleet, pl->region, p->lease_ms, &pl->last, now_ms - pl->started_ms);
}

static void on_head(void *arg, const struct upstream_head *h)
{
    struct region_check *pl = arg;

    pl->status = h->status;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct region_check *pl = arg;

    (void)data;
    pl->body_bytes += (int64_t)len;
    if (pl->body_bytes <= BODY_MAX_BYTES)
        return;
    upstream_call_cancel(pl->call); /* the status has said it */
    finish(pl, UPSTREAM_COMPLETE, "");
}

static void on_end(void *arg, const struct upstream_end *end)
{
    finish(arg, end->result, end->detail);
}

static void start(struct region_check *pl, int64_t now_ms)
{
    static const struct upstream_ops ops = {on_head, on_data, on_end};
    struct health_check *p = pl->owner;
    const struct config *conf = p->w->conf;
    struct region_headers_lines lines;

    region_headers_fill_check(p->region_headers, pl->region, &lines);
    pl->status = 0;
    pl->body_bytes = 0;
    pl->started_ms = now_ms;
    pl->call = upstream_start(p->w->up,
                              &(struct upstream_request){.method = conf->health.method,
                                                         .url = lines.url,
                                                         .headers = lines.line,
                                                         .n_headers = lines.n,
                                                         .connect_ms = conf->health.timeout_ms,
                                                         .total_ms = conf->health.timeout_ms},
                              &ops, pl);
    region_headers_lines_release(&lines);
}

/* The fleet says whether we are its checker of this region. */
static void on_lease(void *arg, const struct store_check_answer *a)
{
    struct health_check *p = arg;
    struct region_check *pl = &p->places[a->slot];
    int64_t now_ms = clock_mono_ms();
    bool asked = pl->asked;

    pl->asked = false;
    if (a->held) {
        pl->held_until_ms = now_ms + p->lease_ms;
        if (asked && pl->call == NULL)
            start(pl, now_ms);
        return;
    }
    pl->held_until_ms = 0;
    pl->ask_ms =
        now_ms + a->wait_ms + (int64_t)rand_below(&p->w->rand, (uint64_t)p->interval_ms / 10);
    if (a->other.known && pl->call == NULL) {
        pl->last = a->other;
        pl->last_ms = now_ms - a->other.ago_ms;
    }
}

static bool is_ours(const struct region_check *pl, int64_t now_ms)
{
    return strcmp(fleet_mode(pl->owner->w->fleet), "attached") != 0 ||
           now_ms < pl->held_until_ms;
}

/* Has slot been due for an interval? */
static bool is_overdue(struct health_check *p, size_t slot, int64_t now_ms)
{
    if (!fleet_is_due(p->w->fleet, slot, now_ms))
        p->due_ms[slot] = 0;
    else if (p->due_ms[slot] == 0)
        p->due_ms[slot] = now_ms;
    return p->due_ms[slot] != 0 && now_ms - p->due_ms[slot] >= p->interval_ms;
}

/* Checks as the probe of slot, if it has waited for one. */
static void probe_overdue(struct region_check *pl, size_t slot, int64_t now_ms)
{
    struct health_check *p = pl->owner;

    if (is_overdue(p, slot, now_ms) && pl->call == NULL && is_ours(pl, now_ms) &&
        fleet_check_begin(p->w->fleet, slot, now_ms, &pl->pass)) {
        pl->is_probe = true;
        start(pl, now_ms);
    }
}

static void snapshot_at(struct region_check *pl, int64_t now_ms)
{
    struct health_check *p = pl->owner;
    const struct config_region *r = &p->w->conf->regions[pl->region];

    probe_overdue(pl, pl->region, now_ms);
    for (size_t slot = r->first_slot; slot < r->first_slot + r->n_slots; slot++)
        probe_overdue(pl, slot, now_ms);
    if (now_ms < pl->ask_ms)
        return;
    pl->ask_ms = now_ms + p->interval_ms;
    pl->asked = fleet_check_lease(p->w->fleet, pl->region, p->lease_ms, NULL, 0);
    if (!pl->asked && pl->call == NULL)
        start(pl, now_ms);
}

static void on_probe_tick(evutil_socket_t fd, short what, void *arg)
{
    struct health_check *p = arg;
    int64_t now_ms = clock_mono_ms();

    (void)fd, (void)what;
    if (p->w->draining)
        return; /* the lease runs out: somebody who stays takes over */
    for (size_t i = 0; i < p->w->conf->n_regions; i++)
        snapshot_at(&p->places[i], now_ms);
}

struct health_check *health_check_new(struct worker *w)
{
    int64_t interval_ms = w->conf->health.interval_ms, now_ms = clock_mono_ms();
    int64_t tick_ms = interval_ms / 10 < TICK_MAX_MS ? interval_ms / 10 : TICK_MAX_MS;
    struct timeval tv = {tick_ms / 1000, tick_ms % 1000 * 1000};
    struct health_check *p;

    if (interval_ms == 0)
        return NULL;
    p = xcalloc(1, sizeof(*p));
    p->w = w;
    p->log.where = "check";
    p->interval_ms = interval_ms;
    p->lease_ms = interval_ms * 3 / 2;
    p->region_headers = region_headers_new(w->conf);
    p->places = xcalloc(w->conf->n_regions, sizeof(*p->places));
    p->due_ms = xcalloc(w->conf->n_slots, sizeof(*p->due_ms));
    for (size_t i = 0; i < w->conf->n_regions; i++) {
        p->places[i] = (struct region_check){.owner = p, .region = i};
        p->places[i].ask_ms = now_ms + (int64_t)rand_below(&w->rand, (uint64_t)interval_ms);
    }
    p->tick = event_new(w->base, -1, EV_PERSIST, on_probe_tick, p);
    event_add(p->tick, &tv);
    fleet_on_check(w->fleet, on_lease, p);
    return p;
}

void health_check_free(struct health_check *p)
{
    if (p == NULL)
        return;
    fleet_on_check(p->w->fleet, NULL, NULL);
    event_free(p->tick);
    for (size_t i = 0; i < p->w->conf->n_regions; i++) {
        struct region_check *pl = &p->places[i];

        if (pl->call != NULL)
            upstream_call_cancel(pl->call);
        if (pl->is_probe)
            fleet_check_end(p->w->fleet, &pl->pass, OUTCOME_ABORTED);
    }
    region_headers_free(p->region_headers);
    free(p->places);
    free(p->due_ms);
    free(p);
}

void health_check_last(const struct health_check *p, size_t region, int64_t now_ms,
                       struct store_check *out)
{
    *out = (struct store_check){.known = false};
    if (p == NULL)
        return;
    *out = p->places[region].last;
    if (out->known)
        out->ago_ms = now_ms - p->places[region].last_ms;
}
