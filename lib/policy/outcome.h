/* outcome.h - how an attempt ended, and what follows from it (the table of outcome.c). */
#ifndef POLICY_OUTCOME_H
#define POLICY_OUTCOME_H

#include <stdbool.h>

enum outcome {
    OUTCOME_OK,           /* complete answer, or a stream that ended with a finish reason */
    OUTCOME_CLIENT_FAULT, /* the request itself is at fault: the vendor's words go to the client
                           */
    OUTCOME_TOO_LONG,     /* the context window is too small for it */
    OUTCOME_AUTH,         /* our own credentials were refused */
    OUTCOME_THROTTLED,    /* 429 or 529: come back later */
    OUTCOME_QUOTA,        /* out of credit: lasting */
    OUTCOME_SERVER_ERROR, /* 5xx, or an error object inside a 200 */
    OUTCOME_CONNECT,      /* refused, reset before the head, DNS, TLS */
    OUTCOME_TIMEOUT,      /* connect, first byte, first content, idle, total */
    OUTCOME_BROKEN,       /* cut, malformed event, no finish reason, framing error */
    OUTCOME_UNFIT,        /* we refuse it: above a limit of ours, or odd; no evidence */
    OUTCOME_ABORTED,      /* the client left, or we are draining: no evidence */
    N_OUTCOMES
};

enum outcome_same {
    OUTCOME_SAME_NO,
    OUTCOME_SAME_LONE_500,
    OUTCOME_SAME_REUSED,
    OUTCOME_SAME_AFTER_WAIT
};

struct outcome_traits {
    const char *name;        /* as written in logs, metrics and headers */
    bool hurts;              /* evidence against the region: breaker and health */
    bool heals;              /* evidence for it */
    bool other_may_help;     /* another target may be tried */
    bool larger_window_only; /* ... only one with a larger context window */
    bool cools;              /* the region stays away until its stated time */
    bool misconfigured;      /* an operator has to look */
    enum outcome_same same;  /* when the same target may be tried once more */
};

const struct outcome_traits *outcome_traits(enum outcome o); /* never NULL */

#endif
