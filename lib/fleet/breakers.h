/* breakers.h - what the fleet's breakers (shared_state.h) and a process' own (local_breakers.h)
 * have in common: the evidence they hear, the events they tell, the rules they go by.
 *
 * No call of either blocks, and no completion runs inside the call that started it. */
#ifndef FLEET_BREAKERS_H
#define FLEET_BREAKERS_H

#include "base/base.h"
#include "policy/breaker.h"
#include "policy/cooling.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;

enum breakers_evidence { BREAKERS_OK, BREAKERS_FAIL };

const char *breakers_verdict_name(enum breaker_verdict v); /* "ok", "fail", "abandon" */

struct breakers_probe_answer {
    size_t slot;
    uint64_t token;
    enum breaker_grant grant;
    uint64_t epoch;  /* GRANTED: the epoch the probe runs under */
    int64_t wait_ms; /* WAIT, BUSY: when asking again makes sense */
};

struct breakers_rule { /* of one slot */
    struct breaker_conf breaker;
    int64_t probe_lease_ms;
    const char *trip_confirm; /* "none", "second_opinion", "quorum:N" */
};

/* Probe answers that are owed: given from the event loop, never inside the call that asked. */
struct breakers_later; /* opaque: a queue of probe answers and one event */

/* give runs in the loop after any number of breakers_later_answer/_wake; it takes the answers.
 */
struct breakers_later *breakers_later_new(struct event_base *base, void (*give)(void *arg),
                                          void *arg);
void breakers_later_free(struct breakers_later *l); /* NULL is fine; what is owed is dropped */
void breakers_later_wake(struct breakers_later *l);
void breakers_later_answer(struct breakers_later *l, const struct breakers_probe_answer *a);
/* The oldest answer still owed; false: none. */
bool breakers_later_take(struct breakers_later *l, struct breakers_probe_answer *out);

#endif
