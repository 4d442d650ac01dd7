/* supervisor.h - forks the workers, keeps them alive, reloads and drains them.
 *
 * It owns the listening sockets (one per worker on the same port) and hands them down, so a
 * worker that dies or is replaced loses no connection that waits in its socket's queue. */
#ifndef ROUTER_SUPERVISOR_H
#define ROUTER_SUPERVISOR_H

#include "config/config.h"

/* Takes conf.  Runs until SIGTERM or SIGINT and all workers have drained; SIGHUP loads
 * conf->path again, all or nothing; SIGUSR2 runs argv, the program's own command line, in our
 * place.  Returns the exit status of the program. */
int supervisor_run(struct config *conf, char *const *argv);

#endif
