/* coding.h - content codings of a region's answer: nobody asked for one, some send one. */
#ifndef UPSTREAM_CODING_H
#define UPSTREAM_CODING_H

#include "base/base.h"
#include "upstream/upstream.h"

#include <stddef.h>

enum coding {
    CODING_IDENTITY,
    CODING_GZIP,
    CODING_DEFLATE,
    CODING_OTHER /* one that we do not read, or several */
};

/* What Content-Encoding says, all of its fields together.  RFC 9110 section 8.4. */
enum coding coding_of(const struct upstream_head *h);

struct coding_reader; /* opaque: one body */

struct coding_reader *coding_reader_new(enum coding c); /* GZIP or DEFLATE */
void coding_reader_free(struct coding_reader *r);       /* NULL is fine */

enum coding_verdict {
    CODING_FINE,
    CODING_BROKEN,    /* not what it says it is */
    CODING_TOO_LARGE, /* it grows beyond every text: CODING_GROWTH_MAX */
};

#define CODING_GROWTH_MAX  256                       /* bytes out of one byte in ... */
#define CODING_GROWTH_FREE ((size_t)1 * 1024 * 1024) /* ... beyond so many */

/* Gives what data hold, decoded, in pieces of at most 16 KiB.  give may end the whole thing:
 * nonzero, and the rest is dropped. */
enum coding_verdict coding_read(struct coding_reader *r, const char *data, size_t len,
                                int (*give)(void *arg, const char *data, size_t len),
                                void *arg) MUST_CHECK;
/* Has the coded body ended where its coding says? */
bool coding_is_whole(const struct coding_reader *r);

#endif
