/* admit.h - whether this worker takes another request now. */
#ifndef ROUTER_REQUEST_ADMIT_H
#define ROUTER_REQUEST_ADMIT_H

#include "router/request/reply.h"
#include "router/worker.h"

#include <stdbool.h>

/* false: *e is the refusal to send (http.max_requests are in flight, not counting this one). */
bool admit_request(const struct worker *w, struct reply_error *e);

#endif
