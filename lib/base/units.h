/* units.h - spans of time and numbers of bytes as people write them: "1h30m", "64KiB".
 *
 * A unit is never left out: 30 of what?  The prefixes are duration_ and size_. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/base.h"
#include "base/str.h"

#include <stdint.h>

/* What a message asks for when a parser below refused. */
#define DURATION_WANT "a duration such as \"30s\", \"250ms\", \"10m\" or \"1h30m\""
#define SIZE_WANT     "a number of bytes or a size such as \"64KiB\" or \"8MiB\""

/* Whole numbers with the units h, m, s, ms, each at most once and in that order.  -1 for
 * anything else and on overflow; *out_ms is untouched then. */
int duration_parse(struct str s, int64_t *out_ms) MUST_CHECK;

/* The shortest such text: 90000 is "1m30s", 0 is "0s".  ms >= 0; 32 bytes are always enough. */
#define DURATION_TEXT_MAX 32
void duration_format(int64_t ms, char *out, size_t cap);

/* A whole number with one of B, KiB, MiB, GiB (powers of 1024; "KB" is refused because people
 * disagree about it).  -1 for anything else and on overflow; *out_bytes is untouched then. */
int size_parse(struct str s, int64_t *out_bytes) MUST_CHECK;

/* With the largest unit that divides it: 8388608 is "8MiB", 1000 is "1000B".  bytes >= 0. */
#define SIZE_TEXT_MAX 32
void size_format(int64_t bytes, char *out, size_t cap);

#endif
