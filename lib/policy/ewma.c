/* ewma.c - an exponentially weighted average of times; ewma.h has the contract. */
#include "policy/ewma.h"

#define KEEP 0.9

void ewma_add(struct ewma *e, int64_t us)
{
    double sample = us > 0 ? (double)us : 0;

    e->us = e->n == 0 ? sample : e->us * KEEP + sample * (1 - KEEP);
    e->n++;
}

int64_t ewma_us(const struct ewma *e, int64_t prior_us)
{
    return e->n > 0 ? (int64_t)(e->us + 0.5) : prior_us;
}
