/* sse.h - splits a byte stream into Server-Sent Events without changing a byte.
 *
 * WHATWG HTML, "Server-sent events": CR, LF and CRLF line ends (split anywhere), comments,
 * multi-line data, a leading BOM.  Each event comes with its raw bytes, ready to relay, and its
 * joined data. */
#ifndef DIALECT_SSE_H
#define DIALECT_SSE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

struct sse_event {
    struct str raw;  /* every byte of the event, blank line included */
    struct str data; /* data lines joined by LF; empty when there was none */
    struct str name; /* the event field; empty when absent */
    bool has_data;
};

struct sse {
    struct buf pending; /* bytes of an event not complete yet; its cap bounds one event */
    struct buf data;    /* joined data of the event being given out */
    bool any;           /* an event was given out: a BOM is no BOM any more */
    bool line_used;     /* the current line has a byte: its end does not end the event */
    bool after_cr;      /* the last byte was a CR: a LF now is the rest of that line end */
    bool failed;        /* an event exceeded the cap */
};

/* Does a Content-Type name an event stream, whatever its parameters?  RFC 9110 8.3.1: case is
 * ignored. */
bool sse_is_type(struct str content_type);

void sse_init(struct sse *s, size_t event_max_bytes);
void sse_release(struct sse *s);

/* Feeds bytes; on_event runs for each complete event (comments-only blocks too: has_data is
 * false).  0; -1 when an event exceeds the cap (the stream is then unusable); or the first
 * nonzero value on_event returned, which stops the feed: the bytes behind that event are not
 * looked at.
 *
 * The raw spans of all events, one after the other, are the stream.  An event is given out with
 * the byte that completes it: where that is the CR of a CRLF whose LF arrives in a later feed,
 * the LF comes at once as a block of its own without data.  Spans are valid within the call;
 * on_event may not feed or release s. */
int sse_feed(struct sse *s, const void *data, size_t len,
             int (*on_event)(void *arg, const struct sse_event *ev), void *arg) MUST_CHECK;

/* Makes the JSON behind `from` one line, as an event's data must be: there a line end can only
 * stand between two tokens. */
void sse_one_line(struct buf *b, size_t from);

/* Bytes of an unfinished event at the end of the stream (0: it ended between events). */
size_t sse_pending(const struct sse *s);
/* Is there such an event, and one that does not begin as a comment? */
bool sse_is_under_way(const struct sse *s);

#endif
