/* cohort.h - the workers of one config: forked, known by pid, signalled. */
#ifndef ROUTER_COHORT_H
#define ROUTER_COHORT_H

#include "config/config.h"
#include "policy/respawn.h"
#include "router/beats.h"
#include "router/metrics.h"
#include "router/ports.h"

#include <signal.h>
#include <sys/types.h>

struct cohort_env { /* what all cohorts of a supervisor share */
    struct metrics *metrics;
    struct ports ports;
    struct beats *beats; /* of its sockets for clients */
    sigset_t signals;    /* that a worker does not block */
};

enum cohort_state { COHORT_STARTS, COHORT_SERVES, COHORT_FAILED };

struct cohort {
    struct cohort_env *env;
    struct config *conf; /* NULL: an earlier program forked them, nobody replaces them */
    int workers;
    int metrics;                /* its number there; -1: none */
    pid_t *pids;                /* 0: it does not run */
    bool *silent;               /* it has been said that it takes no clients */
    struct respawn *respawn;    /* of each */
    struct cohort_start *start; /* NULL: it serves, or was never started */
    struct cohort *next;        /* retired before this one */
};

/* Takes conf, borrows env. */
struct cohort *cohort_new(struct cohort_env *env, struct config *conf);
/* Those that run already, children of ours all the same.  Their numbers are no sockets'. */
struct cohort *cohort_new_earlier(struct cohort_env *env, const int *pids, int n);
void cohort_free(struct cohort *g); /* none of its workers runs */

/* Forks all workers, once.  -1 with err; some may run all the same. */
int cohort_start(struct cohort *g, struct err *err) MUST_CHECK;
/* Whether all of them serve by now.  COHORT_FAILED with err: one has ended
 * before it served, or they took too long. */
enum cohort_state cohort_look(struct cohort *g, struct err *err);

bool cohort_lives(const struct cohort *g); /* any worker of it runs */
void cohort_signal(const struct cohort *g, int sig);
void cohort_retire(struct cohort *g);               /* who serves finishes what has begun */
int cohort_find(const struct cohort *g, pid_t pid); /* a worker's number; -1: none of its */
/* That worker was waited for, how says how it ended.  In how many ms its successor is due. */
int64_t cohort_ended(struct cohort *g, int slot, const char *how);
void cohort_respawn(struct cohort *g);     /* those that policy/respawn.h says */
void cohort_say_silence(struct cohort *g); /* in the log: of whoever takes no clients */
/* In the log: what the config hardly means (config/warn.h).  At each start, and for --check. */
void cohort_say_warnings(const struct config *conf);
void cohort_log_level(const struct config *conf); /* as the config has it, from now on */

#endif
