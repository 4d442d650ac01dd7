/* retry.c - after a bad outcome: stop, another target, or the same one again, and when.
 *
 * The order of the questions is the policy:
 *   1. Is there anything to gain?  Not after a byte reached the client, past the budget of
 *      attempts or the deadline, or where no target could do better.
 *   2. Is the same target worth one more try?  A lone 500 is mostly one bad process behind the
 *      vendor's balancer, and a reused connection that died says nothing about the region.
 *   3. Is there another target?  Then at once: it has done nothing to be waited for.
 *   4. Did the vendor name a time that we may wait for?  Where it named none, the back-off is
 *      our guess of one.
 *
 * Full jitter (uniform from 0 to the exponential bound) spreads the retries of many clients
 * best for the least work: AWS Architecture Blog, "Exponential Backoff And Jitter".
 */
#include "policy/retry.h"

static const struct retry_plan stop = {RETRY_STOP, 0};
static const struct retry_plan other_now = {RETRY_OTHER, 0};
static const struct retry_plan same_now = {RETRY_SAME, 0};

static struct retry_plan other_or_stop(const struct retry_facts *f)
{
    return f->others_left && outcome_traits(f->outcome)->other_may_help ? other_now : stop;
}

/* An attempt that starts when the deadline strikes is no attempt. */
static bool fits(const struct retry_facts *f, int64_t delay_ms)
{
    return delay_ms < f->left_ms;
}

static int64_t backoff_ms(const struct retry_conf *conf, int attempts, uint16_t jitter)
{
    int64_t bound_ms = conf->backoff_ms, max_ms = conf->backoff_max_ms;

    if (bound_ms <= 0)
        return 0;
    for (int i = 1; i < attempts && bound_ms < max_ms; i++)
        bound_ms = bound_ms > max_ms / 2 ? max_ms : bound_ms * 2;
    if (bound_ms > max_ms)
        bound_ms = max_ms;
    return bound_ms * jitter / UINT16_MAX;
}

static struct retry_plan after_backoff(const struct retry_conf *conf,
                                       const struct retry_facts *f, uint16_t jitter)
{
    int64_t delay_ms = backoff_ms(conf, f->attempts, jitter);

    return fits(f, delay_ms) ? (struct retry_plan){RETRY_SAME, delay_ms} : other_or_stop(f);
}

/* Never earlier than stated; up to a tenth later where there is time, so that the clients of
 * one throttled region do not return in the same millisecond. */
static struct retry_plan after_wait(const struct retry_conf *conf, const struct retry_facts *f,
                                    uint16_t jitter)
{
    int64_t delay_ms = f->retry_after_ms;

    if (delay_ms < 0 || conf->wait_ms <= 0 || delay_ms > conf->wait_ms || !fits(f, delay_ms))
        return stop;
    int64_t spread_ms = delay_ms / 10 * jitter / UINT16_MAX;

    if (fits(f, delay_ms + spread_ms))
        delay_ms += spread_ms;
    return (struct retry_plan){RETRY_SAME, delay_ms};
}

struct retry_plan retry_plan(const struct retry_conf *conf, const struct retry_facts *f,
                             uint16_t jitter)
{
    enum outcome_same same = outcome_traits(f->outcome)->same;

    if (f->relayed || f->attempts > conf->num_retries || f->left_ms <= 0)
        return stop;
    if (same == OUTCOME_SAME_REUSED && f->reused && f->same_retries == 0)
        return same_now;
    /* not with the last attempt, where another target stands idle */
    if (same == OUTCOME_SAME_LONE_500 && f->status == 500 && f->same_retries == 0 &&
        (!f->others_left || f->attempts < conf->num_retries))
        return after_backoff(conf, f, jitter);
    if (same == OUTCOME_SAME_AFTER_WAIT && !f->others_left)
        return f->retry_after_ms >= 0 ? after_wait(conf, f, jitter)
                                      : after_backoff(conf, f, jitter);
    return other_or_stop(f);
}
