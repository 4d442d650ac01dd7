/* no_region.h - the last step: no target is left, say so honestly. */
#ifndef ROUTER_REQUEST_NO_REGION_H
#define ROUTER_REQUEST_NO_REGION_H

#include "policy/outcome.h"
#include "router/request/choose.h"
#include "router/request/refusal.h"
#include "fleet/permit.h"
#include "router/request/reply.h"

#include <stdint.h>

struct no_region_facts {
    const struct choose_plan *plan;
    const bool *asked;          /* one per target of the plan */
    const struct refusal *said; /* by those */
    int attempts;
    enum outcome last;  /* of the last attempt; meaningful when attempts > 0 */
    const char *region; /* of the last attempt */
    const char *unfit;  /* its code when it ended as unfit */
    bool out_of_time;   /* the request's own deadline passed */
};

/* *e is what to send: what all targets said alike, those that cool included, or else a 503;
 * Retry-After is the earliest time a region may return.  message is built in text (cap bytes),
 * which e borrows.  true: the words that d->said keeps are to be sent with e's status and
 * fields, for they are what all said. */
bool no_region_explain(const struct no_region_facts *d, const struct fleet *f, int64_t now_ms,
                       char *text, size_t cap, struct reply_error *e);

#endif
