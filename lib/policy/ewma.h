/* ewma.h - an exponentially weighted average of times: the newest counts one tenth. */
#ifndef POLICY_EWMA_H
#define POLICY_EWMA_H

#include <stdint.h>

struct ewma { /* zeroed at first */
    double us;
    uint64_t n; /* samples so far */
};

void ewma_add(struct ewma *e, int64_t us); /* negative counts as 0 */
/* In microseconds; prior_us while there is no sample. */
int64_t ewma_us(const struct ewma *e, int64_t prior_us);

#endif
