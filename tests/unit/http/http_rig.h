/* http_rig.h - one http1_connection on a real loopback socket, a raw byte client at the other
 * end, both in the test's event loop; the owner is scripted by `mode`. */
#ifndef TESTS_UNIT_HTTP_HTTP_RIG_H
#define TESTS_UNIT_HTTP_HTTP_RIG_H

#include "base/buf.h"
#include "http/http1_connection.h"
#include "http/http1_connection_impl.h"

#include <event2/event.h>
#include <stdbool.h>

enum rig_mode {
    RIG_ECHO,   /* answer at once: "METHOD PATH BODY" */
    RIG_HOLD,   /* keep the request; the test answers */
    RIG_EARLY,  /* answer "early" before the body has come */
    RIG_STREAM, /* start a stream at once; the test writes and finishes */
    RIG_FREE,   /* free the connection inside on_body, as a shutdown would */
};

struct rig {
    struct event_base *base;
    struct http_limits limits;
    struct exchange_handler handler;
    struct http1_connection *conn; /* NULL once on_close was called */
    struct exchange *ex;           /* the last one */
    enum rig_mode mode;
    int client;     /* raw socket of the client; -1: closed */
    struct buf got; /* what the client received */
    bool got_eof, got_reset;
    int opened, closed, heads, requests, gone, writable;
    bool inside_owner;     /* a call of the owner is running: on_gone must not come */
    int refuse_status;     /* on_head refuses with this */
    struct buf body;       /* of the last request */
    int64_t stream_length; /* content_length of RIG_STREAM's start */
    size_t answer_bytes;   /* RIG_ECHO: pads the answer to this */
    int receive_bytes;     /* SO_RCVBUF of the client; 0: the kernel's choice */
};

void rig_init(struct rig *r); /* limits may be changed now; connect comes next */
void rig_connect(struct rig *r);
void rig_release(struct rig *r);
void rig_send(struct rig *r, const char *text); /* all of it; fails the test when it cannot */
size_t rig_try_send(struct rig *r, const void *data,
                    size_t len); /* what the socket takes now */
void rig_close_client(struct rig *r, bool reset);
void rig_turn(struct rig *r); /* one turn of the loop, at most 5 ms, then read */
void rig_read(struct rig *r); /* whatever has arrived */
size_t rig_count(const struct rig *r, const char *needle); /* in what the client received */

#define RIG_PATIENCE_MS 30000 /* for what is to happen: only a failing test waits so long */

/* Turns the loop until cond holds; false after max_ms. */
#define RIG_WAIT(r, max_ms, cond)                                                              \
    ({                                                                                         \
        int64_t end_ms_ = clock_mono_ms() + (max_ms);                                          \
        while (!(cond) && clock_mono_ms() < end_ms_)                                           \
            rig_turn(r);                                                                       \
        (cond);                                                                                \
    })

#endif
