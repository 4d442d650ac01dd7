/* retry_after.h - when a vendor says to come back. */
#ifndef DIALECT_RETRY_AFTER_H
#define DIALECT_RETRY_AFTER_H

#include "base/str.h"

#include <stdint.h>

#define RETRY_AFTER_MAX_MS (24 * 3600 * 1000LL) /* absurd values are cut to this */

/* The wait stated by the answer's fields, in ms; -1 when none is stated or readable.
 * get(arg, name) gives a field's value (ptr NULL when absent).  In order: retry-after-ms,
 * Retry-After in seconds (also fractional) or as an HTTP date (RFC 9110 section 10.2.3),
 * x-ratelimit-reset-requests / -tokens ("1s", "6m0s", "20ms"), x-ratelimit-reset (seconds, or a
 * Unix time).  wall_ms is the time now, for dates. */
int64_t retry_after_ms(struct str (*get)(const void *arg, const char *name), const void *arg,
                       int64_t wall_ms);

#endif
