/* cohort.h - the workers of one config: forked, known by pid, signalled. */
#ifndef ROUTER_COHORT_H
#define ROUTER_COHORT_H

#include "config/config.h"
#include "router/metrics.h"

#include <signal.h>
#include <sys/types.h>

struct child {
    pid_t pid; /* 0: not running */
    int64_t born_ms, respawn_at_ms, backoff_ms;
};

struct cohort_env { /* what all cohorts of a supervisor share */
    struct metrics *metrics;
    int *sockets; /* one per worker */
    int n_sockets;
    int control;      /* -1: none */
    sigset_t signals; /* that a worker does not block */
};

struct cohort {
    struct cohort_env *env;
    struct config *conf;
    int metrics;            /* its number there; -1: none */
    struct child *children; /* conf->workers of them */
    struct cohort *next;    /* retired before this one */
};

/* Takes conf, borrows env. */
struct cohort *cohort_new(struct cohort_env *env, struct config *conf);
void cohort_free(struct cohort *g); /* none of its workers runs */

/* Forks all workers and waits until they serve.  -1 with err: none of them is left running. */
int cohort_start(struct cohort *g, struct err *err) MUST_CHECK;

bool cohort_lives(const struct cohort *g); /* any worker of it runs */
void cohort_signal(const struct cohort *g, int sig);
int cohort_find(const struct cohort *g, pid_t pid);  /* a worker's number; -1: none of its */
void cohort_ended(struct cohort *g, int slot);       /* that worker was waited for */
int64_t cohort_back_off(struct cohort *g, int slot); /* in how many ms its successor comes */
void cohort_respawn(struct cohort *g);               /* those whose time has come */
void cohort_log_level(const struct config *conf);    /* as the config has it, from now on */

#endif
