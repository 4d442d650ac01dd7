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
 * An upgrade is an exec in place (upgrade.h).  The program that begins so finds the workers of
 * the one before: its first cohort, which has no config and replaces nobody.
 *
 * The loop is sigtimedwait: a parent that waits for children and signals needs no more. */
#include "router/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/version.h"
#include "config/check.h"
#include "config/config.h"
#include "router/cohort.h"
#include "router/descriptors.h"
#include "router/metrics.h"
#include "router/upgrade.h"
#include "router/worker_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BEAT_MS        100 /* how often it looks */
#define STARTING_MS    10  /* while a cohort starts */
#define RETRY_MS       5000
#define RETRY_ALONE_MS 200 /* nobody of an earlier program is left */

struct supervisor {
    struct cohort_env env;
    struct cohort *now;     /* NULL: the first one starts */
    struct cohort *next;    /* starts; NULL: none */
    struct cohort *retired; /* those drain */
    int64_t stop_at_ms;     /* of drain_delay; 0: nobody has told us to stop */
    bool stopping, failed;
    bool reload, upgrade;   /* wanted */
    int64_t retry_at_ms;    /* of a start while workers of an earlier program serve */
    struct handover handed; /* by an earlier program; no sockets: there was none */
    struct upgrade_program program;
    struct upgrade_check *check; /* of an upgrade; NULL: none runs */
    sigset_t signals;
};

/* ---- start ---- */

/* Our own, or those of an earlier program with its workers. */
static int find_ports(struct supervisor *s, const struct config *conf, struct err *err)
{
    struct handover *h = &s->handed;
    int handed = handover_take(h, getpid(), err);

    if (handed == 0)
        return ports_open(&s->env.ports, conf, err);
    if (handed < 0 || handover_fits(h, conf, err) < 0 || ports_adopt(&s->env.ports, h, err) < 0)
        return -1;
    s->now = cohort_new_earlier(&s->env, h->serving.at, h->serving.n);
    if (h->draining.n > 0)
        s->retired = cohort_new_earlier(&s->env, h->draining.at, h->draining.n);
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
    if (g->conf == NULL) {
        log_at(s->stopping ? LOG_DEBUG : LOG_ERROR, NULL,
               "worker of the earlier program died pid=%d how=\"%s\"", (int)pid, how);
        return;
    }
    beats_stop(s->env.beats, slot);
    if (!s->stopping)
        log_at(LOG_ERROR, NULL, "worker died slot=%d pid=%d how=\"%s\" respawn_in_ms=%lld",
               slot, (int)pid, how, (long long)wait_ms);
}

/* ---- becoming another program ---- */

static void list_workers(const struct cohort *g, struct handover_list *list)
{
    for (int i = 0; g != NULL && i < g->workers; i++)
        if (g->pids[i] > 0)
            handover_add(list, (int)g->pids[i]);
}

static void describe_us(const struct supervisor *s, struct handover *h)
{
    const struct config *conf = s->now->conf;

    handover_init(h);
    h->listen = xstrdup(conf != NULL ? conf->listen : s->handed.listen);
    h->admin_listen = xstrdup(conf != NULL ? conf->admin_listen : s->handed.admin_listen);
    h->control = s->env.ports.control;
    for (int i = 0; i < s->env.ports.n_client; i++)
        handover_add(&h->sockets, s->env.ports.client[i]);
    list_workers(s->now, &h->serving);
    for (const struct cohort *g = s->retired; g != NULL; g = g->next)
        list_workers(g, &h->draining);
}

static void refuse_upgrade(struct supervisor *s, const char *why)
{
    log_at(LOG_ERROR, NULL, "upgrade refused, this program goes on: %s", why);
    upgrade_check_free(s->check);
    s->check = NULL;
}

/* SIGUSR2: first the question. */
static void upgrade(struct supervisor *s)
{
    struct handover h;
    struct err err = {0};

    s->upgrade = false;
    describe_us(s, &h);
    s->check = upgrade_check_new(&s->program, &h, &err);
    if (s->check == NULL)
        refuse_upgrade(s, err.msg);
    handover_release(&h);
}

/* The answer. */
static void on_check_end(struct supervisor *s, int status)
{
    struct handover h;
    struct err err = {0};
    char says[UPGRADE_SAYS_MAX];

    if (upgrade_check_ended(s->check, status, says, &err) == 0) {
        log_at(LOG_INFO, NULL, "upgrading version=%s to=%s", version_text(), says);
        describe_us(s, &h);
        upgrade_run(&s->program, &h, &err);
        handover_release(&h);
    }
    refuse_upgrade(s, err.msg);
}

