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
#include "router/descriptors.h"
#include "http/listener.h"
#include "router/metrics.h"
#include "router/worker_process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEAT_MS        100 /* how often it looks */
#define RESPAWN_MIN_MS 100
#define RESPAWN_MAX_MS 5000
#define STEADY_MS      10000 /* a worker that lived this long starts with a fresh back-off */
#define READY_MS       10000 /* for a cohort to come up, beside redis.start_wait */

struct child {
    pid_t pid; /* 0: not running */
    int64_t born_ms, respawn_at_ms, backoff_ms;
};

struct cohort { /* the workers of one config */
    struct config *conf;
    int metrics;            /* its number there; -1: none */
    struct child *children; /* conf->workers of them; NULL: none was started */
    struct cohort *next;    /* retired before this one */
};

struct supervisor {
    struct cohort *now, *retired; /* those drain */
    struct metrics *metrics;
    int *sockets; /* one per worker */
    int control;
    int n_sockets;
    int64_t stop_at_ms; /* of drain_delay; 0: nobody has told us to stop */
    bool stopping;
    sigset_t signals, before;
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

static int open_sockets(struct supervisor *s, struct err *err)
{
    const struct config *conf = s->now->conf;

    s->sockets = xcalloc((size_t)conf->workers, sizeof(*s->sockets));
    if (check_free(conf->listen, err) < 0)
        return err_wrap(err, "listen");
    while (s->n_sockets < conf->workers) {
        int fd = listener_bind(conf->listen, true, err);

        if (fd < 0)
            return err_wrap(err, "listen");
        s->sockets[s->n_sockets++] = fd;
    }
    log_at(LOG_INFO, NULL, "listening address=%s workers=%d", conf->listen, conf->workers);
    if (conf->admin_listen[0] == '\0')
        return 0;
    s->control = listener_bind(conf->admin_listen, false, err);
    if (s->control < 0)
        return err_wrap(err, "admin_listen");
    log_at(LOG_INFO, NULL, "control listening address=%s", conf->admin_listen);
    return 0;
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

static void set_log_level(const struct config *conf)
{
    enum log_level level;

    if (log_level_parse(conf->log_level, &level) == 0)
        log_set_level(level);
}

/* ---- children ---- */

static void run_child(struct supervisor *s, const struct cohort *g, struct metrics_block *block,
                      int ready)
{
    struct worker_process_sockets fds = {s->sockets[block->worker], s->control, ready};
    int rc;

    set_log_level(g->conf);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
    rc = worker_process_run(g->conf, s->metrics, block, &fds);
    fflush(NULL);
    _exit(rc);
}

/* The pid; -1 when the kernel refuses. */
static pid_t spawn(struct supervisor *s, const struct cohort *g, struct metrics_block *block,
                   int ready)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a worker never outlives its supervisor for long */
        if (getppid() != parent)          /* it died before the child could ask to be told */
            _exit(1);
        run_child(s, g, block, ready);
    }
    if (pid < 0)
        log_at(LOG_ERROR, NULL, "cannot fork a worker: %s", strerror(errno));
    return pid;
}

static void start_child(struct supervisor *s, struct cohort *g, int slot, int ready)
{
    struct child *c = &g->children[slot];

    c->born_ms = clock_mono_ms();
    c->pid = spawn(s, g, metrics_claim(s->metrics, g->metrics, slot), ready);
    if (c->pid < 0) {
        c->pid = 0;
        metrics_vacate(s->metrics, g->metrics, slot);
        c->respawn_at_ms = c->born_ms + RESPAWN_MAX_MS;
    }
}

static void signal_all(const struct cohort *g, int sig)
{
    for (int i = 0; i < g->conf->workers; i++)
        if (g->children[i].pid > 0)
            kill(g->children[i].pid, sig);
}

static bool cohort_lives(const struct cohort *g)
{
    for (int i = 0; i < g->conf->workers; i++)
        if (g->children[i].pid > 0)
            return true;
    return false;
}

