/* cohort.c - forking workers; cohort.h has the contract. */
#include "router/cohort.h"

#include "base/clock.h"
#include "base/log.h"
#include "router/worker_process.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS  100   /* how often a start looks for a stop */
#define READY_MS 10000 /* to come up, beside redis.start_wait */

void cohort_log_level(const struct config *conf)
{
    enum log_level level;

    if (log_level_parse(conf->log_level, &level) == 0)
        log_set_level(level);
}

struct cohort *cohort_new(struct cohort_env *env, struct config *conf)
{
    struct cohort *g = xcalloc(1, sizeof(*g));

    g->env = env;
    g->conf = conf;
    g->metrics = -1;
    g->pids = xcalloc((size_t)conf->workers, sizeof(*g->pids));
    g->respawn = xcalloc((size_t)conf->workers, sizeof(*g->respawn));
    return g;
}

void cohort_free(struct cohort *g)
{
    if (g->metrics >= 0)
        metrics_remove(g->env->metrics, g->metrics);
    free(g->pids);
    free(g->respawn);
    config_free(g->conf);
    free(g);
}

/* ---- forking ---- */

static void run_child(const struct cohort *g, struct metrics_block *block, int ready)
{
    const struct cohort_env *env = g->env;
    struct worker_process_sockets fds = {.client = env->sockets,
                                         .n_client = env->n_sockets,
                                         .own = (int)block->worker,
                                         .beats = env->beats,
                                         .control = env->control,
                                         .ready = ready};
    int rc;

    cohort_log_level(g->conf);
    sigprocmask(SIG_SETMASK, &env->signals, NULL);
    rc = worker_process_run(g->conf, env->metrics, block, &fds);
    fflush(NULL);
    _exit(rc);
}

/* The pid; -1 when the kernel refuses. */
static pid_t spawn(const struct cohort *g, struct metrics_block *block, int ready)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* a worker never outlives its supervisor for long */
        if (getppid() != parent)          /* it died before the child could ask to be told */
            _exit(1);
        run_child(g, block, ready);
    }
    if (pid < 0)
        log_at(LOG_ERROR, NULL, "cannot fork a worker: %s", strerror(errno));
    return pid;
}

static void start_child(struct cohort *g, int slot, int ready)
{
    struct metrics *metrics = g->env->metrics;
    int64_t now_ms = clock_mono_ms();
    pid_t pid = spawn(g, metrics_claim(metrics, g->metrics, slot), ready);

    if (pid > 0) {
        g->pids[slot] = pid;
        respawn_started(&g->respawn[slot], now_ms);
    } else {
        metrics_vacate(metrics, g->metrics, slot);
        respawn_refused(&g->respawn[slot], now_ms);
    }
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

        if (left_ms > LOOK_MS)
            left_ms = LOOK_MS;
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

int cohort_start(struct cohort *g, struct err *err)
{
    int ready[2];
    bool ok;

    g->metrics = metrics_add(g->env->metrics, g->conf, g->conf->workers);
    if (g->metrics < 0)
        return err_set(err, ERR_LIMIT,
                       "no room for counters: too many earlier cohorts still drain");
    if (pipe(ready) < 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    for (int i = 0; i < g->conf->workers; i++)
        start_child(g, i, ready[1]);
    close(ready[1]);
    ok = wait_ready(ready[0], g->conf->workers, READY_MS + g->conf->redis.start_wait_ms);
    close(ready[0]);
    if (ok)
        return 0;
    cohort_signal(g, SIGKILL);
    for (int i = 0; i < g->conf->workers; i++)
        if (g->pids[i] > 0)
            waitpid(g->pids[i], NULL, 0);
    return err_set(err, ERR_IO, "a worker could not start with this config");
}

void cohort_respawn(struct cohort *g)
{
    int slot;

    while ((slot = respawn_next(g->respawn, g->conf->workers, clock_mono_ms())) >= 0)
        start_child(g, slot, -1);
}

/* ---- running ---- */

void cohort_signal(const struct cohort *g, int sig)
{
    for (int i = 0; i < g->conf->workers; i++)
        if (g->pids[i] > 0)
            kill(g->pids[i], sig);
}

bool cohort_lives(const struct cohort *g)
{
    for (int i = 0; i < g->conf->workers; i++)
        if (g->pids[i] > 0)
            return true;
    return false;
}

int cohort_find(const struct cohort *g, pid_t pid)
{
    for (int i = 0; i < g->conf->workers; i++)
        if (g->pids[i] == pid)
            return i;
    return -1;
}

int64_t cohort_ended(struct cohort *g, int slot)
{
    g->pids[slot] = 0;
    metrics_vacate(g->env->metrics, g->metrics, slot);
    return respawn_died(&g->respawn[slot], clock_mono_ms());
}
