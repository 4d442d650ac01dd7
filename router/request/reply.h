/* reply.h - answers of our own: errors in the shape of the client's dialect, the models
 * that are served, and what of a vendor's head passes. */
#ifndef ROUTER_REQUEST_REPLY_H
#define ROUTER_REQUEST_REPLY_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "config/config.h"
#include "dialect/dialect.h"
#include "http/exchange.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stdint.h>

#define REPLY_FIELDS_MAX (UPSTREAM_FIELDS_MAX + 8)

struct reply_error {
    int status;
    const char *type;    /* "invalid_request_error", "server_error", ... */
    const char *code;    /* also sent as x-sluice-error, so nobody takes it for the vendor's */
    const char *param;   /* NULL: null */
    const char *message; /* one sentence; quoted by the writer */
    int64_t retry_after_ms; /* -1: none */
    bool no_retry;          /* x-should-retry: false: a retry cannot help */
    bool may_retry;         /* x-should-retry: true, unless no_retry: the vendor says so */
    int attempts;           /* x-sluice-attempts; 0: not sent */
};

#define REPLY_COMING_MAX 3
struct reply_coming { /* what a field says about coming back, as text */
    char after_s[24], after_ms[24];
};
/* Writes the fields that say when, and whether, to come back.  Returns how many, at most
 * REPLY_COMING_MAX. */
size_t reply_coming_fields(const struct reply_error *e, struct http_reply_field *f,
                           struct reply_coming *text);

/* The body in d's shape; cut to fit is impossible: 2 KiB hold every message of the house. */
int reply_format(struct buf *out, const struct dialect *d,
                 const struct reply_error *e) MUST_CHECK;
/* Sends e as a whole answer. request_id may be NULL. */
void reply_error(struct exchange *ex, const struct dialect *d, const struct reply_error *e,
                 const char *request_id);

/* The refusal of a head or of framing (exchange_handler.format_error).  It says no path that
 * would name a dialect: it is in the first one's shape, which is OpenAI's. */
void reply_format_refusal(void *arg, const struct http_refusal *r, char *out, size_t cap);

/* OpenAI's list object over every model of the config.  -1: out's cap. */
int reply_models(const struct config *conf, struct buf *out) MUST_CHECK;
/* One model's object; id is as it stands in the path.  -1 when no such model is served. */
int reply_model(const struct config *conf, struct str id, struct buf *out) MUST_CHECK;

/* Copies into f the vendor's fields that pass to the client: those of a list, here and in d, the
 * region's dialect, but for those that Connection names (RFC 9110 section 7.6.1).  Names and
 * values are copied into text and live as long as it is not changed.  Returns how many, at most
 * max; -1: text has no room for them. */
int64_t reply_pass_fields(const struct dialect *d, const struct upstream_head *head,
                          struct http_reply_field *f, size_t max, struct buf *text);

/* To the n fields of a stream's head: that no cache and no proxy in front may collect it (nginx
 * holds an answer to its end unless X-Accel-Buffering forbids it).  What the vendor says of
 * caching stays.  Returns how many there are then: two more at most. */
size_t reply_forbid_buffering(struct http_reply_field *f, size_t n);

#endif
