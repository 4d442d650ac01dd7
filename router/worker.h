/* worker.h - what every step of a request may need: one process' loop, connections, view of the
 * fleet and counters. */
#ifndef ROUTER_WORKER_H
#define ROUTER_WORKER_H

#include "base/base.h"
#include "base/err.h"
#include "base/rand.h"
#include "config/config.h"
#include "policy/budget.h"
#include "policy/latency.h"
#include "router/request/attempt.h"
#include "router/request/choose.h"
#include "fleet/fleet.h"
#include "router/metrics.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct health_check;
struct request;

struct worker { /* what every step of a request may need; passed down, never global */
    struct event_base *base;
    const struct config *conf;
    struct rand rand;
    char id[96]; /* router id in the fleet: host:pid:random */
    const struct metrics *metrics;
    struct metrics_block *slot;
    struct fleet *fleet;
    struct upstream *up;
    struct choose *choose;
    struct health_check *checks; /* NULL: off */
    struct attempt_env *attempts;
    struct request *requests; /* in flight */
    struct event *silence;    /* looks for the silent among them; NULL: hedge.after is off */
    struct budget retries, hedges;
    int64_t hedge_after_ms; /* or one of CONFIG_HEDGE_ */
    struct latency (
        *latency)[2]; /* per region: plain answers; streams to their first content */
    int64_t started_wall_ms;
    bool starting; /* the fleet's view is awaited; nobody is served yet */
    bool leaving;  /* not ready any more, while it still serves or drains */
    bool draining; /* nothing new is taken */
};

/* Everything a request needs, without listeners (flow tests use just this).  conf, metrics and
 * slot, which is this worker's block of them, are borrowed.  -1 with err. */
int worker_init(struct worker *w, struct event_base *base, const struct config *conf,
                const struct metrics *metrics, struct metrics_block *slot,
                struct err *err) MUST_CHECK;
void worker_release(struct worker *w);

#endif
