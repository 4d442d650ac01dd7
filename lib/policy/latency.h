/* latency.h - the last times a target took, for percentiles. */
#ifndef POLICY_LATENCY_H
#define POLICY_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_SAMPLES 128 /* the last of them count */
#define LATENCY_ENOUGH  20  /* fewer say nothing */

struct latency {
    uint32_t ms[LATENCY_SAMPLES];
    size_t n, next;
};

void latency_add(struct latency *l, int64_t ms); /* negative counts as 0 */
/* The percentile (1..100, nearest rank) in ms; -1 while there are fewer than LATENCY_ENOUGH. */
int64_t latency_percentile(const struct latency *l, int percent);

#endif
