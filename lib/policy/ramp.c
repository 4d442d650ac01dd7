/* ramp.c - how much of its traffic a slot gets; ramp.h has the rule.
 *
 * What comes back after a recovery every router computes from the same two numbers, so the
 * fleet's share is everybody's.  What failures take away is each router's own: it adds a little
 * with time and halves at a failure, so that a region that can take less than all of it is asked
 * for about what it can take, and one that goes on failing for little.
 *
 * A fifth that fails is to be seen whatever chance does to a window, hence RAMP_CUT_PERCENT.
 *
 * REJECTED  A share that Redis hands out: a change of it would be a message every second, and
 * without Redis there would be none. */
#include "policy/ramp.h"

static int grown(int percent, int64_t since_ms, int64_t ramp_ms)
{
    if (ramp_ms <= 0 || since_ms >= ramp_ms)
        return 100;
    if (since_ms > 0)
        percent += (int)((100 - RAMP_FIRST_PERCENT) * since_ms / ramp_ms);
    return percent < 100 ? percent : 100;
}

int ramp_share_percent(int64_t now_ms, int64_t start_ms, int64_t ramp_ms)
{
    return grown(RAMP_FIRST_PERCENT, now_ms - start_ms, ramp_ms);
}

int ramp_left_percent(const struct ramp *r, int64_t now_ms, int64_t ramp_ms)
{
    return r->cut_percent == 0 ? 100 : grown(r->cut_percent, now_ms - r->cut_ms, ramp_ms);
}

bool ramp_cut(struct ramp *r, int share_percent, int64_t attempts, int64_t failures,
              int64_t now_ms, int64_t ramp_ms)
{
    bool many = attempts >= RAMP_CUT_ATTEMPTS && failures * 100 >= RAMP_CUT_PERCENT * attempts;
    bool early = r->cut_percent != 0 && now_ms - r->cut_ms < RAMP_CUT_GAP_MS;

    if (ramp_ms <= 0 || !many || early)
        return false;
    r->cut_percent = share_percent / 2;
    if (r->cut_percent < RAMP_FIRST_PERCENT)
        r->cut_percent = RAMP_FIRST_PERCENT;
    r->cut_ms = now_ms;
    return true;
}
