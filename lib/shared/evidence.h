/* evidence.h - evidence on its way out: what one router saw of each key, joined into reports.
 *
 * A failure leaves at once; those that follow within 10 ms go together at the end of them, so
 * that an outage costs at most 100 reports a second and the first sign of it waits for nothing.
 * Successes wait 100 ms for company.  One batch per key holds attempts of one epoch only, so
 * the memory does not depend on the traffic.  In a large fleet successes wait longer: each
 * router may send that many such batches a second that all together stay within what one Redis
 * takes; the key that waited longest goes first, and a failure takes its key's successes along
 * at once. Pure: the time is an argument. */
#ifndef SHARED_EVIDENCE_H
#define SHARED_EVIDENCE_H

#include "base/base.h"
#include "policy/breaker.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BATCH_FAIL_MS 10
#define BATCH_OK_MS   100
#define BATCH_MAX     100000 /* attempts; a full batch is due at once */

struct batch; /* opaque */

struct batch_item {
    size_t key;
    uint64_t epoch;
    struct breaker_evidence evidence;
};

struct batch *batch_new(size_t n_keys);
void batch_free(struct batch *b); /* NULL is fine */

enum batch_added {
    BATCH_QUEUED,
    BATCH_DISPLACED, /* queued; *out is the batch of an older epoch, to be sent now */
    BATCH_LATE,      /* of an older epoch than what is queued: of no use any more, dropped */
};
enum batch_added batch_add(struct batch *b, size_t key, uint64_t epoch, bool failed, bool slow,
                           int64_t now_ms, struct batch_item *out);

/* Batches without a failure leave at least this far apart; 0 at first. */
void batch_set_ok_gap(struct batch *b, int64_t ms);
/* When the next batch is due; -1: nothing is queued. */
int64_t batch_due_ms(const struct batch *b);
/* Takes one batch that is due; false: none. */
bool batch_take(struct batch *b, int64_t now_ms, struct batch_item *out);
/* Drops everything; returns how many attempts that were. */
uint64_t batch_clear(struct batch *b);

#endif
