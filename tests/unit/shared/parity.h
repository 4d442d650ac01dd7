/* parity.h - one random history of the breaker, through lib/policy/breaker.c and through the
 * fleet's scripts at once: after every step both must say and be the same.
 *
 * The number of a history is its seed: settings, steps and times follow from it. */
#ifndef TESTS_UNIT_SHARED_PARITY_H
#define TESTS_UNIT_SHARED_PARITY_H

#include "lua_call.h"

#include "base/rand.h"
#include "policy/breaker.h"

#include <stdbool.h>
#include <stdint.h>

#define PARITY_ROUTERS 3

/* What a history can go through; histories that do not are no proof. */
enum parity_seen {
    PARITY_ROW_TRIP,  /* by failures in a row */
    PARITY_RATE_TRIP, /* by the share of failed ones, or of slow ones */
    PARITY_SLOW_TRIP,
    PARITY_STALE, /* a report of another epoch or state */
    PARITY_FORGIVEN,
    PARITY_CAPPED,  /* the open time reached its cap after it had doubled */
    PARITY_GRANTED, /* probes */
    PARITY_WAIT,
    PARITY_BUSY,
    PARITY_RENEWED,
    PARITY_GONE,
    PARITY_CLOSED,   /* by probes */
    PARITY_REOPENED, /* by one */
    PARITY_ABANDONED,
    PARITY_DONE_STALE,
    PARITY_EXPIRED,
    PARITY_ADOPTED,   /* from an earlier life of the data */
    PARITY_RESET,     /* by an operator */
    PARITY_AGAIN,     /* the same report twice */
    PARITY_OTHER_GEN, /* a call of another generation */
    PARITY_STEP_BACK, /* of Redis' clock */
    N_PARITY_SEEN
};
const char *parity_seen_name(enum parity_seen s);

struct parity {
    struct lua *lua;
    int64_t *wall_us; /* the host's clock; NULL: a real Redis, whose clock cannot be set */
    bool verbose;     /* prints every step */
    int seen[N_PARITY_SEEN];
    int64_t steps;
    char problem[1200]; /* "": none */

    /* The present history's. */
    struct rand rand;
    struct breaker_conf conf;
    struct breaker *b;
    int64_t now_ms, used_ms,
        since_ms;      /* the fleet's time; when last used; Redis', since then */
    int64_t expiry_ms; /* expiry_ms: of the lease that was granted last */
    int seq[PARITY_ROUTERS];
    char gen[64], report[300]; /* report: the last one */
    char did[300], said[96];   /* the step, and what the C side said to it */
};

/* False: p->problem says at which step the two parted, and how. */
bool parity_run(struct parity *p, uint64_t history);

#endif
