/* supervisor.c - the parent of the workers; supervisor.h has the contract.
 *
 * A reload starts a whole new cohort of workers and retires the old one: a worker's config
 * never changes under it, and one that cannot start with the new config never replaces one
 * that serves.  The new cohort accepts from the same sockets.  An old one stays known, and
 * its counters in sight, until its last worker has ended.
 *
 * The loop is sigtimedwait: a parent that waits for children and signals needs no more. */
#include "router/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/check.h"
#include "config/config.h"
#include "http/listener.h"
#include "router/cohort.h"
#include "router/descriptors.h"
#include "router/metrics.h"
#include "router/worker_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEAT_MS 100 /* how often it looks */

struct supervisor {
    struct cohort_env env;
    struct cohort *now, *retired; /* those drain */
    int64_t stop_at_ms;           /* of drain_delay; 0: nobody has told us to stop */
    bool stopping;
    sigset_t signals;
};

/* ---- sockets ---- */

/* Another program's sockets with SO_REUSEPORT would silently share the port with ours: a bind
 * without it tells. */
static int check_free(const char *addr, struct err *err)
{
    int fd = listener_bind(addr, false, err);

    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int open_sockets(struct cohort_env *env, const struct config *conf, struct err *err)
{
    env->sockets = xcalloc((size_t)conf->workers, sizeof(*env->sockets));
    if (check_free(conf->listen, err) < 0)
        return err_wrap(err, "listen");
    while (env->n_sockets < conf->workers) {
        int fd = listener_bind(conf->listen, true, err);

        if (fd < 0)
            return err_wrap(err, "listen");
        env->sockets[env->n_sockets++] = fd;
    }
    log_at(LOG_INFO, NULL, "listening address=%s workers=%d", conf->listen, conf->workers);
    if (conf->admin_listen[0] == '\0')
        return 0;
    env->control = listener_bind(conf->admin_listen, false, err);
    if (env->control < 0)
        return err_wrap(err, "admin_listen");
    log_at(LOG_INFO, NULL, "control listening address=%s", conf->admin_listen);
    return 0;
}

static void close_sockets(struct cohort_env *env)
{
    for (int i = 0; i < env->n_sockets; i++)
        close(env->sockets[i]);
    if (env->control >= 0)
        close(env->control);
    free(env->sockets);
}

/* A request needs a descriptor for its client and one for its region. */
static void open_files(const struct config *conf)
{
    size_t wanted = (size_t)conf->http.connections_max;
    uint64_t limit = descriptors_raise();
    size_t clients = descriptors_for_clients(limit, wanted);

    if (clients < wanted)
        log_at(LOG_WARN, NULL,
               "the limit of %llu open files leaves room for %zu of http.max_connections=%zu "
               "clients per worker",
               (unsigned long long)limit, clients, wanted);
}

/* ---- what happens to a running group ---- */

static void describe(int status, char *out, size_t cap)
{
    if (WIFSIGNALED(status))
        snprintf(out, cap, "signal %d", WTERMSIG(status));
    else
        snprintf(out, cap, "exit %d", WEXITSTATUS(status));
}

/* The cohort of pid, and its number there; NULL: nobody's. */
static struct cohort *find_child(struct supervisor *s, pid_t pid, int *slot)
{
    if ((*slot = cohort_find(s->now, pid)) >= 0)
        return s->now;
    for (struct cohort *g = s->retired; g != NULL; g = g->next)
        if ((*slot = cohort_find(g, pid)) >= 0)
            return g;
    return NULL;
}

static void on_retired_end(struct supervisor *s, struct cohort *g)
{
    struct cohort **at = &s->retired;

    if (cohort_lives(g))
        return;
    while (*at != g)
        at = &(*at)->next;
    *at = g->next;
    cohort_free(g);
}

static void say_death(int slot, pid_t pid, int status, int64_t wait_ms)
{
    char how[32];

    describe(status, how, sizeof(how));
    log_at(LOG_ERROR, NULL, "worker died slot=%d pid=%d how=\"%s\" respawn_in_ms=%lld", slot,
           (int)pid, how, (long long)wait_ms);
}

static void on_child_end(struct supervisor *s, pid_t pid, int status)
{
    int slot;
    struct cohort *g = find_child(s, pid, &slot);
    int64_t wait_ms;

    if (g == NULL)
        return;
    wait_ms = cohort_ended(g, slot);
    if (g != s->now) {
        on_retired_end(s, g);
        return;
    }
    beats_stop(s->env.beats, slot);
    if (!s->stopping)
        say_death(slot, pid, status, wait_ms);
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        on_child_end(s, pid, status);
}

static void retire(struct supervisor *s, struct cohort *old)
{
    if (!cohort_lives(old)) {
        cohort_free(old);
        return;
    }
    cohort_signal(old, SIGQUIT);
    old->next = s->retired;
    s->retired = old;
}

/* SIGHUP: all or nothing. */
static void reload(struct supervisor *s)
{
    struct cohort *old = s->now, *next;
    struct err err = {0};
    struct config *conf = config_load(old->conf->path, &err);

    if (conf == NULL || config_reload_check(old->conf, conf, &err) < 0) {
        log_at(LOG_ERROR, NULL, "reload refused, the old config stays: %s", err.msg);
        config_free(conf);
        return;
    }
    next = cohort_new(&s->env, conf);
    if (cohort_start(next, &err) < 0) {
        log_at(LOG_ERROR, NULL, "reload refused, the old config stays: %s", err.msg);
        cohort_free(next);
        return;
    }
    s->now = next;
    cohort_log_level(conf);
    retire(s, old);
    log_at(LOG_INFO, NULL, "reloaded config=%s", conf->digest);
}

static void stop(struct supervisor *s)
{
    int sig = s->stopping ? SIGKILL : SIGTERM; /* asked twice: no more patience */

    log_at(LOG_INFO, NULL, s->stopping ? "stopping at once" : "stopping, workers drain");
    s->stopping = true;
    cohort_signal(s->now, sig);
    for (const struct cohort *g = s->retired; g != NULL; g = g->next)
        cohort_signal(g, sig);
    for (int i = 0; i < s->env.n_sockets; i++)
        listener_close(s->env.sockets[i]);
}

/* The workers say that they are not ready, and serve on until drain_delay is over. */
static void leave(struct supervisor *s)
{
    int64_t delay_ms = s->now->conf->drain_delay_ms;

    if (s->stop_at_ms > 0 || delay_ms == 0) { /* asked twice: no more delay */
        stop(s);
        return;
    }
    log_at(LOG_INFO, NULL, "stopping after drain_delay_ms=%lld", (long long)delay_ms);
    s->stop_at_ms = clock_mono_ms() + delay_ms;
    cohort_signal(s->now, WORKER_PROCESS_LEAVE);
}

static bool any_alive(const struct supervisor *s)
{
    return s->retired != NULL || cohort_lives(s->now);
}

static void run(struct supervisor *s)
{
    const struct timespec beat = {0, BEAT_MS * 1000 * 1000};

    while (!s->stopping || any_alive(s)) {
        int sig = sigtimedwait(&s->signals, NULL, &beat);

        if (sig == SIGTERM || sig == SIGINT)
            leave(s);
        else if (sig == SIGHUP && !s->stopping && s->stop_at_ms == 0)
            reload(s);
        reap(s);
        if (!s->stopping && s->stop_at_ms == 0)
            cohort_respawn(s->now);
        else if (!s->stopping && clock_mono_ms() >= s->stop_at_ms)
            stop(s);
    }
}

int supervisor_run(struct config *conf)
{
    struct supervisor s = {.env.control = -1};
    struct err err = {0};
    int rc = 1;

    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGHUP);
    sigaddset(&s.signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &s.signals, &s.env.signals);
    signal(WORKER_PROCESS_LEAVE, SIG_IGN); /* until a new worker listens to it */
    cohort_log_level(conf);
    open_files(conf);
    s.now = cohort_new(&s.env, conf);
    s.env.metrics = metrics_new();
    s.env.beats = beats_new(conf->workers);
    if (s.env.metrics == NULL || s.env.beats == NULL) {
        log_at(LOG_ERROR, NULL, "cannot start: no memory to share: %s", strerror(errno));
    } else if (open_sockets(&s.env, conf, &err) < 0 || cohort_start(s.now, &err) < 0) {
        log_at(LOG_ERROR, NULL, "cannot start: %s", err.msg);
    } else {
        run(&s);
        log_at(LOG_INFO, NULL, "stopped");
        rc = 0;
    }
    close_sockets(&s.env);
    cohort_free(s.now);
    beats_free(s.env.beats);
    metrics_free(s.env.metrics);
    return rc;
}
