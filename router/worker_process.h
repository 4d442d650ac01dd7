/* worker_process.h - the life of a worker: its listeners, its signals, its end. */
#ifndef ROUTER_WORKER_PROCESS_H
#define ROUTER_WORKER_PROCESS_H

#include "config/config.h"
#include "router/beats.h"
#include "router/metrics.h"

#include <signal.h>

struct worker_process_sockets {
    const int *client;   /* a SO_REUSEPORT socket per worker */
    int n_client, own;   /* this worker's is client[own] */
    struct beats *beats; /* of them */
    int control;         /* shared by the workers; -1: none */
    int ready; /* the worker writes own (an int) when it serves, and closes it; -1: none */
};

#define WORKER_PROCESS_LEAVE SIGUSR1 /* from now on it says that it is not ready, and serves */

/* The life of a worker process: serves until SIGTERM (drain, control stays up) or SIGQUIT
 * (retire: drain, control closed at once).  Returns the process' exit status. */
int worker_process_run(const struct config *conf, const struct metrics *metrics,
                       struct metrics_block *slot, const struct worker_process_sockets *fds);

#endif
