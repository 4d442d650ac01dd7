/* evidence.h - evidence on its way out: what one router saw of each slot, joined into reports.
 *
 * A failure leaves at once; those that follow within 10 ms go together at the end of them, so
 * that an outage costs at most 100 reports a second and the first sign of it waits for nothing.
 * Successes wait 100 ms for company.  One batch per slot holds attempts of one epoch only, so
 * the memory does not depend on the traffic.  In a large fleet successes wait longer: each
 * router may send that many such batches a second that all together stay within what one Redis
 * takes; the slot that waited longest goes first, and a failure takes its slot's successes
 * along at once. Pure: the time is an argument. */
#ifndef SHARED_EVIDENCE_H
#define SHARED_EVIDENCE_H

#include "base/base.h"
#include "policy/breaker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVIDENCE_FAIL_MS 10
#define EVIDENCE_OK_MS   100
#define EVIDENCE_MAX     100000 /* attempts; a full batch is due at once */

struct evidence; /* opaque */

struct evidence_item {
    size_t slot;
    uint64_t epoch;
    struct breaker_evidence evidence;
};

struct evidence *evidence_new(size_t n_slots);
void evidence_free(struct evidence *b); /* NULL is fine */

enum evidence_added {
    EVIDENCE_QUEUED,
    EVIDENCE_DISPLACED, /* queued; *out is the batch of an older epoch, to be sent now */
    EVIDENCE_LATE,      /* of an older epoch than what is queued: of no use any more, dropped */
};
enum evidence_added evidence_add(struct evidence *b, size_t slot, uint64_t epoch, bool failed,
                                 bool slow, int64_t now_ms, struct evidence_item *out);

/* Batches without a failure leave at least this far apart; 0 at first. */
void evidence_set_ok_gap(struct evidence *b, int64_t ms);
/* When the next batch is due; -1: nothing is queued. */
int64_t evidence_due_ms(const struct evidence *b);
/* Takes one batch that is due; false: none. */
bool evidence_take(struct evidence *b, int64_t now_ms, struct evidence_item *out);
/* Drops everything; returns how many attempts that were. */
uint64_t evidence_clear(struct evidence *b);

#endif
