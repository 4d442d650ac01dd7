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
#include "base/loop.h"
#include "fleet/fleet_check.h"
#include "router/request/region_headers.h"

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
    struct probe probe;         /* that it is the probe of */
    bool is_probe;
    int status; /* 0: no head yet */
    int64_t body_bytes, started_ms;
    struct shared_state_check last;
    int64_t last_ms;
};

struct health_check {
    struct health_check_conf c;
    struct region_headers *region_headers;
    struct log_ctx log;
    int64_t interval_ms, lease_ms;
    struct event *tick;
    struct region_check *regions;
    int64_t *due_ms; /* per slot: since when it is open and its time over; 0: it is not */
};

static bool is_expected(const struct region_check *rc)
{
    int want = rc->owner->c.conf->health.status;

    return want != 0 ? rc->status == want : rc->status >= 200 && rc->status < 300;
}

/* What follows for the breaker when the check was a probe. */
static enum outcome outcome_of(const struct region_check *rc, enum upstream_result r)
{
    switch (r) {
    case UPSTREAM_COMPLETE:
        return is_expected(rc)     ? OUTCOME_OK
               : rc->status >= 500 ? OUTCOME_SERVER_ERROR
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
    case UPSTREAM_LIMIT:
    case UPSTREAM_INTERNAL:
        break;
    }
    return OUTCOME_ABORTED;
}

static void say_change(struct region_check *rc, bool was_ok)
{
    if (rc->last.ok != was_ok)
        log_at(rc->last.ok ? LOG_INFO : LOG_WARN, &rc->owner->log,
               "check changed region=%s result=%s seen=\"%s\"",
               rc->owner->c.conf->regions[rc->region].name, rc->last.ok ? "ok" : "fail",
               rc->last.what);
}

static void finish(struct region_check *rc, enum upstream_result r, const char *detail)
{
    struct health_check *h = rc->owner;
    struct metrics_region *m = &h->c.counters[rc->region];
    enum outcome o = outcome_of(rc, r);
    bool was_ok = !rc->last.known || rc->last.ok;
    int64_t now_ms = clock_mono_ms();

    rc->call = NULL;
    if (rc->is_probe)
        fleet_check_end(h->c.fleet, &rc->probe, o);
    rc->is_probe = false;
    if (r == UPSTREAM_INTERNAL)
        return; /* ours: nothing about the region */
    rc->last.known = true;
    rc->last.ok = o == OUTCOME_OK;
    rc->last_ms = now_ms;
    if (r == UPSTREAM_COMPLETE && (rc->status == 403 || rc->status == 409))
        fleet_check_note_refusal(h->c.fleet, rc->region);
    if (r == UPSTREAM_COMPLETE)
        snprintf(rc->last.what, sizeof(rc->last.what), "status %d", rc->status);
    else
        snprintf(rc->last.what, sizeof(rc->last.what), "%s: %.80s", upstream_result_name(r),
                 detail);
    *(rc->last.ok ? &m->checks_ok : &m->checks_failed) += 1;
    say_change(rc, was_ok);
    fleet_check_lease(h->c.fleet, rc->region, h->lease_ms, &rc->last, now_ms - rc->started_ms);
}

static void on_head(void *arg, const struct upstream_head *h)
{
    struct region_check *rc = arg;

    rc->status = h->status;
}

static void on_data(void *arg, const char *data, size_t len)
{
    struct region_check *rc = arg;

    (void)data;
    rc->body_bytes += (int64_t)len;
    if (rc->body_bytes <= BODY_MAX_BYTES)
        return;
    upstream_call_cancel(rc->call); /* the status has said it */
    finish(rc, UPSTREAM_COMPLETE, "");
}

static void on_end(void *arg, const struct upstream_end *end)
{
    finish(arg, end->result, end->detail);
}

static void start(struct region_check *rc, int64_t now_ms)
{
    static const struct upstream_ops ops = {on_head, on_data, on_end};
    struct health_check *h = rc->owner;
    const struct config *conf = h->c.conf;
    struct region_headers_lines lines;

    region_headers_fill_check(h->region_headers, rc->region, &lines);
    rc->status = 0;
    rc->body_bytes = 0;
    rc->started_ms = now_ms;
    rc->call = upstream_start(h->c.up,
                              &(struct upstream_request){.method = conf->health.method,
                                                         .url = lines.url,
                                                         .proxy = lines.proxy,
                                                         .trust = lines.trust,
                                                         .headers = lines.line,
                                                         .n_headers = lines.n,
                                                         .connect_ms = conf->health.timeout_ms,
                                                         .total_ms = conf->health.timeout_ms},
                              &ops, rc);
    region_headers_lines_release(&lines);
}

