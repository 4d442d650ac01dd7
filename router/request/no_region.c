/* no_region.c - the honest last word; no_region.h has the contract. */
#include "router/request/no_region.h"

#include <stdio.h>

#define RETRY_AFTER_MIN_MS 1000 /* a client that comes back at once helps nobody */

/* Earliest return among the plan's regions; -1: none returns by itself. */
static int64_t earliest_ms(const struct choose_plan *plan, const struct fleet *f,
                           int64_t now_ms)
{
    int64_t best = -1;

    for (size_t i = 0; i < plan->n; i++) {
        int64_t ms = permit_return_ms(f, plan->targets[i].slot, now_ms);

        if (ms >= 0 && (best < 0 || ms < best))
            best = ms;
    }
    return best;
}

/* With what the targets say that were not asked.  Whom an operator took away, and whom there was
 * no attempt left for, says nothing. */
static enum refusal_kind said_by_all(const struct no_region_facts *d, const struct fleet *f,
                                     int64_t now_ms)
{
    struct refusal all = *d->said; /* its words stay where they are */

    for (size_t i = 0; i < d->plan->n; i++) {
        size_t slot = d->plan->targets[i].slot;

        if (d->asked[i])
            continue;
        enum picker_why why = permit_check(f, slot, PERMIT_ASKER_NEW, now_ms);

        if (why == PICKER_COOLING)
            refusal_note_cooling(&all, permit_cools_for(f, slot));
        else if (why == PICKER_OPEN)
            refusal_note_other(&all);
    }
    return d->out_of_time ? REFUSAL_NONE : refusal_of_all(&all);
}

static bool explain_refusal(const struct no_region_facts *d, enum refusal_kind kind,
                            struct reply_error *e)
{
    bool theirs = d->said->kept == kind && d->said->body.len > 0;

    refusal_explain(kind, e);
    if (d->said->kept == kind) {
        e->status = d->said->status;
        e->may_retry = d->said->may_retry;
        e->no_retry = d->said->may_not_retry;
    }
    e->no_retry = e->no_retry || refusal_needs_operator(kind);
    return theirs;
}

bool no_region_explain(const struct no_region_facts *d, const struct fleet *f, int64_t now_ms,
                       char *text, size_t cap, struct reply_error *e)
{
    int64_t back_ms = earliest_ms(d->plan, f, now_ms);

    *e = (struct reply_error){
        .status = d->out_of_time ? 504 : 503,
        .type = "server_error",
        .code = d->out_of_time ? "deadline_exceeded" : "no_region_available",
        .message = text,
        .retry_after_ms = back_ms < 0                    ? -1
                          : back_ms < RETRY_AFTER_MIN_MS ? RETRY_AFTER_MIN_MS
                                                         : back_ms,
        .no_retry = back_ms < 0,
        .attempts = d->attempts,
    };
    enum refusal_kind kind = said_by_all(d, f, now_ms);

    if (kind != REFUSAL_NONE)
        return explain_refusal(d, kind, e);
    if (d->attempts > 0 && d->last == OUTCOME_UNFIT && !d->out_of_time) {
        e->status = 502;
        e->code = d->unfit;
        e->no_retry = true; /* the same answer would be refused again */
    }
    if (d->attempts == 0)
        snprintf(text, cap, "no region may be used for this model now: %s",
                 back_ms < 0 ? "all of them are forced down by an operator"
                             : "all of them are open, cooling or forced down");
    else
        snprintf(text, cap, "%s after %d attempt%s, the last at region '%s' ended as %s",
                 d->out_of_time ? "the time limit passed" : "no region gave an answer",
                 d->attempts, d->attempts > 1 ? "s" : "", d->region,
                 outcome_traits(d->last)->name);
    return false;
}
