/* request.h - the spine: one request from its head to the last byte of its answer. */
#ifndef ROUTER_REQUEST_REQUEST_H
#define ROUTER_REQUEST_REQUEST_H

#include "dialect/dialect.h"
#include "http/exchange.h"
#include "router/worker.h"

/* Takes ex and answers it, now or later: a request that is not admitted before its body has
 * come.  Called inside on_exchange; route is what its path asks for.  The request frees itself.
 */
void request_start(struct worker *w, struct exchange *ex, const struct dialect_route *route);
/* w->silence, which runs while requests do: asks a second target for those whose first has been
 * silent for too long. */
void request_seek_silence(struct worker *w);

#endif
