/* worker_process.c - services up, loop, services down; worker_process.h has the contract. */
#include "router/worker_process.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "http/listener.h"
#include "router/control.h"
#include "router/server.h"
#include "router/stand_in.h"
#include "router/worker.h"

#include <event2/event.h>
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#define DRAIN_TICK_MS       50
#define MEMORY_PART         4
#define MEMORY_MAPPED_BYTES (64 << 10)
#define MEMORY_TOP_BYTES    (8 << 20) /* or each request would take its memory anew */

struct process {
    struct worker w;
    struct server *server;
    struct stand_in *stand_in;
    struct control *control;
    struct event *leave, *term, *quit, *tick;
    const struct worker_process_sockets *fds;
    pid_t supervisor;
    int64_t drain_until_ms;
};

static void on_drain_tick(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd, (void)what;
    if (server_connections(p->server) > 0 && clock_mono_ms() < p->drain_until_ms)
        return;
    if (server_connections(p->server) > 0)
        log_at(LOG_WARN, NULL, "drain timeout passed, closing connections=%zu",
               server_connections(p->server));
    event_base_loopbreak(p->w.base);
}

static void start_drain(struct process *p)
{
    struct timeval tv = {0, DRAIN_TICK_MS * 1000};

    if (p->w.draining)
        return;
    p->w.leaving = p->w.draining = true;
    p->w.slot->draining = 1;
    if (p->server == NULL)
        return; /* await_fleet sees it */
    p->drain_until_ms = clock_mono_ms() + p->w.conf->drain_timeout_ms;
    log_at(LOG_INFO, NULL, "draining connections=%zu timeout_ms=%lld",
           server_connections(p->server), (long long)p->w.conf->drain_timeout_ms);
    stand_in_free(p->stand_in); /* who serves on takes what comes */
    p->stand_in = NULL;
    server_drain(p->server);
    loop_event_add(p->tick, &tv);
}

/* Whoever asks before sending clients here takes us out; those who come meanwhile are served. */
static void on_leave(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd, (void)what;
    p->w.leaving = true;
}

/* The supervisor closes the port when the whole group stops.  Without one nobody does, and
 * nobody will come to take what waits there.  A worker of an earlier cohort may outlast the
 * last one: it answers for the control port again. */
static void on_term(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd, (void)what;
    start_drain(p);
    if (getppid() != p->supervisor)
        listener_close(p->fds->client[p->fds->own]);
    if (p->control == NULL && p->fds->control >= 0)
        p->control = control_new(&p->w, p->fds->control);
}

static void on_quit(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd, (void)what;
    control_free(p->control); /* the next cohort answers for this port now */
    p->control = NULL;
    start_drain(p);
}

static void set_signals(struct process *p)
{
    struct event_base *base = p->w.base;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGINT, SIG_IGN); /* the supervisor hears the terminal and says TERM */
    signal(SIGHUP, SIG_IGN);
    p->leave = loop_signal_new(base, WORKER_PROCESS_LEAVE, on_leave, p);
    p->term = loop_signal_new(base, SIGTERM, on_term, p);
    p->quit = loop_signal_new(base, SIGQUIT, on_quit, p);
    p->tick = loop_event_new(base, -1, EV_PERSIST, on_drain_tick, p);
    loop_event_add(p->leave, NULL);
    loop_event_add(p->term, NULL);
    loop_event_add(p->quit, NULL);
}

static void stop(struct process *p)
{
    stand_in_free(p->stand_in);
    control_free(p->control);
    server_free(p->server);
    worker_release(&p->w);
    event_free(p->leave);
    event_free(p->term);
    event_free(p->quit);
    event_free(p->tick);
}

static void on_start_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct process *p = arg;

    (void)fd, (void)what;
    p->w.starting = false;
}

/* A region that an operator forced down, or that the fleet has left, is not asked by those that
 * just came.  A stop ends it too. */
static void await_fleet(struct process *p)
{
    int64_t wait_ms = p->w.conf->redis.start_wait_ms;
    struct timeval tv = {wait_ms / 1000, wait_ms % 1000 * 1000};
    struct event *timeout = loop_timer_new(p->w.base, on_start_timeout, p);

    loop_event_add(timeout, &tv);
    p->w.starting = true;
    while (p->w.starting && !p->w.draining && fleet_is_awaited(p->w.fleet))
        event_base_loop(p->w.base, EVLOOP_ONCE);
    event_free(timeout);
    p->w.starting = false;
    if (fleet_is_awaited(p->w.fleet))
        log_at(LOG_WARN, NULL, "worker serves without having read the shared state view=%s",
               fleet_view(p->w.fleet));
}

/* Large blocks by mmap(2), which gives them back: by default glibc stops doing so. */
static void set_malloc(void)
{
    mallopt(M_MMAP_THRESHOLD, MEMORY_MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, MEMORY_TOP_BYTES);
}

/* What the program itself takes by now is a part of it. */
static void set_memory(const struct config *conf)
{
    size_t bytes = conf->http.memory_bytes, there = memory_machine_bytes("");

    if (bytes == 0)
        bytes = there / (conf->workers > 2 ? 2 * (size_t)conf->workers : MEMORY_PART);
    memory_set_budget(bytes < CONFIG_MEMORY_MIN_BYTES ? CONFIG_MEMORY_MIN_BYTES : bytes);
    memory_take(memory_resident_bytes());
}

int worker_process_run(const struct config *conf, const struct metrics *metrics,
                       struct metrics_block *slot, const struct worker_process_sockets *fds)
{
    struct process p = {.fds = fds, .supervisor = getppid()};
    struct err err = {0};
    struct event_base *base = loop_new();
    int rc = 1;

    set_malloc();
    if (worker_init(&p.w, base, conf, metrics, slot, &err) < 0) {
        log_at(LOG_ERROR, NULL, "worker cannot start: %s", err.msg);
        goto out;
    }
    set_signals(&p);
    if (fds->control >= 0)
        p.control = control_new(&p.w, fds->control);
    await_fleet(&p);
    set_memory(conf);
    if (!p.w.draining)
        p.server = server_new(&p.w, fds->client[fds->own], &err);
    if (p.w.draining) {
        rc = 0;
    } else if (p.server == NULL) {
        log_at(LOG_ERROR, NULL, "worker cannot start: %s", err.msg);
    } else {
        p.stand_in = stand_in_new(&(struct stand_in_conf){.base = base,
                                                          .server = p.server,
                                                          .beats = fds->beats,
                                                          .sockets = fds->client,
                                                          .n_sockets = fds->n_client,
                                                          .own = fds->own});
        if (fds->ready >= 0) { /* the supervisor waits for it */
            ssize_t ignored = write(fds->ready, &fds->own, sizeof(fds->own));

            (void)ignored;
            close(fds->ready);
        }
        log_at(LOG_INFO, NULL, "worker ready slot=%d router=%s", (int)slot->worker, p.w.id);
        event_base_dispatch(base);
        rc = 0;
    }
    stop(&p);
out:
    event_base_free(base);
    return rc;
}
