/* latency.c - a window of times; latency.h has the contract. */
#include "policy/latency.h"

#include <stdlib.h>
#include <string.h>

void latency_add(struct latency *l, int64_t now_ms, int64_t ms)
{
    l->last_ms = now_ms;
    l->newer++;
    l->ms[l->next] = ms < 0 ? 0 : ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    l->next = (l->next + 1) % LATENCY_SAMPLES;
    if (l->n < LATENCY_SAMPLES)
        l->n++;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return x < y ? -1 : x > y;
}

int64_t latency_percentile(const struct latency *l, int percent)
{
    uint32_t sorted[LATENCY_SAMPLES];
    size_t rank;

    if (l->n < LATENCY_ENOUGH)
        return -1;
    memcpy(sorted, l->ms, l->n * sizeof(sorted[0]));
    qsort(sorted, l->n, sizeof(sorted[0]), by_size);
    rank = (l->n * (size_t)percent + 99) / 100; /* nearest rank, from 1 */
    return sorted[rank > 0 ? rank - 1 : 0];
}

int64_t latency_p95_ms(struct latency *l)
{
    if (l->n < LATENCY_ENOUGH)
        return -1;
    if (l->newer >= LATENCY_STALE || !l->kept) {
        l->p95_ms = latency_percentile(l, 95);
        l->newer = 0;
        l->kept = true;
    }
    return l->p95_ms;
}
