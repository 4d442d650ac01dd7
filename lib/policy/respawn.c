/* respawn.c - respawn.h has the rule. */
#include "policy/respawn.h"

void respawn_started(struct respawn *r, int64_t now_ms)
{
    r->running = true;
    r->born_ms = now_ms;
}

static int64_t doubled(int64_t wait_ms)
{
    if (wait_ms == 0)
        return RESPAWN_MIN_MS;
    return wait_ms * 2 > RESPAWN_MAX_MS ? RESPAWN_MAX_MS : wait_ms * 2;
}

int64_t respawn_died(struct respawn *r, int64_t now_ms)
{
    int64_t wait_ms = now_ms - r->born_ms >= RESPAWN_STEADY_MS ? 0 : r->wait_ms;

    r->running = false;
    r->due_ms = now_ms + wait_ms;
    r->wait_ms = doubled(wait_ms);
    return wait_ms;
}

void respawn_refused(struct respawn *r, int64_t now_ms)
{
    r->running = false;
    r->born_ms = now_ms;
    r->due_ms = now_ms + RESPAWN_MAX_MS;
}

int respawn_next(const struct respawn *group, int n, int64_t now_ms)
{
    int64_t last_ms = 0;
    bool any_runs = false;
    int soonest = -1;

    for (int i = 0; i < n; i++) {
        const struct respawn *r = &group[i];

        any_runs |= r->running;
        if (r->born_ms > last_ms)
            last_ms = r->born_ms;
        if (!r->running && (soonest < 0 || r->due_ms < group[soonest].due_ms))
            soonest = i;
    }
    if (soonest < 0 || now_ms >= group[soonest].due_ms)
        return soonest;
    return !any_runs && now_ms - last_ms >= RESPAWN_MIN_MS ? soonest : -1;
}
