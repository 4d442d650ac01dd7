/* ramp.c - how much of its traffic a region gets back; ramp.h has the rule.
 *
 * Every router computes it from the same two numbers, so the fleet's share is everybody's.
 *
 * REJECTED  A share that Redis hands out: a change of it would be a message every second, and
 * without Redis there would be none. */
#include "policy/ramp.h"

int ramp_share_percent(int64_t now_ms, int64_t start_ms, int64_t ramp_ms)
{
    int64_t since_ms = now_ms - start_ms;

    if (ramp_ms <= 0 || since_ms >= ramp_ms)
        return 100;
    if (since_ms < 0)
        return RAMP_FIRST_PERCENT;
    return RAMP_FIRST_PERCENT + (int)((100 - RAMP_FIRST_PERCENT) * since_ms / ramp_ms);
}
