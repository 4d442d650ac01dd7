/* exchange.h - one request and its answer, between whoever speaks with the client (the maker:
 * http1_connection) and whoever serves it (the taker: a request of the router, a page).
 *
 * Life: on_head -> on_exchange, in which it is taken -> the taker's on_body -> the taker
 * answers, now or later.  A taker may also answer before the body has come, inside on_exchange
 * or later: what is missing is not read then, and the connection does not outlive the answer.
 * The exchange is the maker's; after the answer's end or on_gone it must not be used again. */
#ifndef HTTP_EXCHANGE_H
#define HTTP_EXCHANGE_H

#include "base/base.h"
#include "base/str.h"
#include "http/http_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;

struct http_limits { /* of one client connection; see struct config_http */
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

#define EXCHANGE_ADDED_MAX 4

struct exchange_handler { /* shared by the exchanges of one listener; arg is passed first */
    void *arg;
    /* The head is complete, nothing of the body was taken.  true: such requests are served.
     * false: *r is sent and the connection closed.  head is borrowed for the call. */
    bool (*on_head)(void *arg, const struct http_head *head, struct http_refusal *r);
    /* The request is wanted and its body, if it has one, may come: take ex (exchange_take) or
     * answer it, inside this call.  An answer of "100 Continue" waits for the return. */
    void (*on_exchange)(void *arg, struct exchange *ex);
    /* Writes a complete JSON error answer of the house (the maker uses it for its own 4xx). */
    void (*format_error)(void *arg, const struct http_refusal *r, char *out, size_t cap);
    /* May be NULL: what the head of every answer carries besides, the maker's own 4xx included;
     * of those head may be incomplete.  Borrowed for the call.  Returns how many fields. */
    size_t (*add_fields)(void *arg, const struct http_head *head,
                         struct http_reply_field f[EXCHANGE_ADDED_MAX]);
    void (*on_open)(void *arg);  /* may be NULL: a client has connected */
    void (*on_close)(void *arg); /* may be NULL: the last word of its connection */
};

struct exchange_taker { /* what the answering side wants to hear; each may be NULL */
    /* The whole body; it and the head stay where they are until the exchange is over. */
    void (*on_body)(void *arg, struct exchange *ex, struct str body);
    /* The client is gone, stalled or too slow, or its body broke off.  At most once, never
     * inside a call of the taker's, never after the answer's end. */
    void (*on_gone)(void *arg);
    /* Output fell below half of output_max_bytes after exchange_write returned false. */
    void (*on_writable)(void *arg);
};

/* What a maker does; exchange_* below says what each means. */
struct exchange_ops {
    void (*reply)(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                  struct str body);
    void (*start)(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                  int64_t content_length);
    bool (*write)(struct exchange *ex, const void *data, size_t len);
    void (*finish)(struct exchange *ex);
    void (*abort)(struct exchange *ex);
};

struct exchange { /* public body, so that a maker embeds it: no allocation per request */
    const struct exchange_ops *ops;
    const struct http_head *head; /* its spans may move until on_body: keep none before */
    /* private */
    const struct exchange_taker *taker; /* NULL: not taken, or over */
    void *taker_arg;
};

/* ---- for the taker ---- */

/* taker is borrowed until the end.  Whoever has it may pass it on by having it taken again. */
void exchange_take(struct exchange *ex, const struct exchange_taker *taker, void *arg);

/* A whole answer.  Content-Length and Connection are added; body may be empty. */
void exchange_reply(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                    struct str body);
/* A streamed answer: start, write..., finish.  content_length -1: as long as it gets. */
void exchange_start(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                    int64_t content_length);
/* All of it is taken; false: more than output_max_bytes are waiting, pause the source. */
bool exchange_write(struct exchange *ex, const void *data, size_t len);
void exchange_finish(struct exchange *ex);
/* After start: what was written is flushed, then the client sees that it is not the end. */
void exchange_abort(struct exchange *ex);

/* ---- for the maker; each but the first calls the taker, so only from the event loop ---- */

void exchange_init(struct exchange *ex, const struct exchange_ops *ops,
                   const struct http_head *head);
void exchange_tell_body(struct exchange *ex, struct str body);
void exchange_tell_gone(struct exchange *ex); /* nothing when it is not taken */
void exchange_tell_writable(struct exchange *ex);

#endif
