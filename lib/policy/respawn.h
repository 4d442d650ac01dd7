/* respawn.h - when a worker that died is started again.
 *
 * At once, as long as it had lived for RESPAWN_STEADY_MS or dies quickly for the first time.
 * Each further quick death doubles its back-off, from RESPAWN_MIN_MS to RESPAWN_MAX_MS.  No
 * back-off leaves a group without anybody: when none runs the next one comes early, one per
 * RESPAWN_MIN_MS for the whole group. */
#ifndef POLICY_RESPAWN_H
#define POLICY_RESPAWN_H

#include <stdbool.h>
#include <stdint.h>

#define RESPAWN_MIN_MS    100
#define RESPAWN_MAX_MS    5000
#define RESPAWN_STEADY_MS 10000

struct respawn { /* of one worker; zeros: never started, due now */
    bool running;
    int64_t born_ms, due_ms;
    int64_t wait_ms; /* after its next quick death */
};

void respawn_started(struct respawn *r, int64_t now_ms);
/* How long it waits for its next start, 0: it is due at once. */
int64_t respawn_died(struct respawn *r, int64_t now_ms);
/* It could not even be started. */
void respawn_refused(struct respawn *r, int64_t now_ms);

/* Which of the group's n workers is to be started now; -1: none. */
int respawn_next(const struct respawn *group, int n, int64_t now_ms);

#endif