static void reap(struct supervisor *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (s->check != NULL && pid == upgrade_check_pid(s->check))
            on_check_end(s, status);
        else
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
    bool handed = s->now != NULL && s->now->conf == NULL;

    s->failed = s->now == NULL;
    s->retry_at_ms = clock_mono_ms() + RETRY_MS;
    log_at(LOG_ERROR, NULL, "%s: %s",
           s->failed ? "cannot start"
           : handed  ? "cannot start after the upgrade, the earlier workers serve on"
                     : "reload refused, the old config stays",
           err->msg);
    give_up_next(s);
}

static void start_next(struct supervisor *s, struct config *conf)
{
    struct err err = {0};

    cohort_say_warnings(conf);
    s->next = cohort_new(&s->env, conf);
    if (cohort_start(s->next, &err) < 0)
        refuse_next(s, &err);
}

static int check_change(const struct supervisor *s, const struct config *conf, struct err *err)
{
    return s->now->conf == NULL ? handover_fits(&s->handed, conf, err)
                                : config_reload_check(s->now->conf, conf, err);
}

/* SIGHUP: all or nothing. */
static void reload(struct supervisor *s)
{
    struct err err = {0};
    struct config *conf = config_load(s->program.config, &err);

    s->reload = false;
    if (conf == NULL || check_change(s, conf, &err) < 0) {
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
    if (old->conf == NULL)
        log_at(LOG_INFO, NULL, "upgraded version=%s config=%s", version_text(),
               s->now->conf->digest);
    else
        log_at(LOG_INFO, NULL, "reloaded config=%s", s->now->conf->digest);
    retire(s, old);
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
    ports_refuse(&s->env.ports);
}

/* The workers say that they are not ready, and serve on until drain_delay is over. */
static void leave(struct supervisor *s)
{
    int64_t delay_ms = s->now != NULL && s->now->conf != NULL ? s->now->conf->drain_delay_ms
                       : s->next != NULL                      ? s->next->conf->drain_delay_ms
                                                              : 0;

    if (s->now == NULL) { /* as far as it has come */
        s->now = s->next;
        s->next = NULL;
    }
    upgrade_check_free(s->check);
    s->check = NULL;
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
    else if (sig == SIGUSR2)
        s->upgrade = true;
}

/* An earlier program's workers serve, and ours could not start. */
static bool is_retry_due(const struct supervisor *s)
{
    int64_t left_ms = s->retry_at_ms - clock_mono_ms();

    return s->now->conf == NULL &&
           (left_ms <= 0 || (!cohort_lives(s->now) && left_ms <= RETRY_MS - RETRY_ALONE_MS));
}

/* While nobody has told us to stop. */
static void go_on(struct supervisor *s)
{
    look_at_next(s);
    if (s->now != NULL) {
        cohort_respawn(s->now);
        cohort_say_silence(s->now);
    }
    if (s->next != NULL)
        cohort_respawn(s->next);
    if (s->check != NULL && upgrade_check_is_late(s->check, clock_mono_ms()))
        refuse_upgrade(s, "the program asked gives no answer");
    if (s->next != NULL || s->check != NULL || s->now == NULL)
        return;
    if (s->upgrade)
        upgrade(s);
    else if (s->reload || is_retry_due(s))
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

static void take_signals(struct supervisor *s)
{
    static const int ours[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR2, SIGCHLD};

    sigemptyset(&s->signals);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        sigaddset(&s->signals, ours[i]);
    sigprocmask(SIG_BLOCK, &s->signals, &s->env.signals);
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) /* an earlier program blocked them */
        sigdelset(&s->env.signals, ours[i]);
    signal(WORKER_PROCESS_LEAVE, SIG_IGN); /* until a new worker listens to it */
}

int supervisor_run(struct config *conf, char *const *argv)
{
    struct supervisor s = {.env.ports.control = -1};
    struct err err = {0};
    char *path = xstrdup(conf->path);
    int rc = 1;

    s.program = (struct upgrade_program){argv, path, &s.env.signals};
    handover_init(&s.handed);
    take_signals(&s);
    cohort_log_level(conf);
    open_files(conf);
    s.env.metrics = metrics_new();
    s.env.beats = beats_new(conf->workers);
    if (s.env.metrics == NULL || s.env.beats == NULL) {
        log_at(LOG_ERROR, NULL, "cannot start: no memory to share: %s", strerror(errno));
        config_free(conf);
    } else if (find_ports(&s, conf, &err) < 0) {
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
    ports_close(&s.env.ports);
    handover_release(&s.handed);
    cohort_free(s.now);
    beats_free(s.env.beats);
    metrics_free(s.env.metrics);
    free(path);
    return rc;
}
