/* http1_connection_request.c - from the bytes of a client connection to a request for its
 * owner: room to read into, the head, the body.
 *
 * A body that came along with its head stays where it is: one read, no copy.  Any other is
 * gathered in memory of its own, because the head must not move once the owner has seen it.
 */
#include "http/http1_connection_impl.h"

#include <string.h>

bool http1_connection_is_reading(const struct http1_connection *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

size_t http1_connection_room(const struct http1_connection *c)
{
    return c->in.cap > 0 ? c->in.cap - 1 - c->in.len : 0;
}

/* Room for a read.  Only while no request is in flight may `in` move. */
void http1_connection_make_room(struct http1_connection *c)
{
    size_t want = c->state == CONN_BODY ? HTTP1_CONNECTION_READ_BYTES
                  : c->in.len < HTTP1_CONNECTION_FIRST_BYTES
                      ? HTTP1_CONNECTION_FIRST_BYTES - c->in.len
                      : 1;

    if (!http1_connection_is_reading(c) ||
        (http1_connection_room(c) > 0 && http1_connection_room(c) >= want))
        return;
    if (buf_reserve(&c->in, want) < 0)
        c->broken = true;
    else if (c->state == CONN_BODY)
        http1_head_rebase(&c->parser, c->in.data);
}

/* A request may be served for minutes: what it does not need is not kept so long. */
static void trim(struct http1_connection *c)
{
    buf_shrink(&c->in, HTTP1_CONNECTION_SPARE_BYTES);
    buf_shrink(&c->body, 0);
    http1_head_rebase(&c->parser, c->in.data);
}

static void deliver(struct http1_connection *c, struct str body, size_t bytes_of_in)
{
    c->state = CONN_BUSY;
    c->state_due_ms = HTTP1_CONNECTION_NEVER;
    c->request_bytes = bytes_of_in;
    c->started = c->no_content = c->chunked = c->full = false;
    c->content_left = -1;
    c->handler->on_request(c->handler->arg, c, &c->parser.head, body);
}

/* Feeds what `in` holds behind the head to the framing. */
void http1_connection_take_body(struct http1_connection *c)
{
    size_t head = c->parser.used, used;
    enum http_parse r =
        http1_body_read(&c->framing, c->in.data + head, c->in.len - head, &used, &c->body);

    memmove(c->in.data + head, c->in.data + head + used, c->in.len - head - used + 1);
    c->in.len -= used;
    if (r == HTTP_PARSE_DONE) {
        trim(c);
        deliver(c, buf_str(&c->body), head);
    } else if (r == HTTP_PARSE_REFUSED) {
        http1_connection_refuse_as(c, c->framing.verdict.status, c->framing.verdict.message);
    }
}

/* The head is complete: is the request wanted, and where is its body? */
static void begin_body(struct http1_connection *c)
{
    const struct http1_head *h = &c->parser.head;
    size_t used = c->parser.used, more = c->in.len - used;
    struct http_refusal r = {0};

    if (!c->handler->on_head(c->handler->arg, h, &r)) {
        http1_connection_refuse(c, &r);
        return;
    }
    if (h->content_length > 0 && (uint64_t)h->content_length > c->limits->body_max_bytes) {
        http1_connection_refuse_as(c, 413, "the body is larger than the limit");
        return;
    }
    if (!h->chunked &&
        (uint64_t)more >= (uint64_t)(h->content_length > 0 ? h->content_length : 0)) {
        size_t len = h->content_length > 0 ? (size_t)h->content_length : 0;

        trim(c);
        deliver(c, (struct str){c->in.data + used, len}, used + len);
        return;
    }
    http1_body_init(&c->framing, h->chunked ? -1 : h->content_length, c->limits->body_max_bytes,
                    c->limits->chunk_ext_max_bytes);
    c->state = CONN_BODY;
    c->state_due_ms = c->now_ms + c->limits->body_timeout_ms;
    if (h->expect_continue && more == 0) /* RFC 9110 10.1.1: may be omitted once body came */
        http1_connection_continue(c);
    http1_connection_take_body(c);
}

void http1_connection_take_head(struct http1_connection *c)
{
    switch (http1_head_parse(&c->parser, c->in.data, c->in.len)) {
    case HTTP_PARSE_MORE:
        break;
    case HTTP_PARSE_DONE:
        begin_body(c);
        break;
    case HTTP_PARSE_REFUSED:
        http1_connection_refuse_as(c, c->parser.verdict.status, c->parser.verdict.message);
        break;
    }
}
