/* picker.h - which of the targets that may be used is tried next. */
#ifndef POLICY_PICKER_H
#define POLICY_PICKER_H

#include <stdbool.h>
#include <stddef.h>

enum picker_why { /* why a target is not usable now; the first that applies */
                  PICKER_USABLE,
                  PICKER_TRIED,
                  PICKER_FORCED_DOWN,
                  PICKER_DRAINING,
                  PICKER_OPEN,    /* breaker open, or half-open without a probe lease of ours */
                  PICKER_COOLING, /* throttled until a stated time */
                  PICKER_TOO_SMALL, /* its context window */
                  PICKER_FAILING, /* our last attempt there failed, and none is to be spent on that */
                  PICKER_RAMPING, /* usable, but not this request's turn: the last choice */
                  N_PICKER_WHY
};

const char *picker_why_name(enum picker_why why);

/* Usable, at least as the last choice. */
bool picker_may(enum picker_why why);

struct picker_target {
    int tier;     /* 0: the model's own targets; 1, 2..: its fallbacks, in order */
    int priority; /* smaller first, within a tier */
    enum picker_why why;
};

/* Index of the target to try, -1 when none is usable.  Policy `priority`: lowest tier, then
 * lowest priority, then the order of the list; what is ramping only when nothing else is left.
 */
int picker_pick(const struct picker_target *t, size_t n);

#endif
