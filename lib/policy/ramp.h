/* ramp.h - how much of its traffic a region gets back after it has recovered. */
#ifndef POLICY_RAMP_H
#define POLICY_RAMP_H

#include <stdint.h>

#define RAMP_FIRST_PERCENT 10

/* Percent of the requests that may choose what closed at start_ms: RAMP_FIRST_PERCENT then,
 * 100 after ramp_ms, a straight line between them.  ramp_ms <= 0: there is no ramp. */
int ramp_share_percent(int64_t now_ms, int64_t start_ms, int64_t ramp_ms);

#endif
