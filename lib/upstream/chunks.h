/* chunks.h - our own reading of an answer that comes in chunks (RFC 9112 section 7.1).
 *
 * Pure: bytes in, content out.  curl reads the same bytes to know where the answer ends, but
 * has no code of its own for a chunk that is none: it says RECV_ERROR, as for a reset, and only
 * its sentence tells which.  So it hands us the bytes as they came, and this reading tells. */
#ifndef UPSTREAM_CHUNKS_H
#define UPSTREAM_CHUNKS_H

#include "base/base.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum upstream_chunk {
    UPSTREAM_CHUNK_MORE, /* all of the bytes are taken */
    UPSTREAM_CHUNK_DATA, /* a piece of content */
    UPSTREAM_CHUNK_END,  /* the answer is whole; further bytes are nobody's */
    UPSTREAM_CHUNK_BAD,  /* what came is no chunk, or no trailer */
};

struct upstream_chunks {  /* public body, so that a call embeds it */
    size_t trailer_bytes; /* so far; whoever feeds it bounds them */
    /* private */
    uint64_t left;     /* of the chunk: its size while that is read, then its content */
    size_t line_bytes; /* of the trailer line */
    int step, digits;
    bool colon; /* the trailer line has one */
};

void upstream_chunks_init(struct upstream_chunks *c);

/* Takes bytes off *in, up to the end of the next piece of content, which is then *data.  What
 * it finds does not depend on how the bytes are split; END and BAD stay. */
enum upstream_chunk upstream_chunks_next(struct upstream_chunks *c, struct str *in,
                                         struct str *data) MUST_CHECK;

#endif
