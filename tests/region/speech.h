/* speech.h - the words an answer consists of: the same request, the same words. */
#ifndef REGION_SPEECH_H
#define REGION_SPEECH_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct speech {
    struct str echo;    /* said first, word by word; borrowed */
    uint64_t seed;      /* of the words that follow */
    size_t n;           /* pieces in all; SIZE_MAX: it never ends */
    size_t piece_bytes; /* size of a piece; 0: one word */
    size_t i, at;       /* pieces said; bytes of echo said */
};

uint64_t speech_hash(uint64_t seed, struct str s); /* FNV-1a, 64 bits; start with seed 0 */
size_t speech_words(struct str text);              /* pieces that text splits into */

/* Appends the next piece as plain text; false at the end. */
bool speech_next(struct speech *s, struct buf *out);

#endif
