/* peer.h - one connection to the simulated region. */
#ifndef REGION_PEER_H
#define REGION_PEER_H

#include "tests/region/region.h"

/* Serves the connection until it ends; takes fd, which does not block. */
void peer_new(struct region *r, int fd);

/* Answers that a fault holds go on. */
void peer_go_on(struct region *r);

void peer_close_all(struct region *r);
/* Those that carry no request right now: a refusing region keeps no way in. */
void peer_close_idle(struct region *r);

#endif
