/* relay.h - the client's side of a streamed answer: head, events, heartbeats, and an end that
 * never lies.
 *
 * The head waits for the first content event.  After stream.commit of silence it goes out with
 * keep-alive comments, so that no load balancer cuts a quiet stream; from then on errors are
 * in-band.  Only whole events are written, so a comment never falls inside one. */
#ifndef ROUTER_REQUEST_RELAY_H
#define ROUTER_REQUEST_RELAY_H

#include "base/base.h"
#include "base/str.h"
#include "config/config.h"
#include "dialect/dialect.h"
#include "http/exchange.h"
#include "router/request/reply.h"

#include <stdbool.h>
#include <stdint.h>

#define RELAY_STREAM_TYPE STR("text/event-stream; charset=utf-8")

struct event_base;
struct event;

struct relay {
    struct exchange *ex;
    const struct dialect *dialect; /* the client's */
    const struct config_stream *conf;
    const char *request_id;
    struct event *timer; /* commit first, heartbeats after; NULL until started */
    bool head_out;       /* the client has a head: no other answer is possible any more */
    bool any_bytes;      /* of a vendor's answer */
    bool any_beats;      /* keep-alive comments */
    bool in_line_end;    /* a comment now would stand inside an event */
    bool other_run;      /* the next event is another run's: it goes on with a stream */
    bool over;
    int64_t last_ms;
    uint64_t bytes;
};

/* Starts waiting for content.  Everything is borrowed. */
void relay_start(struct relay *r, struct event_base *base, struct exchange *ex,
                 const struct dialect *dialect, const struct config_stream *conf,
                 const char *request_id);
void relay_stop(struct relay *r); /* no timer any more; fine when never started */

/* The answer begins: its head unless one is out.  n fields, at most REPLY_FIELDS_MAX. */
void relay_open(struct relay *r, int status, const struct http_reply_field *f, size_t n,
                int64_t content_length);
/* An event of a region that speaks the client's dialect: its bytes as they are.
 * false, here and below: the client reads slowly, pause the source until on_writable. */
bool relay_event(struct relay *r, const struct dialect_event *ev);
bool relay_bytes(struct relay *r, struct str bytes); /* of an answer that is no stream */
/* The events that follow are another run's. */
void relay_join(struct relay *r);
/* A proper end; add_done writes the end of a stream that a vendor forgot. */
void relay_finish(struct relay *r, bool add_done);
/* The visible failure of a stream whose head is out: one error event, then a close without a
 * proper end. */
void relay_fail(struct relay *r, const struct reply_error *e);
/* The same with an error of the vendor's: valid JSON in the client's dialect, whatever its
 * white space. */
void relay_fail_as(struct relay *r, struct str object);

#endif
