/* http1_connection_impl.h - the inside of struct http1_connection, for http1_connection.c
 * (reading, deadlines, life), http1_connection_request.c (requests), http1_connection_answer.c
 * (answers) and http1_connection_watch.c (is the client there) alone. */
#ifndef HTTP_HTTP1_CONNECTION_IMPL_H
#define HTTP_HTTP1_CONNECTION_IMPL_H

#include "base/buf.h"
#include "http/http1_answer.h"
#include "http/http1_body.h"
#include "http/http1_connection.h"
#include "http/http1_head.h"
#include "http/http1_output.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdbool.h>
#include <stdint.h>

#define HTTP1_CONNECTION_NEVER       INT64_MAX
#define HTTP1_CONNECTION_READ_BYTES  16384
#define HTTP1_CONNECTION_FIRST_BYTES 4095 /* plus the NUL of struct buf: one page */
#define HTTP1_CONNECTION_SPARE_BYTES 511  /* read behind a request while it is served */
#define HTTP1_CONNECTION_HARD_BYTES                                                            \
    ((size_t)64 << 20) /* of output: an owner that never pauses */

enum http1_connection_state {
    CONN_IDLE,   /* no byte of the next request yet */
    CONN_HEAD,   /* some of its head */
    CONN_BODY,   /* its head, and not all of its body; the owner has the exchange */
    CONN_BUSY,   /* the owner has all of it; it may have started to answer */
    CONN_FLUSH,  /* answered; bytes may still wait for the client */
    CONN_LINGER, /* our side is shut; the rest of theirs is read and thrown away */
    CONN_RESET,  /* what was written is on its way, then comes the reset */
    CONN_DEAD,   /* socket closed; memory held by somebody up the stack */
};

struct http1_connection {
    struct exchange ex; /* the current one */
    struct event_base *base;
    const struct http_limits *limits;
    const struct exchange_handler *handler;
    void (*on_closed)(void *arg);
    void *on_closed_arg;
    int fd, served;
    enum http1_connection_state state;

    struct event readable, writable, turn, timer;
    int64_t now_ms;         /* of the callback we are in */
    int64_t timer_at_ms;    /* what the timer is set to; NEVER: not set */
    int64_t state_due_ms;   /* header, body, idle or lingering deadline */
    int64_t stall_due_ms;   /* next look at what the client took; NEVER: it has all */
    int64_t taken_ms;       /* when it was last seen to have taken more */
    int64_t taken_bytes;    /* by then, of the connection's */
    int64_t sent_bytes;     /* handed to the kernel, of the connection's */
    int64_t snapshot_ms;    /* next look at the socket while it is not read */
    int64_t poke_ms;        /* next poke of a peer that sent FIN */
    int64_t moved_ms;       /* when the client was last seen to have moved a good piece */
    int64_t moved_bytes;    /* and how much it had moved by then */
    size_t discarded_bytes; /* while lingering */

    struct buf
        in; /* head of the current request, its body when that came along, what follows */
    struct buf body; /* its body otherwise */
    struct str read; /* of the body, just now; in memory that all connections share */
    struct http1_output out;
    struct http1_head_parser parser;
    struct http1_body framing;
    struct http_date date;
    size_t request_bytes; /* of `in` that belong to the current request */
    int64_t content_left; /* of a started answer with a length; -1 otherwise */
    int zeros;            /* written ahead of the next chunk size as pokes */

    bool reading, writing; /* the events are added */
    bool eof;              /* read returned 0 */
    bool fin;              /* eof, or a FIN is known to wait behind unread bytes */
    bool broken;           /* the socket failed or the peer stalled */
    bool body_here;        /* every byte of the current body lies in `in` */
    bool close_after;      /* no request after this one */
    bool reset_after;      /* abort where a plain close would look like a proper end */
    bool running;          /* a callback of ours is on the stack */
    bool draining, settling, shed;
    bool started, no_content, chunked; /* of the answer */
    bool full;                         /* a write returned false */
};

/* http1_connection.c: come back from the event loop, in this turn of it. */
void http1_connection_wake(struct http1_connection *c);
/* http1_connection_request.c: what turns bytes into exchanges, or into refusals */
bool http1_connection_is_reading(
    const struct http1_connection *c); /* of a request, not of what follows one */
size_t
http1_connection_room(const struct http1_connection *c); /* bytes `in` takes without growing */
void http1_connection_make_room(struct http1_connection *c);
void http1_connection_take_head(
    struct http1_connection *c); /* parses what there is; may call the owner */
void http1_connection_take_body(struct http1_connection *c);
/* Whoever has the exchange hears that it is over.  From the event loop only. */
void http1_connection_refuse_as(struct http1_connection *c, int status, const char *message);
void http1_connection_refuse_full(struct http1_connection *c); /* http.memory is used up */
/* http1_connection_answer.c */
extern const struct exchange_ops http1_connection_ops;
void http1_connection_continue(struct http1_connection *c); /* 100 (Continue) */
void http1_connection_poke(struct http1_connection *c);
void http1_connection_flush(struct http1_connection *c, struct str tail);
bool http1_connection_ends_by_close(
    const struct http1_connection *c); /* the started answer does */
void http1_connection_set_reset(struct http1_connection *c,
                                bool on); /* closing the socket resets it */
/* http1_connection_watch.c: when to look at a socket whose end would not be heard of by
 * reading, */
void http1_connection_plan_look(struct http1_connection *c);
void http1_connection_look(
    struct http1_connection *c); /* and the look itself: sets broken, fin; may poke */
int64_t http1_connection_earlier(int64_t a, int64_t b);
int http1_connection_unacked(
    const struct http1_connection *c); /* bytes the kernel holds; -1: unknown */
/* http1_connection_watch.c: does the client take what it is sent?  Begins to watch it, until it
 * has everything; called after each write. */
void http1_connection_plan_stall(struct http1_connection *c);
/* The look that was planned.  true: it has taken nothing for write_timeout. */
bool http1_connection_look_stall(struct http1_connection *c);
/* http1_connection_watch.c: ends a request that is being read, or a client that does not read. */
void http1_connection_give_up(struct http1_connection *c);

#endif
