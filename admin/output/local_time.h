/* local_time.h - times as people read them. */
#ifndef ADMIN_OUTPUT_LOCAL_TIME_H
#define ADMIN_OUTPUT_LOCAL_TIME_H

#include "base/base.h"

#include <stdint.h>

#define LOCAL_TIME_MAX 40

/* "2h05m", "9m58s", "3s", "0.4s": two units at most, "0s" for nothing and for less. */
void local_time_span(int64_t ms, char out[LOCAL_TIME_MAX]);
/* "2026-11-20 23:38:11" in the local time zone (TZ). */
void local_time_date(int64_t wall_ms, char out[LOCAL_TIME_MAX]);

#endif
