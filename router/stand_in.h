/* stand_in.h - a worker takes the clients of siblings that do not take theirs. */
#ifndef ROUTER_STAND_IN_H
#define ROUTER_STAND_IN_H

#include "router/beats.h"
#include "router/server.h"

struct event_base;
struct stand_in;

struct stand_in_conf { /* borrowed, all of it */
    struct event_base *base;
    struct server *server; /* of this worker; it has its own socket */
    struct beats *beats;
    const int *sockets; /* of all workers */
    int n_sockets;
    int own; /* the number of this worker's among them */
};

/* From now on says that this worker's socket is looked after, and accepts from each sibling's
 * for as long as that one is silent. */
struct stand_in *stand_in_new(const struct stand_in_conf *conf);
void stand_in_free(struct stand_in *s); /* silent from now on */

#endif
