/* http1_connection_request.c - from the bytes of a client connection to an exchange for its
 * owner, or to a refusal: room to read into, the head, the body.
 *
 * A body that came along with its head stays where it is: one read, no copy.  Any other is
 * gathered in memory of its own, because `in` is bounded by what a head may be.  It is read into
 * memory that all connections share and decoded from there, so who uploads slowly holds what it
 * has sent and no room to read into.
 */
#include "http/http1_connection_impl.h"

#include "base/memory.h"

#include <stdio.h>
#include <string.h>

bool http1_connection_is_reading(const struct http1_connection *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

size_t http1_connection_room(const struct http1_connection *c)
{
    return c->in.cap > 0 ? c->in.cap - 1 - c->in.len : 0;
}

/* Room for a read.  `in` may move until the owner has the whole request. */
void http1_connection_make_room(struct http1_connection *c)
{
    size_t want =
        c->in.len < HTTP1_CONNECTION_FIRST_BYTES ? HTTP1_CONNECTION_FIRST_BYTES - c->in.len : 1;

    if (!http1_connection_is_reading(c) ||
        (http1_connection_room(c) > 0 && http1_connection_room(c) >= want))
        return;
    if (buf_reserve(&c->in, want) < 0)
        c->broken = true;
}

/* ---- refusals of our own ---- */

static void refuse(struct http1_connection *c, const struct http_refusal *r)
{
    char text[2048] = "";
    struct http_reply_field f[3] = {
        {"Content-Type", STR("application/json")},
        {"x-sluice-error", str_of(r->code != NULL ? r->code : "")},
    };
    size_t n = 2;

    if (r->allow != NULL)
        f[n++] = (struct http_reply_field){"Allow", str_of(r->allow)};
    else if (r->status == 503)
        f[n++] = (struct http_reply_field){"Retry-After", STR("1")};
    exchange_tell_gone(&c->ex); /* whoever waits for the body */
    c->handler->format_error(c->handler->arg, r, text, sizeof(text));
    c->close_after = true;
    c->state = CONN_BUSY; /* nobody's but ours */
    exchange_reply(&c->ex, r->status, f, n, str_of(text));
}

void http1_connection_refuse_full(struct http1_connection *c)
{
    struct http_refusal r = {
        .status = 503,
        .type = "server_error",
        .code = "overloaded",
        .message = "This router holds as much for its clients as http.memory allows.",
    };

    refuse(c, &r);
}

void http1_connection_refuse_as(struct http1_connection *c, int status, const char *message)
{
    static const struct {
        int status;
        const char *code;
    } codes[] = {
        {400, "bad_request"},        {408, "request_timeout"},
        {413, "request_too_large"},  {414, "uri_too_long"},
        {417, "expectation_failed"}, {431, "headers_too_large"},
        {501, "not_implemented"},    {505, "http_version_not_supported"},
    };
    struct http_refusal r = {.status = status, .type = "invalid_request_error"};

    r.code = codes[0].code;
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].status == status)
            r.code = codes[i].code;
    snprintf(r.message, sizeof(r.message), "The HTTP request was refused: %s.", message);
    refuse(c, &r);
}

/* ---- the body ---- */

/* A request may be served for minutes: what it does not need is not kept so long. */
static void trim(struct http1_connection *c)
{
    buf_shrink(&c->in, HTTP1_CONNECTION_SPARE_BYTES);
    http1_head_rebase(&c->parser, c->in.data);
}

static void deliver(struct http1_connection *c, struct str body)
{
    c->state = CONN_BUSY;
    c->state_due_ms = HTTP1_CONNECTION_NEVER;
    exchange_tell_body(&c->ex, body);
}

/* What follows the head in `in`: rest, which may lie there already. */
static void keep_behind_head(struct http1_connection *c, struct str rest)
{
    bool inside = rest.ptr >= c->in.data && rest.ptr <= c->in.data + c->in.len;

    c->in.len = c->parser.used;
    if (inside) {
        memmove(c->in.data + c->in.len, rest.ptr, rest.len);
        c->in.len += rest.len;
        c->in.data[c->in.len] = '\0';
    } else if (buf_append_str(&c->in, rest) < 0) {
        c->broken = true;
    }
}