static struct cohort *cohort_new(struct config *conf)
{
    struct cohort *g = xcalloc(1, sizeof(*g));

    g->conf = conf;
    g->metrics = -1;
    g->children = xcalloc((size_t)conf->workers, sizeof(*g->children));
    return g;
}

/* None of its workers runs. */
static void cohort_free(struct supervisor *s, struct cohort *g)
{
    if (g->metrics >= 0)
        metrics_remove(s->metrics, g->metrics);
    free(g->children);
    config_free(g->conf);
    free(g);
}

static bool is_told_to_stop(void)
{
    sigset_t pending;

    return sigpending(&pending) == 0 &&
           (sigismember(&pending, SIGTERM) == 1 || sigismember(&pending, SIGINT) == 1);
}

/* Waits until every worker has written its byte, or until a stop that run() sees next.  false:
 * one died or time ran out. */
static bool wait_ready(int fd, int count, int64_t for_ms)
{
    int64_t until_ms = clock_mono_ms() + for_ms;

    while (count > 0 && !is_told_to_stop()) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left_ms = until_ms - clock_mono_ms();
        char bytes[64];
        ssize_t n;

        if (left_ms > BEAT_MS)
            left_ms = BEAT_MS;
        if (left_ms <= 0 || (poll(&p, 1, (int)left_ms) < 0 && errno != EINTR))
            return false;
        if (p.revents == 0)
            continue;
        n = read(fd, bytes, sizeof(bytes));
        if (n <= 0) /* every writer is gone: those that did not say ready have died */
            return false;
        count -= (int)n;
    }
    return true;
}

/* Forks all workers of g and waits until they serve.  -1 with err: none of them is left
 * running. */
static int cohort_start(struct supervisor *s, struct cohort *g, struct err *err)
{
    int ready[2];
    bool ok;

    g->metrics = metrics_add(s->metrics, g->conf, g->conf->workers);
    if (g->metrics < 0)
        return err_set(err, ERR_LIMIT,
                       "no room for counters: too many earlier cohorts still drain");
    if (pipe(ready) < 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    for (int i = 0; i < g->conf->workers; i++) {
        g->children[i].backoff_ms = RESPAWN_MIN_MS;
        start_child(s, g, i, ready[1]);
    }
    close(ready[1]);
    ok = wait_ready(ready[0], g->conf->workers, READY_MS + g->conf->redis.start_wait_ms);
    close(ready[0]);
    if (ok)
        return 0;
    signal_all(g, SIGKILL);
    for (int i = 0; i < g->conf->workers; i++)
        if (g->children[i].pid > 0)
            waitpid(g->children[i].pid, NULL, 0);
    return err_set(err, ERR_IO, "a worker could not start with this config");
}

/* ---- what happens to a running group ---- */

static void describe(int status, char *out, size_t cap)
{
    if (WIFSIGNALED(status))
        snprintf(out, cap, "signal %d", WTERMSIG(status));
    else
        snprintf(out, cap, "exit %d", WEXITSTATUS(status));
}

/* The number of pid among g's workers; -1: it is none of them. */
static int child_of(const struct cohort *g, pid_t pid)
{
    for (int i = 0; i < g->conf->workers; i++)
        if (g->children[i].pid == pid)
            return i;
    return -1;
}

/* The cohort of pid, and its number there; NULL: nobody's. */
static struct cohort *find_child(struct supervisor *s, pid_t pid, int *slot)
{
    if ((*slot = child_of(s->now, pid)) >= 0)
        return s->now;
    for (struct cohort *g = s->retired; g != NULL; g = g->next)
        if ((*slot = child_of(g, pid)) >= 0)
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
    cohort_free(s, g);
}

static void say_death(struct child *c, int slot, pid_t pid, int status)
{
    char how[32];
    int64_t now_ms = clock_mono_ms();

    if (now_ms - c->born_ms >= STEADY_MS)
        c->backoff_ms = RESPAWN_MIN_MS;
    c->respawn_at_ms = now_ms + c->backoff_ms;
    describe(status, how, sizeof(how));
    log_at(LOG_ERROR, NULL, "worker died slot=%d pid=%d how=\"%s\" respawn_in_ms=%lld", slot,
           (int)pid, how, (long long)c->backoff_ms);
    c->backoff_ms = c->backoff_ms * 2 > RESPAWN_MAX_MS ? RESPAWN_MAX_MS : c->backoff_ms * 2;
}

static void on_child_end(struct supervisor *s, pid_t pid, int status)
{
    int slot;
    struct cohort *g = find_child(s, pid, &slot);

    if (g == NULL)
        return;
    g->children[slot].pid = 0;
    metrics_vacate(s->metrics, g->metrics, slot);
    if (g != s->now)
        on_retired_end(s, g);
    else if (!s->stopping)
        say_death(&g->children[slot], slot, pid, status);
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
        cohort_free(s, old);
        return;
    }
    signal_all(old, SIGQUIT);
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
    next = cohort_new(conf);
    if (cohort_start(s, next, &err) < 0) {
        log_at(LOG_ERROR, NULL, "reload refused, the old config stays: %s", err.msg);
        cohort_free(s, next);
        return;
    }
    s->now = next;
    set_log_level(conf);
    retire(s, old);
    log_at(LOG_INFO, NULL, "reloaded config=%s", conf->digest);
}

