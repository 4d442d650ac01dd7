/* latency.h - the last times a target took, and when the last of them ended. */
#ifndef POLICY_LATENCY_H
#define POLICY_LATENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LATENCY_SAMPLES 128 /* the last of them count */
#define LATENCY_ENOUGH  20  /* fewer say nothing */
#define LATENCY_STALE   16

struct latency {
    uint32_t ms[LATENCY_SAMPLES];
    size_t n, next;
    int64_t last_ms; /* on the caller's clock */
    int64_t p95_ms;  /* as worked out last */
    int newer;       /* samples since */
    bool kept;       /* it was worked out */
};

void latency_add(struct latency *l, int64_t now_ms, int64_t ms); /* negative counts as 0 */
/* The percentile (1..100, nearest rank) in ms; -1 while there are fewer than LATENCY_ENOUGH. */
int64_t latency_percentile(const struct latency *l, int percent);
/* The 95th, at most LATENCY_STALE samples old: for who asks often. */
int64_t latency_p95_ms(struct latency *l);

#endif
