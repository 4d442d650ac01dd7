/* event_stream.h - reads the fleet's event stream: its end, and what comes after it. */
#ifndef ADMIN_EVENT_STREAM_H
#define ADMIN_EVENT_STREAM_H

#include "admin/output/fleet_event.h"
#include "base/base.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

struct session;

struct event_stream { /* zeroed at first */
    struct fleet_event *events;
    size_t n, cap;
    char last[FLEET_EVENT_ID_MAX + 1]; /* the newest one seen; "" before the first reading */
};

void event_stream_release(struct event_stream *stream);

/* The last n events (0: none, only the place from which to go on), oldest first; of region
 * alone when that is not NULL. */
int event_stream_tail(struct event_stream *stream, struct session *s, size_t n,
                      const char *region, struct err *err) MUST_CHECK;
/* Waits up to block_ms for events after the last one; none is fine.  They replace what stands
 * in events. */
int event_stream_next(struct event_stream *stream, struct session *s, int64_t block_ms,
                      const char *region, struct err *err) MUST_CHECK;
/* After a loss of the connection: starts over where the stream did, when its ids went back
 * (another server, whose clock or data is behind). */
int event_stream_check(struct event_stream *stream, struct session *s,
                       struct err *err) MUST_CHECK;

/* Is stream id a before b?  ("ms-number") */
bool event_stream_is_before(const char *a, const char *b);

#endif
