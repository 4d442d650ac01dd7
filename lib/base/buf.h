/* buf.h - growing byte buffer with a cap: the only memory whose size a peer may choose.
 *
 * One that many peers fill at once is charged: its memory counts into memory.h's account, and it
 * grows beyond a page only as long as that allows it. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

struct buf {    /* public body, so callers embed it; release leaves it reusable */
    char *data; /* NUL-terminated once non-NULL */
    size_t len, cap, max;
    bool charged;
};

void buf_init(struct buf *b, size_t max); /* max: bytes of content it may ever hold */
void buf_init_charged(struct buf *b, size_t max);
void buf_release(struct buf *b);
void buf_clear(struct buf *b); /* len = 0, memory kept */

/* -1 when the cap (or memory) does not allow it; b is unchanged then. */
int buf_append(struct buf *b, const void *data, size_t len) MUST_CHECK;
int buf_append_str(struct buf *b, struct str s) MUST_CHECK;
int buf_appendf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;
int buf_reserve(struct buf *b, size_t extra) MUST_CHECK; /* room for extra more bytes */
/* Gives memory back, but what is held and room for extra more bytes; what is held may move. */
void buf_shrink(struct buf *b, size_t extra);

void buf_consume(struct buf *b, size_t n); /* drops the first n bytes (n <= len) */
char *buf_take(struct buf *b);             /* caller frees; never NULL; b is empty afterwards */
struct str buf_str(const struct buf *b);   /* borrowed: valid until the next change */

/* The whole file; -1 with err when it cannot be read or exceeds the cap. */
int buf_read_file(struct buf *b, const char *path, struct err *err) MUST_CHECK;

#endif
