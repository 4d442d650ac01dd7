/* http1_answer.h - the head of an answer as bytes: status line, framing, Date, fields. */
#ifndef HTTP_HTTP1_ANSWER_H
#define HTTP_HTTP1_ANSWER_H

#include "base/base.h"
#include "base/buf.h"
#include "http/exchange.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_date { /* the Date field's value, made once a second; zero it to start */
    int64_t second;
    char text[32];
};

enum http_framing { HTTP_LENGTH, HTTP_CHUNKED, HTTP_UNTIL_CLOSE, HTTP_NO_CONTENT };

struct http1_answer {
    int status;
    enum http_framing framing;
    int64_t content_length; /* of HTTP_LENGTH */
    const char *connection; /* "close", "keep-alive", or NULL: no Connection field */
    const struct http_reply_field *fields;
    size_t n_fields;
    const struct http_reply_field *added; /* and behind them */
    size_t n_added;
};

/* RFC 9110 15 (and 6585, 4918): the phrase; "Unknown" for a status without one. */
const char *http1_answer_reason(int status);
/* RFC 9110 6.4.1, 15.3.5, 15.4.5: an answer with this status never has content. */
bool http1_answer_is_empty(int status);

/* The current date as an IMF-fixdate (RFC 9110 5.6.7); borrowed from d. */
const char *http_date_text(struct http_date *d, int64_t wall_ms);

/* Appends the head, the empty line included.  A field that could split the answer (CR, LF or
 * NUL in its value) is left out.  -1: out's cap; out is cut then. */
int http1_answer_write(struct buf *out, const struct http1_answer *a,
                       const char *date) MUST_CHECK;

#endif
