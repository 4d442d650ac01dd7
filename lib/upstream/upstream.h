/* upstream.h - HTTP exchanges with regions on libcurl's multi interface, in the worker's loop.
 *
 * The only room that knows curl.  One struct upstream per worker holds the pool; one struct
 * upstream_call is one exchange: head, data as it arrives, one end. */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "base/base.h"
#include "base/err.h"
#include "base/http_field.h"
#include "base/str.h"
#include "config/config.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct upstream;
struct upstream_call;

#define UPSTREAM_HEAD_MAX_BYTES 65536 /* fields of one answer, together */
#define UPSTREAM_FIELDS_MAX     128

struct upstream_head { /* borrowed for the callback */
    int status;
    const struct http_field *fields; /* as received, hop-by-hop ones included */
    size_t n_fields;
};

enum upstream_result {
    UPSTREAM_COMPLETE, /* the answer's framing ended properly */
    UPSTREAM_CONNECT,  /* no connection: refused, DNS, TLS */
    UPSTREAM_CONNECT_TIMEOUT,
    UPSTREAM_RESET,   /* closed or reset before a head came */
    UPSTREAM_CUT,     /* closed or reset within the body */
    UPSTREAM_FRAMING, /* not HTTP, bad chunk: never reused */
    UPSTREAM_LIMIT,   /* the head exceeds a limit of ours */
    UPSTREAM_TOTAL_TIMEOUT,
    UPSTREAM_INTERNAL, /* ours: out of memory, bad URL */
};
const char *upstream_result_name(enum upstream_result r);

struct upstream_end {
    enum upstream_result result;
    bool reused;      /* ran on a connection that had served before */
    char detail[160]; /* curl's words; no header, no body byte */
    int64_t connect_us, first_byte_us, total_us;
    /* How often the request was about to go out.  0: no connection.  More than 1: a pooled
     * connection was found closed before it gave a byte, and it was sent again on a new one. */
    int sends;
};

struct upstream_request { /* everything is copied or used before upstream_start returns, but
                             body */
    const char *method;   /* "POST", "GET" */
    const char *url;
    const char *const *headers; /* "Name: value"; values with CR, LF or NUL are refused */
    size_t n_headers;
    struct str body; /* borrowed until on_end or cancel */
    int64_t connect_ms, total_ms;
    /* Whose certificate is good; NULL: who the system's authorities signed. */
    const struct config_trust *trust;
    const char *proxy; /* http:// or socks5h:// [user:password@]host:port; NULL: none */
    bool lean; /* many small pieces over a long time are expected: less memory is held */
};

struct upstream_ops {
    /* Interim (1xx) answers are skipped; trailers are ignored.  Called once at most. */
    void (*on_head)(void *arg, const struct upstream_head *h);
    void (*on_data)(void *arg, const char *data, size_t len); /* takes all of it */
    /* Exactly once, from the event loop, never inside upstream_start, another callback or
     * upstream_call_resume; the call is freed after it.  Not called after cancel. */
    void (*on_end)(void *arg, const struct upstream_end *end);
};

struct upstream *upstream_new(struct event_base *base, const struct config_upstream *conf,
                              struct err *err);
/* Cancels what runs, without callbacks.  Not from inside a callback.  NULL is fine. */
void upstream_free(struct upstream *u);

/* Never NULL: what cannot start ends by on_end. */
struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *arg);
/* Back-pressure: after pause at most what curl has in hand (64 KiB) still arrives. */
void upstream_call_pause(struct upstream_call *c);
void upstream_call_resume(struct upstream_call *c);
/* Was the whole request handed over?  From then on its body is not read any more.  Not before
 * on_head: until then it may have to be sent again. */
bool upstream_call_is_sent(const struct upstream_call *c);
/* Ends it now, closes its connection, frees it; allowed everywhere, inside its callbacks too.
 */
void upstream_call_cancel(struct upstream_call *c);

#endif
