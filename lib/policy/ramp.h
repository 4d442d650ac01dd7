/* ramp.h - how much of its traffic a slot gets: after it has recovered, and while it fails. */
#ifndef POLICY_RAMP_H
#define POLICY_RAMP_H

#include <stdbool.h>
#include <stdint.h>

#define RAMP_FIRST_PERCENT 10  /* after probes closed it; and no cut leaves less */
#define RAMP_CUT_ATTEMPTS  10  /* in the window, before a cut */
#define RAMP_CUT_PERCENT   15  /* of them that failed */
#define RAMP_CUT_GAP_MS    500 /* what a cut changed shows first */

/* Percent of the requests that may choose what closed at start_ms: RAMP_FIRST_PERCENT then,
 * 100 after ramp_ms, a straight line between them.  ramp_ms <= 0: there is no ramp. */
int ramp_share_percent(int64_t now_ms, int64_t start_ms, int64_t ramp_ms);

struct ramp { /* what our own failures took away; all zero: nothing */
    int64_t cut_ms;
    int cut_percent; /* left by the cut at cut_ms; 0: none was made */
};

/* What the cuts leave by now: it grows as after a recovery.  ramp_ms <= 0: all of it. */
int ramp_left_percent(const struct ramp *r, int64_t now_ms, int64_t ramp_ms);
/* An attempt failed there; attempts and failures are ours of the window, it included.  Halves
 * share_percent, which the slot has now, where the failures are many (see above).  Was it? */
bool ramp_cut(struct ramp *r, int share_percent, int64_t attempts, int64_t failures,
              int64_t now_ms, int64_t ramp_ms);

#endif