/* There is no room for more of it.  That is noted: whoever holds some for nothing makes room. */
static void refuse_body(struct http1_connection *c)
{
    (void)memory_admit(2 * c->body.cap);
    http1_connection_refuse_full(c);
}

/* Feeds bytes to the framing.  What follows the body is the next request's. */
static void take_body(struct http1_connection *c, struct str bytes)
{
    size_t used;
    enum http_parse r = http1_body_read(&c->framing, bytes.ptr, bytes.len, &used, &c->body);

    keep_behind_head(c, (struct str){bytes.ptr + used, bytes.len - used});
    trim(c);
    if (r == HTTP_PARSE_DONE) {
        buf_shrink(&c->body, 0);
        deliver(c, buf_str(&c->body));
    } else if (r == HTTP_PARSE_REFUSED) {
        if (c->framing.verdict.status == 503)
            refuse_body(c);
        else
            http1_connection_refuse_as(c, c->framing.verdict.status,
                                       c->framing.verdict.message);
    }
}

void http1_connection_take_body(struct http1_connection *c)
{
    struct str read = c->read;

    c->read.len = 0;
    if (read.len > 0)
        take_body(c, read);
}

static void begin_body(struct http1_connection *c)
{
    const struct http1_head_wire *w = &c->parser.wire;
    size_t used = c->parser.used;

    if (c->body_here) {
        trim(c);
        deliver(c, (struct str){c->in.data + used, c->request_bytes - used});
        return;
    }
    /* What is announced is all that it may take: it does not double beyond it. */
    c->body.max = w->chunked ? c->limits->body_max_bytes : (size_t)w->content_length;
    http1_body_init(&c->framing, w->chunked ? -1 : w->content_length, c->body.max,
                    c->limits->chunk_ext_max_bytes);
    c->state_due_ms = c->now_ms + c->limits->body_timeout_ms;
    if (w->expect_continue && c->in.len == used) /* RFC 9110 10.1.1: none once body came */
        http1_connection_continue(c);
    take_body(c, (struct str){c->in.data + used, c->in.len - used});
}

/* ---- the head ---- */

/* The head is complete: is the request wanted, and who takes it?  It is known whether the body
 * came along before anybody is asked, so that a small one that is refused costs no connection.
 */
static void begin_exchange(struct http1_connection *c)
{
    const struct http1_head_wire *w = &c->parser.wire;
    uint64_t len = w->content_length > 0 ? (uint64_t)w->content_length : 0;
    size_t used = c->parser.used;
    struct http_refusal r = {0};

    if (!c->handler->on_head(c->handler->arg, &c->parser.head, &r)) {
        refuse(c, &r);
        return;
    }
    if (len > c->limits->body_max_bytes) {
        http1_connection_refuse_as(c, 413, "the body is larger than the limit");
        return;
    }
    if ((len > 0 || w->chunked) && !memory_admit(len)) {
        http1_connection_refuse_full(c);
        return;
    }
    c->body_here = !w->chunked && c->in.len - used >= len;
    c->request_bytes = used + (c->body_here ? (size_t)len : 0);
    c->state = CONN_BODY;
    c->started = c->no_content = c->chunked = c->full = false;
    c->content_left = -1;
    c->handler->on_exchange(c->handler->arg, &c->ex);
    if (c->state == CONN_BODY) /* neither answered nor freed */
        begin_body(c);
}

void http1_connection_take_head(struct http1_connection *c)
{
    switch (http1_head_parse(&c->parser, c->in.data, c->in.len)) {
    case HTTP_PARSE_MORE:
        break;
    case HTTP_PARSE_DONE:
        begin_exchange(c);
        break;
    case HTTP_PARSE_REFUSED:
        http1_connection_refuse_as(c, c->parser.verdict.status, c->parser.verdict.message);
        break;
    }
}
