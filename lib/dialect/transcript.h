/* transcript.h - what a client has of a streamed answer, channel by channel: a choice's text, its
 * reasoning, the arguments of each of its tool calls.  A channel holds its texts decoded and
 * joined, and each item as one unit between them. */
#ifndef DIALECT_TRANSCRIPT_H
#define DIALECT_TRANSCRIPT_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "dialect/dialect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct transcript_channel {
    int64_t choice;
    enum dialect_piece_kind kind; /* of its first piece; texts and items may share one */
    struct buf place;
    struct buf said;
    size_t matched; /* bytes of it that another run has said again */
};

struct transcript {
    struct transcript_channel *channels;
    size_t n, cap;
    size_t bytes, bytes_max; /* over all channels, what each costs included */
    struct buf piece;        /* one that is being compared */
};

void transcript_init(struct transcript *t, size_t bytes_max);
void transcript_release(struct transcript *t);

/* The channel a piece belongs to; NULL: nothing was said there. */
struct transcript_channel *transcript_find(const struct transcript *t,
                                           const struct dialect_piece *p);
/* Adds a piece to its channel, which may be new, as delivered and matched.  -1: no room, or a
 * text that means nothing we could compare. */
int transcript_add(struct transcript *t, const struct dialect_piece *p) MUST_CHECK;

/* Holds a piece against what its channel has from its matched place on, and moves that.  0: all
 * of it was there, or up to the channel's end; *rest is the part of a text behind that, decoded
 * (empty: none), and valid until the next call.  -1: it differs. */
int transcript_match(struct transcript *t, struct transcript_channel *c,
                     const struct dialect_piece *p, struct str *rest) MUST_CHECK;

/* Another run begins: nothing is matched. */
void transcript_rewind(struct transcript *t);
/* Has everything been said again; and of these choices? */
bool transcript_is_matched(const struct transcript *t);
bool transcript_are_matched(const struct transcript *t, const struct choices *which);

#endif
