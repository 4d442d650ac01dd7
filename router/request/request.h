/* request.h - the spine: one request from its last byte in to its last byte out. */
#ifndef ROUTER_REQUEST_REQUEST_H
#define ROUTER_REQUEST_REQUEST_H

#include "base/str.h"
#include "dialect/dialect.h"
#include "http/exchange.h"
#include "router/worker.h"

/* Takes ex and answers it, now or later.  Called inside on_body, whose body it is; route is
 * what its path asks for.  The request frees itself. */
void request_start(struct worker *w, struct exchange *ex, struct str body,
                   const struct dialect_route *route);

#endif