static void stop(struct supervisor *s)
{
    int sig = s->stopping ? SIGKILL : SIGTERM; /* asked twice: no more patience */

    log_at(LOG_INFO, NULL, s->stopping ? "stopping at once" : "stopping, workers drain");
    s->stopping = true;
    signal_all(s->now, sig);
    for (const struct cohort *g = s->retired; g != NULL; g = g->next)
        signal_all(g, sig);
    for (int i = 0; i < s->n_sockets; i++)
        listener_close(s->sockets[i]);
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
    signal_all(s->now, WORKER_PROCESS_LEAVE);
}

static bool any_alive(const struct supervisor *s)
{
    return s->retired != NULL || cohort_lives(s->now);
}

static void respawn_due(struct supervisor *s)
{
    int64_t now_ms = clock_mono_ms();

    for (int i = 0; i < s->now->conf->workers; i++) {
        const struct child *c = &s->now->children[i];

        if (c->pid == 0 && now_ms >= c->respawn_at_ms)
            start_child(s, s->now, i, -1);
    }
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
            respawn_due(s);
        else if (!s->stopping && clock_mono_ms() >= s->stop_at_ms)
            stop(s);
    }
}

int supervisor_run(struct config *conf)
{
    struct supervisor s = {.now = cohort_new(conf), .control = -1};
    struct err err = {0};
    int rc = 1;

    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigaddset(&s.signals, SIGHUP);
    sigaddset(&s.signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &s.signals, &s.before);
    signal(WORKER_PROCESS_LEAVE, SIG_IGN); /* until a new worker listens to it */
    set_log_level(conf);
    open_files(conf);
    s.metrics = metrics_new();
    if (s.metrics == NULL) {
        log_at(LOG_ERROR, NULL, "cannot start: no memory for counters: %s", strerror(errno));
    } else if (open_sockets(&s, &err) < 0 || cohort_start(&s, s.now, &err) < 0) {
        log_at(LOG_ERROR, NULL, "cannot start: %s", err.msg);
    } else {
        run(&s);
        log_at(LOG_INFO, NULL, "stopped");
        rc = 0;
    }
    for (int i = 0; i < s.n_sockets; i++)
        close(s.sockets[i]);
    if (s.control >= 0)
        close(s.control);
    free(s.sockets);
    cohort_free(&s, s.now);
    metrics_free(s.metrics);
    return rc;
}
