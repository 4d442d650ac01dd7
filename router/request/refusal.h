/* refusal.h - what the targets of a request said that would not serve it, and whether they all
 * said the same: then it is what the client is told, in the vendor's own words. */
#ifndef ROUTER_REQUEST_REFUSAL_H
#define ROUTER_REQUEST_REFUSAL_H

#include "base/buf.h"
#include "base/str.h"
#include "dialect/dialect.h"
#include "router/request/attempt.h"
#include "router/request/reply.h"

#include <stdbool.h>
#include <stdint.h>

enum refusal_kind {
    REFUSAL_THROTTLED, /* 429 */
    REFUSAL_QUOTA,     /* out of credit: 402, or a 429 that says so */
    REFUSAL_KEY,       /* our credentials: 401, 403 */
    REFUSAL_CONFLICT,  /* 409 */
    N_REFUSAL_KINDS,
    REFUSAL_NONE, /* another failure */
};

struct refusal {            /* of one request */
    unsigned kinds;         /* a bit for each kind that was said */
    bool differs;           /* a target failed in another way */
    enum refusal_kind kept; /* whose words are kept: of the kind that passes first */
    int status;
    int64_t wait_ms;               /* of those words; the shortest are kept */
    bool may_retry, may_not_retry; /* x-should-retry, as the vendor said it */
    struct buf body; /* the vendor's error object; empty: none that may be passed on */
};

void refusal_init(struct refusal *r);
void refusal_release(struct refusal *r);

/* An attempt ended badly.  d: the client's dialect. */
void refusal_note(struct refusal *r, const struct dialect *d, const struct attempt_end *e);
/* A target that was not asked, because it cools for an attempt that ended so. */
void refusal_note_cooling(struct refusal *r, enum outcome why);
/* A target that was not asked, for a reason that says nothing to a client. */
void refusal_note_other(struct refusal *r);

/* What all of them said; NONE: not all the same. */
enum refusal_kind refusal_of_all(const struct refusal *r);

/* Whether nothing but an operator's hand helps against it. */
bool refusal_needs_operator(enum refusal_kind kind);
/* Our own words for it, where no vendor's are kept. */
void refusal_explain(enum refusal_kind kind, struct reply_error *e);

#endif
