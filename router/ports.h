/* ports.h - the sockets that a supervisor owns: bound by itself, or by an earlier program. */
#ifndef ROUTER_PORTS_H
#define ROUTER_PORTS_H

#include "config/config.h"
#include "router/handover.h"

struct ports {
    int *client; /* a SO_REUSEPORT socket per worker */
    int n_client;
    int control; /* -1: none */
};

/* Both fill zeros with control -1; -1 with err.  To be closed in any case. */
int ports_open(struct ports *p, const struct config *conf, struct err *err) MUST_CHECK;
int ports_adopt(struct ports *p, const struct handover *h, struct err *err) MUST_CHECK;
void ports_refuse(const struct ports *p); /* new clients, from now on */
void ports_close(struct ports *p);

#endif
