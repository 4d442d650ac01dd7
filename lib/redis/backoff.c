/* backoff.c - how long to wait before the next try to connect. */
#include "redis/backoff.h"

int64_t redis_backoff_ms(int64_t first_ms, int64_t max_ms, unsigned failures, struct rand *r)
{
    int64_t step_ms = first_ms;

    for (unsigned i = 0; i < failures && step_ms > 0 && step_ms < max_ms; i++)
        step_ms = step_ms > max_ms / 2 ? max_ms : step_ms * 2;
    if (step_ms > max_ms)
        step_ms = max_ms;
    return (int64_t)rand_below(r, (uint64_t)step_ms + 1);
}
