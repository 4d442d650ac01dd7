/* supervisor.c - the parent of the workers; supervisor.h has the contract.
 *
 * A reload starts a whole new cohort of workers and retires the old one: a worker's config
 * never changes under it, and one that cannot start with the new config never replaces one
 * that serves.  The new cohort accepts from the same sockets.  An old one stays known, and
 * its counters in sight, until its last worker has ended.
 *
 *     next --all of them serve--> now --another one serves--> retired --all ended--> gone
 *          --one fails, or a stop comes first---------------> retired
 *
 * Nothing waits for the next cohort: meanwhile workers that die are replaced.
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

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEAT_MS     100 /* how often it looks */
#define STARTING_MS 10  /* while a cohort starts */

struct supervisor {
    struct cohort_env env;
    struct cohort *now;     /* NULL: the first one starts */
    struct cohort *next;    /* starts; NULL: none */
    struct cohort *retired; /* those drain */
    int64_t stop_at_ms;     /* of drain_delay; 0: nobody has told us to stop */
    bool stopping, failed;
    bool reload; /* wanted */
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
    struct cohort *const current[] = {s->now, s->next};

    for (size_t i = 0; i < ARRAY_LEN(current); i++)
        if (current[i] != NULL && (*slot = cohort_find(current[i], pid)) >= 0)
            return current[i];
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

static void on_child_end(struct supervisor *s, pid_t pid, int status)
{
    int slot;
    struct cohort *g = find_child(s, pid, &slot);
    int64_t wait_ms;
    char how[32];

    if (g == NULL)
        return;
    describe(status, how, sizeof(how));
    wait_ms = cohort_ended(g, slot, how);
    if (g != s->now && g != s->next) {
        on_retired_end(s, g);
        return;
    }
    beats_stop(s->env.beats, slot);
    if (!s->stopping)
        log_at(LOG_ERROR, NULL, "worker died slot=%d pid=%d how=\"%s\" respawn_in_ms=%lld",
               slot, (int)pid, how, (long long)wait_ms);
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
    cohort_retire(old);
    old->next = s->retired;
    s->retired = old;
}

/* It never served as a whole.  What those of its workers that serve have begun is finished. */
static void give_up_next(struct supervisor *s)
{
    struct cohort *g = s->next;

    s->next = NULL;
    if (g != NULL)
        retire(s, g);
}

static void refuse_next(struct supervisor *s, const struct err *err)
{
    s->failed = s->now == NULL;
    log_at(LOG_ERROR, NULL, "%s: %s",
           s->failed ? "cannot start" : "reload refused, the old config stays", err->msg);
    give_up_next(s);
}

static void start_next(struct supervisor *s, struct config *conf)
{
    struct err err = {0};

    s->next = cohort_new(&s->env, conf);
    if (cohort_start(s->next, &err) < 0)
        refuse_next(s, &err);
}

/* SIGHUP: all or nothing. */
static void reload(struct supervisor *s)
{
    struct err err = {0};
    struct config *conf = config_load(s->now->conf->path, &err);

    s->reload = false;
    if (conf == NULL || config_reload_check(s->now->conf, conf, &err) < 0) {
        refuse_next(s, &err);
        config_free(conf);
        return;
    }
    start_next(s, conf);
}

/* The next cohort serves: it is the one from now on. */
static void take_next(struct supervisor *s)
{
    struct cohort *old = s->now;

    s->now = s->next;
    s->next = NULL;
    if (old == NULL)
        return;
    cohort_log_level(s->now->conf);
    retire(s, old);
    log_at(LOG_INFO, NULL, "reloaded config=%s", s->now->conf->digest);
}

static void look_at_next(struct supervisor *s)
{
    struct err err = {0};
    enum cohort_state state = s->next == NULL ? COHORT_STARTS : cohort_look(s->next, &err);

    if (state == COHORT_SERVES)
        take_next(s);
    else if (state == COHORT_FAILED)
        refuse_next(s, &err);
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
    int64_t delay_ms;

    if (s->now == NULL) { /* as far as it has come */
        s->now = s->next;
        s->next = NULL;
    }
    assert(s->now != NULL);
    delay_ms = s->now->conf->drain_delay_ms;
    give_up_next(s);
    if (s->stop_at_ms > 0 || delay_ms == 0) { /* asked twice: no more delay */
        stop(s);
        return;
    }
    log_at(LOG_INFO, NULL, "stopping after drain_delay_ms=%lld", (long long)delay_ms);
    s->stop_at_ms = clock_mono_ms() + delay_ms;
}

/* It is said again at each beat: who has just been started did not listen. */
static void await_stop(struct supervisor *s)
{
    cohort_respawn(s->now);
    cohort_signal(s->now, WORKER_PROCESS_LEAVE);
    if (clock_mono_ms() >= s->stop_at_ms)
        stop(s);
}

static bool any_alive(const struct supervisor *s)
{
    return s->retired != NULL || cohort_lives(s->now);
}

static void on_signal(struct supervisor *s, int sig)
{
    if (sig == SIGTERM || sig == SIGINT)
        leave(s);
    else if (sig == SIGHUP)
        s->reload = true;
}

/* While nobody has told us to stop. */
static void go_on(struct supervisor *s)
{
    look_at_next(s);
    if (s->now != NULL)
        cohort_respawn(s->now);
    if (s->next != NULL)
        cohort_respawn(s->next);
    if (s->reload && s->next == NULL && s->now != NULL)
        reload(s);
}

static void run(struct supervisor *s)
{
    while (!s->failed && (!s->stopping || any_alive(s))) {
        int64_t beat_ms = s->next == NULL ? BEAT_MS : STARTING_MS;
        const struct timespec beat = {0, beat_ms * 1000 * 1000};

        on_signal(s, sigtimedwait(&s->signals, NULL, &beat));
        reap(s);
        if (!s->stopping && s->stop_at_ms == 0)
            go_on(s);
        else if (!s->stopping)
            await_stop(s);
    }
}

/* Those of a first cohort that could not start. */
static void end_retired(struct supervisor *s)
{
    for (const struct cohort *g = s->retired; g != NULL; g = g->next)
        cohort_signal(g, SIGKILL);
    while (s->retired != NULL) {
        int status;
        pid_t pid = waitpid(-1, &status, 0);

        if (pid > 0)
            on_child_end(s, pid, status);
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
    s.env.metrics = metrics_new();
    s.env.beats = beats_new(conf->workers);
    if (s.env.metrics == NULL || s.env.beats == NULL) {
        log_at(LOG_ERROR, NULL, "cannot start: no memory to share: %s", strerror(errno));
        config_free(conf);
    } else if (open_sockets(&s.env, conf, &err) < 0) {
        log_at(LOG_ERROR, NULL, "cannot start: %s", err.msg);
        config_free(conf);
    } else {
        start_next(&s, conf);
        run(&s);
        end_retired(&s);
        rc = s.failed;
    }
    if (rc == 0)
        log_at(LOG_INFO, NULL, "stopped");
    close_sockets(&s.env);
    cohort_free(s.now);
    beats_free(s.env.beats);
    metrics_free(s.env.metrics);
    return rc;
}
