/* cohort.c - forking workers; cohort.h has the contract. */
#include "router/cohort.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/warn.h"
#include "dialect/dialect.h"
#include "router/worker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define SILENCE_MS 3000  /* of a worker, before it is worth a line */
#define READY_MS   10000 /* to come up, beside redis.start_wait */

struct cohort_start {
    int ready; /* each worker writes its number, whole: it is below PIPE_BUF */
    bool *serves;
    int awaited;
    int64_t until_ms;
    char ended[64]; /* how one that never served did */
};

void cohort_log_level(const struct config *conf)
{
    enum log_level level;

    if (log_level_parse(conf->log_level, &level) == 0)
        log_set_level(level);
}

static void on_config_warning(void *arg, const char *sentence)
{
    const char *path = arg;

    log_at(LOG_WARN, NULL, "config '%s': %s", path, sentence);
}

void cohort_say_warnings(const struct config *conf)
{
    config_warn(conf, dialect_get("openai")->asks, N_DIALECT_PATHS, on_config_warning,
                conf->path);
}

static struct cohort *make(struct cohort_env *env, int workers)
{
    struct cohort *g = xcalloc(1, sizeof(*g));

    g->env = env;
    g->metrics = -1;
    g->workers = workers;
    g->pids = xcalloc((size_t)workers, sizeof(*g->pids));
    g->silent = xcalloc((size_t)workers, sizeof(*g->silent));
    g->respawn = xcalloc((size_t)workers, sizeof(*g->respawn));
    return g;
}

struct cohort *cohort_new(struct cohort_env *env, struct config *conf)
{
    struct cohort *g = make(env, conf->workers);

    g->conf = conf;
    return g;
}

struct cohort *cohort_new_earlier(struct cohort_env *env, const int *pids, int n)
{
    struct cohort *g = make(env, n);

    for (int i = 0; i < n; i++)
        g->pids[i] = pids[i];
    return g;
}

static void end_start(struct cohort *g)
{
    if (g->start == NULL)
        return;
    close(g->start->ready);
    free(g->start->serves);
    free(g->start);
    g->start = NULL;
}

void cohort_free(struct cohort *g)
{
    if (g == NULL)
        return;
    end_start(g);
    if (g->metrics >= 0)
        metrics_remove(g->env->metrics, g->metrics);
    free(g->pids);
    free(g->silent);
    free(g->respawn);
    config_free(g->conf);
    free(g);
}

/* ---- forking ---- */

static void run_child(const struct cohort *g, struct metrics_block *block, int ready)
{
    const struct cohort_env *env = g->env;
    struct worker_process_sockets fds = {.client = env->ports.client,
                                         .n_client = env->ports.n_client,
                                         .own = (int)block->worker,
                                         .beats = env->beats,
                                         .control = env->ports.control,
                                         .ready = ready};
    int rc;

    cohort_log_level(g->conf);
    signal(SIGUSR2, SIG_IGN); /* who says it to the whole group means the supervisor */
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
        if (g->start != NULL)
            str_copy(g->start->ended, sizeof(g->start->ended), "no process for it");
        metrics_vacate(metrics, g->metrics, slot);
        respawn_refused(&g->respawn[slot], now_ms);
    }
}

int cohort_start(struct cohort *g, struct err *err)
{
    int ready[2];

    g->metrics = metrics_add(g->env->metrics, g->conf, g->workers);
    if (g->metrics < 0)
        return err_set(err, ERR_LIMIT,
                       "no room for counters: too many earlier cohorts still drain");
    if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_set(err, ERR_IO, "pipe: %s", strerror(errno));
    g->start = xcalloc(1, sizeof(*g->start));
    g->start->ready = ready[0];
    g->start->serves = xcalloc((size_t)g->workers, sizeof(*g->start->serves));
    g->start->awaited = g->workers;
    g->start->until_ms = clock_mono_ms() + READY_MS + g->conf->redis.start_wait_ms;
    for (int i = 0; i < g->workers; i++)
        start_child(g, i, ready[1]);
    close(ready[1]);
    return 0;
}

static void hear(struct cohort_start *s)
{
    int slot;

    while (s->awaited > 0 && read(s->ready, &slot, sizeof(slot)) == (ssize_t)sizeof(slot)) {
        s->serves[slot] = true;
        s->awaited--;
    }
}

enum cohort_state cohort_look(struct cohort *g, struct err *err)
{
    struct cohort_start *s = g->start;

    if (s == NULL)
        return COHORT_SERVES;
    hear(s);
    if (s->ended[0] != '\0')
        err_set(err, ERR_IO, "a worker could not start: %s", s->ended);
    else if (s->awaited > 0 && clock_mono_ms() >= s->until_ms)
        err_set(err, ERR_IO, "%d workers took too long to start", s->awaited);
    else if (s->awaited > 0)
        return COHORT_STARTS;
    else {
        end_start(g);
        return COHORT_SERVES;
    }
    return COHORT_FAILED;
}

void cohort_respawn(struct cohort *g)
{
    int slot;

    if (g->conf == NULL)
        return;
    while ((slot = respawn_next(g->respawn, g->workers, clock_mono_ms())) >= 0)
        start_child(g, slot, -1);
}

/* ---- running ---- */

void cohort_signal(const struct cohort *g, int sig)
{
    for (int i = 0; i < g->workers; i++)
        if (g->pids[i] > 0)
            kill(g->pids[i], sig);
}

void cohort_retire(struct cohort *g)
{
    if (g->start != NULL)
        hear(g->start);
    for (int i = 0; i < g->workers; i++)
        if (g->pids[i] > 0)
            kill(g->pids[i], g->start != NULL && !g->start->serves[i] ? SIGKILL : SIGQUIT);
}

bool cohort_lives(const struct cohort *g)
{
    for (int i = 0; i < g->workers; i++)
        if (g->pids[i] > 0)
            return true;
    return false;
}

int cohort_find(const struct cohort *g, pid_t pid)
{
    for (int i = 0; i < g->workers; i++)
        if (g->pids[i] == pid)
            return i;
    return -1;
}

void cohort_say_silence(struct cohort *g)
{
    int64_t now_ms = clock_mono_ms();

    for (int i = 0; g->conf != NULL && i < g->workers; i++) {
        int64_t ms = beats_silence_ms(g->env->beats, i, now_ms);
        bool silent = g->pids[i] > 0 && ms >= SILENCE_MS;

        if (silent && !g->silent[i])
            log_at(LOG_WARN, NULL, "worker takes no clients slot=%d pid=%d for_ms=%lld", i,
                   (int)g->pids[i], (long long)ms);
        else if (!silent && g->silent[i])
            log_at(LOG_INFO, NULL, "worker takes clients again slot=%d", i);
        g->silent[i] = silent;
    }
}

int64_t cohort_ended(struct cohort *g, int slot, const char *how)
{
    struct cohort_start *s = g->start;

    if (s != NULL) {
        hear(s);
        if (!s->serves[slot])
            str_copy(s->ended, sizeof(s->ended), how);
    }
    g->pids[slot] = 0;
    g->silent[slot] = false;
    if (g->metrics >= 0)
        metrics_vacate(g->env->metrics, g->metrics, slot);
    return respawn_died(&g->respawn[slot], clock_mono_ms());
}
