/* http1_connection_impl.h - the inside of struct http_conn, for http1_connection.c (reading,
 * deadlines, life), http1_connection_answer.c (answers) and http1_connection_watch.c (is the
 * client there) alone. */
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

#define HTTP_CONN_NEVER       INT64_MAX
#define HTTP_CONN_READ_BYTES  16384
#define HTTP_CONN_FIRST_BYTES 4095               /* plus the NUL of struct buf: one page */
#define HTTP_CONN_SPARE_BYTES 511                /* read behind a request while it is served */
#define HTTP_CONN_HARD_BYTES  ((size_t)64 << 20) /* of output: an owner that never pauses */

enum http_conn_state {
    CONN_IDLE,   /* no byte of the next request yet */
    CONN_HEAD,   /* some of its head */
    CONN_BODY,   /* its head, and not all of its body */
    CONN_BUSY,   /* the owner has it; it may have started to answer */
    CONN_FLUSH,  /* answered; bytes may still wait for the client */
    CONN_LINGER, /* our side is shut; the rest of theirs is read and thrown away */
    CONN_RESET,  /* what was written is on its way, then comes the reset */
    CONN_DEAD,   /* socket closed; memory held by somebody up the stack */
};

struct http_conn {
    struct event_base *base;
    const struct http_conn_limits *limits;
    const struct http_handler *handler;
    struct http_exchange ex;
    void (*on_closed)(void *arg);
    void *on_closed_arg;
    int fd, served;
    enum http_conn_state state;

    struct event readable, writable, turn, timer;
    int64_t now_ms;         /* of the callback we are in */
    int64_t timer_at_ms;    /* what the timer is set to; NEVER: not set */
    int64_t state_due_ms;   /* header, body, idle or lingering deadline */
    int64_t stall_due_ms;   /* output made no progress until then */
    int unacked_bytes;      /* in the kernel when that deadline was set; -1: unknown */
    int64_t look_ms;        /* next look at the socket while it is not read */
    int64_t probe_ms;       /* next probe of a peer that sent FIN */
    size_t discarded_bytes; /* while lingering */

    struct buf
        in; /* head of the current request, its body when that came along, what follows */
    struct buf body; /* its body otherwise */
    struct http_out out;
    struct http_head_parser parser;
    struct http_body framing;
    struct http_date date;
    size_t request_bytes; /* of `in` that belong to the current request */
    int64_t content_left; /* of a started answer with a length; -1 otherwise */
    int zeros;            /* written ahead of the next chunk size as probes */

    bool reading, writing; /* the events are added */
    bool eof;              /* read returned 0 */
    bool fin;              /* eof, or a FIN is known to wait behind unread bytes */
    bool broken;           /* the socket failed or the peer stalled */
    bool close_after;      /* no request after this one */
    bool reset_after;      /* abort where a plain close would look like a proper end */
    bool running;          /* a callback of ours is on the stack */
    bool draining, settling;
    bool started, no_content, chunked; /* of the answer */
    bool full;                         /* http_conn_write returned false */
};

/* http1_connection.c: come back from the event loop, in this turn of it. */
void http_conn_wake(struct http_conn *c);
/* http1_connection_request.c */
bool http_conn_is_reading(
    const struct http_conn *c);                   /* of a request, not of what follows one */
size_t http_conn_room(const struct http_conn *c); /* bytes `in` takes without growing */
void http_conn_make_room(struct http_conn *c);
void http_conn_take_head(struct http_conn *c); /* parses what there is; may call the owner */
void http_conn_take_body(struct http_conn *c);
/* http1_connection_answer.c */
void http_conn_refuse(struct http_conn *c, const struct http_refusal *r);
void http_conn_refuse_as(struct http_conn *c, int status, const char *message);
void http_conn_continue(struct http_conn *c); /* 100 (Continue) */
void http_conn_probe(struct http_conn *c);
void http_conn_flush(struct http_conn *c, struct str tail);
bool http_conn_ends_by_close(const struct http_conn *c); /* the started answer does */
void http_conn_set_reset(struct http_conn *c, bool on);  /* closing the socket resets it */
/* http1_connection_watch.c: when to look at a socket whose end would not be heard of by
 * reading, */
void http_conn_plan_look(struct http_conn *c);
void http_conn_look(struct http_conn *c); /* and the look itself: sets broken, fin; may probe */
int64_t http_conn_earlier(int64_t a, int64_t b);
int http_conn_unacked(const struct http_conn *c); /* bytes the kernel holds; -1: unknown */
/* The write deadline passed: has the client taken nothing at all since it was set?  false sets
 * a new one. */
bool http_conn_is_stalled(struct http_conn *c);

#endif
