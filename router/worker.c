/* worker.c - what requests need, made and released; worker.h has the contract. */
#include "router/worker.h"

#include "base/clock.h"
#include "base/loop.h"
#include "router/health_check.h"
#include "router/request/request.h"

#include <event2/event.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RETRIES_SAVED_MAX 1000 /* a busy region that dies cuts all its answers at once */
#define RETRIES_SAVED     100  /* at start */
#define HEDGES_SAVED_MAX  10

static void make_id(struct worker *w)
{
    char host[48] = "localhost", tail[9];

    gethostname(host, sizeof(host) - 1);
    rand_hex(&w->rand, tail, 8);
    snprintf(w->id, sizeof(w->id), "%s:%d:%s", host, (int)getpid(), tail);
}

/* One file per worker: each has a view of its own. */
static void keep_view(struct worker *w)
{
    char path[PATH_MAX + 16];

    if (w->conf->state_file == NULL)
        return;
    snprintf(path, sizeof(path), "%s-%d", w->conf->state_file, (int)w->slot->worker);
    fleet_keep(w->fleet, path);
}

static void on_silence_tick(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    request_seek_silence(arg);
}

int worker_init(struct worker *w, struct event_base *base, const struct config *conf,
                const struct metrics *metrics, struct metrics_block *slot, struct err *err)
{
    memset(w, 0, sizeof(*w));
    w->base = base;
    w->conf = conf;
    w->metrics = metrics;
    w->slot = slot;
    w->started_wall_ms = clock_wall_ms();
    rand_init_os(&w->rand);
    make_id(w);
    budget_init(&w->retries, conf->retry_budget, RETRIES_SAVED_MAX, RETRIES_SAVED);
    budget_init(&w->hedges, conf->hedge.max_share, HEDGES_SAVED_MAX, 0);
    w->hedge_after_ms = config_hedge_after_ms(conf);
    if (w->hedge_after_ms != CONFIG_HEDGE_OFF)
        w->silence = loop_timer_new(base, on_silence_tick, w);
    w->latency = xcalloc(conf->n_regions, sizeof(*w->latency));
    w->choose = choose_new(conf);
    w->up = upstream_new(base, &conf->upstream, err);
    if (w->up == NULL)
        goto fail;
    w->attempts = attempt_env_new(base, conf, w->up);
    w->fleet = fleet_new(base, conf, w->id, &w->rand, w->slot->fleet, err);
    if (w->fleet == NULL)
        goto fail;
    keep_view(w);
    w->checks = health_check_new(&(struct health_check_conf){.base = base,
                                                             .conf = conf,
                                                             .fleet = w->fleet,
                                                             .up = w->up,
                                                             .rand = &w->rand,
                                                             .counters = w->slot->region,
                                                             .draining = &w->draining});
    return 0;
fail:
    worker_release(w);
    return -1;
}

void worker_release(struct worker *w)
{
    health_check_free(w->checks);
    attempt_env_free(w->attempts);
    upstream_free(w->up);
    fleet_free(w->fleet);
    choose_free(w->choose);
    if (w->silence != NULL)
        event_free(w->silence);
    w->silence = NULL;
    free(w->latency);
    w->latency = NULL;
    w->checks = NULL;
    w->attempts = NULL;
    w->up = NULL;
    w->fleet = NULL;
    w->choose = NULL;
}
