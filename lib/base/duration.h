/* duration.h - spans of time as people write them: "30s", "250ms", "1h30m". */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include "base/base.h"
#include "base/str.h"

#include <stdint.h>

/* What a message asks for when duration_parse() refused. */
#define DURATION_WANT "a duration such as \"30s\", \"250ms\", \"10m\" or \"1h30m\""

/* Whole numbers with the units h, m, s, ms, each at most once and in that order; the unit is
 * never left out.  -1 for anything else and on overflow; *out_ms is untouched then. */
int duration_parse(struct str s, int64_t *out_ms) MUST_CHECK;

/* The shortest such text: 90000 is "1m30s", 0 is "0s".  ms >= 0; 32 bytes are always enough. */
#define DURATION_TEXT_MAX 32
void duration_format(int64_t ms, char *out, size_t cap);

#endif
