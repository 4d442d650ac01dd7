/* http1_connection.h - one client connection: requests in order, one at a time, every state
 * bounded.
 *
 * Life: http1_connection_new() on an accepted socket -> on_head -> on_request -> the owner
 * answers, now or later -> next request or close.  The connection frees itself. */
#ifndef HTTP_HTTP1_CONNECTION_H
#define HTTP_HTTP1_CONNECTION_H

#include "base/base.h"
#include "base/str.h"
#include "http/http1_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_base;
struct http1_connection;

struct http1_connection_limits { /* see struct config_http */
    size_t head_max_bytes, target_max_bytes, fields_max, body_max_bytes, chunk_ext_max_bytes,
        output_max_bytes;
    int keepalive_requests;
    int64_t header_timeout_ms, body_timeout_ms, idle_timeout_ms, write_timeout_ms;
};

/* Of an answer: name NUL-terminated, value a span without CR, LF, NUL. */
struct http_reply_field {
    const char *name;
    struct str value;
};

struct http_refusal { /* an answer given without reading the body; the connection closes */
    int status;
    const char *allow;       /* 405: the Allow field */
    const char *type, *code; /* of the JSON error object */
    char message[256];
};

struct http_handler { /* shared by the connections of one listener; arg is passed first */
    void *arg;
    /* The head is complete, nothing of the body was taken.  true: go on reading it.
     * false: *r is sent and the connection closed.  head is borrowed for the call. */
    bool (*on_head)(void *arg, const struct http1_head *head, struct http_refusal *r);
    /* A whole request.  head and body stay valid until the answer is finished or on_gone was
     * called.  The handler answers with the calls below, inside this call or later. */
    void (*on_request)(void *arg, struct http1_connection *c, const struct http1_head *head,
                       struct str body);
    /* Writes a complete JSON error answer of the house (http1_connection uses it for its own
     * 4xx). */
    void (*format_error)(void *arg, const struct http_refusal *r, char *out, size_t cap);
    void (*on_open)(void *arg, struct http1_connection *c); /* may be NULL: counting */
    void (*on_close)(void *arg,
                     struct http1_connection *c); /* may be NULL: last word of this c */
};

/* One more listener for the last word, before handler->on_close: struct listener's list. */
void http1_connection_set_closed(struct http1_connection *c, void (*on_closed)(void *arg),
                                 void *arg);

struct http_exchange { /* what the answering side wants to hear; set inside on_request */
    void *arg;
    /* The client is gone, stalled, or too slow: the connection is about to be freed and c must
     * not be used again.  At most once, from the event loop, never after the answer's end. */
    void (*on_gone)(void *arg);
    /* Output fell below half of output_max_bytes after http1_connection_write returned false.
     */
    void (*on_writable)(void *arg);
};

/* Takes fd (non-blocking). limits and handler are borrowed and outlive it. */
struct http1_connection *http1_connection_new(struct event_base *base, int fd,
                                              const struct http1_connection_limits *limits,
                                              const struct http_handler *handler);
void http1_connection_set_exchange(struct http1_connection *c,
                                   const struct http_exchange *ex); /* copied */

/* A whole answer.  Content-Length and Connection are added; body may be empty. */
void http1_connection_reply(struct http1_connection *c, int status,
                            const struct http_reply_field *f, size_t n, struct str body);
/* A streamed answer: start, write..., finish.  content_length -1: chunked for 1.1, until close
 * for 1.0. */
void http1_connection_start(struct http1_connection *c, int status,
                            const struct http_reply_field *f, size_t n, int64_t content_length);
/* All of it is taken; false: more than output_max_bytes are waiting, pause the source. */
bool http1_connection_write(struct http1_connection *c, const void *data, size_t len);
void http1_connection_finish(struct http1_connection *c);
/* After start: what was written is flushed, then the connection is closed WITHOUT a proper end
 * (no last chunk; a reset where the framing could not show it). */
void http1_connection_abort(struct http1_connection *c);

/* Draining: the running answer says Connection: close.  An idle connection has half a second
 * for a request that is on its way, or a new one's first; then it closes. */
void http1_connection_drain(struct http1_connection *c);
bool http1_connection_is_busy(
    const struct http1_connection *c); /* a request is being read or answered */
size_t http1_connection_output_bytes(const struct http1_connection *c);
void http1_connection_free(
    struct http1_connection *c); /* at shutdown: on_gone is called if a request runs */

#endif
