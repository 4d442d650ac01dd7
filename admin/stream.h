/* stream.h - reads the fleet's event stream: its end, and what comes after it. */
#ifndef ADMIN_STREAM_H
#define ADMIN_STREAM_H

#include "admin/output/entry.h"
#include "base/base.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct session;

struct stream { /* zeroed at first */
    struct entry *entries;
    size_t n, cap;
    char last[ENTRY_ID_MAX + 1]; /* the newest one seen; "" before the first reading */
};

void stream_release(struct stream *st);

/* The last n entries (0: none, only the place from which to go on), oldest first; of region
 * alone when that is not NULL. */
int stream_tail(struct stream *st, struct session *s, size_t n, const char *region,
                struct err *err) MUST_CHECK;
/* Waits up to block_ms for entries after the last one; none is fine.  They replace what stands
 * in entries. */
int stream_next(struct stream *st, struct session *s, int64_t block_ms, const char *region,
                struct err *err) MUST_CHECK;
/* After a loss of the connection: starts over where the stream did, when its ids went back
 * (another server, whose clock or data is behind). */
int stream_check(struct stream *st, struct session *s, struct err *err) MUST_CHECK;

/* Is stream id a before b?  ("ms-number") */
bool stream_is_before(const char *a, const char *b);

#endif
