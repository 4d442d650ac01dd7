/* cohort.h - the workers of one config: forked, known by pid, signalled. */
#ifndef ROUTER_COHORT_H
#define ROUTER_COHORT_H

#include "config/config.h"
#include "policy/respawn.h"
#include "router/beats.h"
#include "router/metrics.h"

#include <signal.h>
#include <sys/types.h>

struct cohort_env { /* what all cohorts of a supervisor share */
    struct metrics *metrics;
    int *sockets; /* one per worker */
    int n_sockets;
    struct beats *beats; /* of them */
    int control;         /* -1: none */
    sigset_t signals;    /* that a worker does not block */
};

struct cohort {
    struct cohort_env *env;
    struct config *conf;
    int metrics;             /* its number there; -1: none */
    pid_t *pids;             /* of conf->workers; 0: it does not run */
    struct respawn *respawn; /* of each */
    struct cohort *next;     /* retired before this one */
};

/* Takes conf, borrows env. */
struct cohort *cohort_new(struct cohort_env *env, struct config *conf);
void cohort_free(struct cohort *g); /* none of its workers runs */

/* Forks all workers and waits until they serve.  -1 with err: none of them is left running. */
int cohort_start(struct cohort *g, struct err *err) MUST_CHECK;

bool cohort_lives(const struct cohort *g); /* any worker of it runs */
void cohort_signal(const struct cohort *g, int sig);
int cohort_find(const struct cohort *g, pid_t pid); /* a worker's number; -1: none of its */
/* That worker was waited for.  In how many ms its successor is due. */
int64_t cohort_ended(struct cohort *g, int slot);
void cohort_respawn(struct cohort *g);            /* those that policy/respawn.h says */
void cohort_log_level(const struct config *conf); /* as the config has it, from now on */

#endif
