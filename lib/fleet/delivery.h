/* delivery.h - does news really arrive by push?  A subscriber can be dead while its socket
 * looks fine; what counts is that each version a sync shows was pushed soon after.
 *
 * Pure: times are arguments.  Versions are those of one generation. */
#ifndef FLEET_DELIVERY_H
#define FLEET_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#define DELIVERY_LIMIT_MS 300

struct delivery { /* zeroed is the start: not subscribed */
    bool subscribed;
    bool has_base;   /* a sync sent after the confirmation said where pushes begin */
    unsigned number; /* of the subscription: tells a sync of an older one */
    uint64_t pushed; /* highest version pushed, or known before pushes began */
    uint64_t want;
    int64_t due_ms; /* want must have been pushed by then; 0: nothing is wanted */
};

void delivery_confirmed(struct delivery *d); /* a new subscription begins */
void delivery_lost(struct delivery *d);
void delivery_new_generation(struct delivery *d);
void delivery_push(struct delivery *d, uint64_t ver);
/* A sync that was sent under subscription number showed ver. */
void delivery_sync(struct delivery *d, unsigned number, uint64_t ver, int64_t now_ms);
bool delivery_is_overdue(const struct delivery *d, int64_t now_ms);

#endif