/* The fleet says whether we are its checker of this region. */
static void on_lease(void *arg, const struct shared_state_check_answer *a)
{
    struct health_check *h = arg;
    struct region_check *rc = &h->regions[a->slot];
    int64_t now_ms = clock_mono_ms();
    bool asked = rc->asked;

    rc->asked = false;
    if (a->held) {
        rc->held_until_ms = now_ms + h->lease_ms;
        if (asked && rc->call == NULL)
            start(rc, now_ms);
        return;
    }
    rc->held_until_ms = 0;
    rc->ask_ms =
        now_ms + a->wait_ms + (int64_t)rand_below(h->c.rand, (uint64_t)h->interval_ms / 10);
    if (a->other.known && rc->call == NULL) {
        rc->last = a->other;
        rc->last_ms = now_ms - a->other.ago_ms;
    }
}

static bool is_ours(const struct region_check *rc, int64_t now_ms)
{
    return strcmp(fleet_mode(rc->owner->c.fleet), "attached") != 0 ||
           now_ms < rc->held_until_ms;
}

/* Has slot been due for an interval? */
static bool is_overdue(struct health_check *h, size_t slot, int64_t now_ms)
{
    if (!fleet_check_is_due(h->c.fleet, slot, now_ms))
        h->due_ms[slot] = 0;
    else if (h->due_ms[slot] == 0)
        h->due_ms[slot] = now_ms;
    return h->due_ms[slot] != 0 && now_ms - h->due_ms[slot] >= h->interval_ms;
}

/* Checks as the probe of slot, if it has waited for one. */
static void probe_overdue(struct region_check *rc, size_t slot, int64_t now_ms)
{
    struct health_check *h = rc->owner;

    if (is_overdue(h, slot, now_ms) && rc->call == NULL && is_ours(rc, now_ms) &&
        fleet_check_begin(h->c.fleet, slot, now_ms, &rc->probe)) {
        rc->is_probe = true;
        start(rc, now_ms);
    }
}

static void tick_region(struct region_check *rc, int64_t now_ms)
{
    struct health_check *h = rc->owner;
    const struct config_region *r = &h->c.conf->regions[rc->region];

    probe_overdue(rc, rc->region, now_ms);
    for (size_t slot = r->first_slot; slot < r->first_slot + r->n_slots; slot++)
        probe_overdue(rc, slot, now_ms);
    if (now_ms < rc->ask_ms)
        return;
    rc->ask_ms = now_ms + h->interval_ms;
    rc->asked = fleet_check_lease(h->c.fleet, rc->region, h->lease_ms, NULL, 0);
    if (!rc->asked && rc->call == NULL)
        start(rc, now_ms);
}

static void on_check_tick(evutil_socket_t fd, short what, void *arg)
{
    struct health_check *h = arg;
    int64_t now_ms = clock_mono_ms();

    (void)fd, (void)what;
    if (*h->c.draining)
        return; /* the lease runs out: somebody who stays takes over */
    for (size_t i = 0; i < h->c.conf->n_regions; i++)
        tick_region(&h->regions[i], now_ms);
}

struct health_check *health_check_new(const struct health_check_conf *c)
{
    int64_t interval_ms = c->conf->health.interval_ms, now_ms = clock_mono_ms();
    int64_t tick_ms = interval_ms / 10 < TICK_MAX_MS ? interval_ms / 10 : TICK_MAX_MS;
    struct timeval tv = {tick_ms / 1000, tick_ms % 1000 * 1000};
    struct health_check *h;

    if (interval_ms == 0)
        return NULL;
    h = xcalloc(1, sizeof(*h));
    h->c = *c;
    h->log.where = "check";
    h->interval_ms = interval_ms;
    h->lease_ms = interval_ms * 3 / 2;
    h->region_headers = region_headers_new(c->conf);
    h->regions = xcalloc(c->conf->n_regions, sizeof(*h->regions));
    h->due_ms = xcalloc(c->conf->n_slots, sizeof(*h->due_ms));
    for (size_t i = 0; i < c->conf->n_regions; i++) {
        h->regions[i] = (struct region_check){.owner = h, .region = i};
        h->regions[i].ask_ms = now_ms + (int64_t)rand_below(c->rand, (uint64_t)interval_ms);
    }
    h->tick = loop_event_new(c->base, -1, EV_PERSIST, on_check_tick, h);
    loop_event_add(h->tick, &tv);
    fleet_check_subscribe(c->fleet, on_lease, h);
    return h;
}

void health_check_free(struct health_check *h)
{
    if (h == NULL)
        return;
    fleet_check_subscribe(h->c.fleet, NULL, NULL);
    event_free(h->tick);
    for (size_t i = 0; i < h->c.conf->n_regions; i++) {
        struct region_check *rc = &h->regions[i];

        if (rc->call != NULL)
            upstream_call_cancel(rc->call);
        if (rc->is_probe)
            fleet_check_end(h->c.fleet, &rc->probe, OUTCOME_ABORTED);
    }
    region_headers_free(h->region_headers);
    free(h->regions);
    free(h->due_ms);
    free(h);
}

void health_check_last(const struct health_check *h, size_t region, int64_t now_ms,
                       struct shared_state_check *out)
{
    *out = (struct shared_state_check){.known = false};
    if (h == NULL)
        return;
    *out = h->regions[region].last;
    if (out->known)
        out->ago_ms = now_ms - h->regions[region].last_ms;
}
