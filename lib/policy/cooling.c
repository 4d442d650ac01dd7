/* cooling.c - how long a region that said "not now" is left alone; cooling.h has the contract.
 */
#include "policy/cooling.h"

#include "base/base.h"

#include <assert.h>

/* A deadline that went through the shared state may grow by this. */
#define SHARED_CLOCK_MS 100

int64_t cooling_note(struct cooling *c, enum outcome o, int64_t stated_ms, int64_t now_ms)
{
    bool guess = o == OUTCOME_THROTTLED && stated_ms < 0;
    int64_t *until_ms = guess ? &c->guess_until_ms : &c->known_until_ms;
    int64_t ms = o == OUTCOME_QUOTA                  ? COOLING_QUOTA_MS
                 : o == OUTCOME_AUTH                 ? COOLING_AUTH_MS
                 : guess                             ? COOLING_GUESS_MS
                 : stated_ms > COOLING_STATED_MAX_MS ? COOLING_STATED_MAX_MS
                                                     : stated_ms;

    if (now_ms + ms > *until_ms)
        *until_ms = now_ms + ms;
    return ms;
}

static const char *const why_names[] = {[COOLING_WHY_THROTTLED] = "throttled",
                                        [COOLING_WHY_QUOTA] = "quota",
                                        [COOLING_WHY_AUTH] = "auth"};

const char *cooling_why_name(enum cooling_why why)
{
    assert((size_t)why < ARRAY_LEN(why_names));
    return why_names[why];
}

enum cooling_why cooling_why_of(enum outcome o)
{
    return o == OUTCOME_QUOTA  ? COOLING_WHY_QUOTA
           : o == OUTCOME_AUTH ? COOLING_WHY_AUTH
                               : COOLING_WHY_THROTTLED;
}

bool cooling_is_guess(const struct cooling *c, int64_t lim_ms, int64_t now_ms)
{
    return c->known_until_ms <= now_ms && lim_ms <= c->guess_until_ms + SHARED_CLOCK_MS;
}
