/* picker.c - which of the targets that may be used is tried next; picker.h has the order. */
#include "policy/picker.h"

#include <assert.h>

static const char *const why_names[N_PICKER_WHY] = {
    [PICKER_USABLE] = "usable",
    [PICKER_TRIED] = "tried",
    [PICKER_FORCED_DOWN] = "forced_down",
    [PICKER_DRAINING] = "draining",
    [PICKER_OPEN] = "open",
    [PICKER_COOLING] = "cooling",
    [PICKER_TOO_SMALL] = "too_small",
    [PICKER_FAILING] = "failing",
    [PICKER_RAMPING] = "ramping",
};

const char *picker_why_name(enum picker_why why)
{
    assert((unsigned)why < N_PICKER_WHY && why_names[why] != NULL);
    return why_names[why];
}

static bool is_before(const struct picker_target *a, const struct picker_target *b)
{
    return a->tier != b->tier ? a->tier < b->tier : a->priority < b->priority;
}

bool picker_may(enum picker_why why)
{
    return why == PICKER_USABLE || why == PICKER_RAMPING;
}

static bool is_better(const struct picker_target *a, const struct picker_target *b)
{
    return a->why != b->why ? a->why == PICKER_USABLE : is_before(a, b);
}

int picker_pick(const struct picker_target *t, size_t n)
{
    int best = -1;

    for (size_t i = 0; i < n; i++)
        if (picker_may(t[i].why) && (best < 0 || is_better(&t[i], &t[best])))
            best = (int)i;
    return best;
}
