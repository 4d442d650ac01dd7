/* size.h - numbers of bytes as people write them: "8MiB", "64KiB". */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include "base/base.h"
#include "base/str.h"

#include <stdint.h>

/* What a message asks for when size_parse() refused. */
#define SIZE_WANT "a number of bytes or a size such as \"64KiB\" or \"8MiB\""

/* A whole number with one of B, KiB, MiB, GiB (powers of 1024; "KB" is refused because people
 * disagree about it).  -1 for anything else and on overflow; *out is untouched then. */
int size_parse(struct str s, int64_t *out_bytes) MUST_CHECK;

/* With the largest unit that divides it: 8388608 is "8MiB", 1000 is "1000B". bytes >= 0. */
#define SIZE_TEXT_MAX 32
void size_format(int64_t bytes, char *out, size_t cap);

#endif
