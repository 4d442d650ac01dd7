/* worker.c - one process of the router: services up, loop, services down; worker.h has the
 * contract. */
#include "router/worker.h"

#include "base/clock.h"
#include "base/log.h"
#include "router/control.h"
#include "http/listener.h"
#include "router/health_check.h"
#include "router/server.h"

#include <event2/event.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRAIN_TICK_MS     50
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
    w->probe = health_check_new(w);
    return 0;
fail:
    worker_release(w);
    return -1;
}

void worker_release(struct worker *w)
{
    health_check_free(w->probe);
    attempt_env_free(w->attempts);
    upstream_free(w->up);
    fleet_free(w->fleet);
    choose_free(w->choose);
    free(w->latency);
    w->latency = NULL;
    w->probe = NULL;
    w->attempts = NULL;
    w->up = NULL;
    w->fleet = NULL;
    w->choose = NULL;
}

/* ---- the process ---- */

struct life {
    struct worker w;
    struct server *server;
    struct control *control;
    struct event *term, *quit, *tick;
    const struct worker_sockets *fds;
    pid_t supervisor;
    int64_t drain_until_ms;
};

static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
    struct life *l = arg;

    (void)fd, (void)what;
    if (server_connections(l->server) > 0 && clock_mono_ms() < l->drain_until_ms)
        return;
    if (server_connections(l->server) > 0)
        log_at(LOG_WARN, NULL, "drain timeout passed, closing connections=%zu",
               server_connections(l->server));
    event_base_loopbreak(l->w.base);
}

static void start_drain(struct life *l)
{
    struct timeval tv = {0, DRAIN_TICK_MS * 1000};

    if (l->w.draining)
        return;
    l->w.draining = true;
    l->w.slot->draining = 1;
    l->drain_until_ms = clock_mono_ms() + l->w.conf->drain_timeout_ms;
    log_at(LOG_INFO, NULL, "draining connections=%zu timeout_ms=%lld",
           server_connections(l->server), (long long)l->w.conf->drain_timeout_ms);
    server_drain(l->server);
    event_add(l->tick, &tv);
}

/* The supervisor closes the port when the whole group stops.  Without one nobody does, and
 * nobody will come to take what waits there.  A worker of an earlier generation may outlast the
 * last one: it answers for the control port again. */
static void on_term(evutil_socket_t fd, short what, void *arg)
{
    struct life *l = arg;

    (void)fd, (void)what;
    start_drain(l);
    if (getppid() != l->supervisor)
        listener_close(l->fds->client);
    if (l->control == NULL && l->fds->control >= 0)
        l->control = control_new(&l->w, l->fds->control);
}

static void on_quit(evutil_socket_t fd, short what, void *arg)
{
    struct life *l = arg;

    (void)fd, (void)what;
    control_free(l->control); /* the next generation answers for this port now */
    l->control = NULL;
    start_drain(l);
}

static void set_signals(struct life *l)
{
    struct event_base *base = l->w.base;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* the supervisor hears the terminal and says TERM */
    signal(SIGHUP, SIG_IGN);
    l->term = evsignal_new(base, SIGTERM, on_term, l);
    l->quit = evsignal_new(base, SIGQUIT, on_quit, l);
    l->tick = event_new(base, -1, EV_PERSIST, on_drain_tick, l);
    event_add(l->term, NULL);
    event_add(l->quit, NULL);
}

static void life_end(struct life *l)
{
    control_free(l->control);
    server_free(l->server);
    worker_release(&l->w);
    event_free(l->term);
    event_free(l->quit);
    event_free(l->tick);
}

int worker_main(const struct config *conf, const struct metrics *metrics,
                struct metrics_block *slot, const struct worker_sockets *fds)
{
    struct life l = {.fds = fds, .supervisor = getppid()};
    struct err err = {0};
    struct event_base *base = event_base_new();
    int rc = 1;

    if (base == NULL || worker_init(&l.w, base, conf, metrics, slot, &err) < 0) {
        log_at(LOG_ERROR, NULL, "worker cannot start: %s", err.msg);
        goto out;
    }
    set_signals(&l);
    l.server = server_new(&l.w, fds->client, &err);
    if (l.server == NULL) {
        log_at(LOG_ERROR, NULL, "worker cannot start: %s", err.msg);
    } else {
        if (fds->control >= 0)
            l.control = control_new(&l.w, fds->control);
        if (fds->ready >= 0) { /* the supervisor waits for this byte */
            ssize_t ignored = write(fds->ready, "r", 1);

            (void)ignored;
            close(fds->ready);
        }
        log_at(LOG_INFO, NULL, "worker ready slot=%d router=%s", (int)slot->worker, l.w.id);
        event_base_dispatch(base);
        rc = 0;
    }
    life_end(&l);
out:
    if (base != NULL)
        event_base_free(base);
    return rc;
}
