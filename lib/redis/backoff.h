/* backoff.h - how long to wait before the next try to connect. */
#ifndef REDIS_BACKOFF_H
#define REDIS_BACKOFF_H

#include "base/rand.h"

/* Full jitter: anything between 0 and first_ms * 2^failures, at most max_ms.  It spreads the
 * routers that lost the same Redis at the same moment. */
int64_t redis_backoff_ms(int64_t first_ms, int64_t max_ms, unsigned failures, struct rand *r);

#endif
