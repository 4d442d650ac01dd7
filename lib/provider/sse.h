/* sse.h - splits a byte stream into Server-Sent Events without changing a byte.
 *
 * WHATWG HTML, "Server-sent events": CR, LF and CRLF line ends (split anywhere), comments,
 * multi-line data, a leading BOM.  Each event comes with its raw bytes, ready to relay, and its
 * joined data. */
#ifndef PROVIDER_SSE_H
#define PROVIDER_SSE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

struct sse_event {
    struct str raw;   /* every byte of the event, blank line included */
    struct str data;  /* data lines joined by LF; empty when there was none */
    struct str name;  /* the event field; empty when absent */
    bool has_data;
};

struct sse {
    struct buf pending; /* bytes of an event not complete yet; its cap bounds one event */
    struct buf data;    /* joined data of the event being given out */
    size_t scanned;     /* pending bytes already searched for a line end */
    size_t line_start;  /* start of the current line within pending */
    bool any, after_cr; /* a byte was seen (BOM only first); last line ended with CR */
};

void sse_init(struct sse *s, size_t event_max_bytes);
void sse_release(struct sse *s);

/* Feeds bytes; on_event runs for each complete event (comments-only blocks too: has_data is
 * false).  0; -1 when an event exceeds the cap (the stream is then unusable); or the first
 * nonzero value on_event returned, which stops the feed. */
int sse_feed(struct sse *s, const void *data, size_t len,
             int (*on_event)(void *arg, const struct sse_event *ev), void *arg) MUST_CHECK;

/* Bytes of an unfinished event at the end of the stream (0: it ended between events). */
size_t sse_pending(const struct sse *s);

#endif
