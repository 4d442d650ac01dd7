/* http1_connection_answer.c - the answering half of a client connection; http1_connection.h has
 * the contract.
 *
 * An answer in one piece goes out in one write, inside exchange_reply().  The pieces of
 * a stream are gathered and go out at the end of the same turn of the event loop, so three
 * events that arrive together cost one system call and none of them waits.
 *
 * Nothing here frees the connection or calls the owner back: a failure is noted, and
 * http1_connection.c acts on it from the event loop.
 */
#include "http/http1_connection_impl.h"

#include "base/clock.h"

#include <assert.h>
#include <stddef.h>
#include <sys/socket.h>

#define ZEROS_MAX 6 /* with 8 digits of a real size still under the 16 that peers must take */

void http1_connection_flush(struct http1_connection *c, struct str tail)
{
    size_t all = http1_output_bytes(&c->out) + tail.len;

    if (http1_output_send(&c->out, c->fd, tail) == HTTP_SENT_FAILED) {
        c->broken = true;
        return;
    }
    c->sent_bytes += (int64_t)(all - http1_output_bytes(&c->out));
    if (all > 0)
        http1_connection_plan_stall(c);
}

static void put(struct http1_connection *c, int rc)
{
    if (rc < 0)
        c->broken = true; /* the owner wrote on past every "pause" */
}

/* The hard cap is for an owner that never pauses; one piece, which it holds anyway, may be of
 * any size. */
static void allow(struct http1_connection *c, size_t piece_bytes)
{
    size_t most = c->limits->output_max_bytes + HTTP1_CONNECTION_HARD_BYTES + piece_bytes;

    if (c->out.buf.max < most)
        c->out.buf.max = most;
}

/* Fixes what happens to the connection after this answer, and writes its head. */
static void put_head(struct http1_connection *c, int status, const struct http_reply_field *f,
                     size_t n, enum http_framing framing, int64_t content_length)
{
    const struct http1_head_wire *w = &c->parser.wire;
    const struct exchange_handler *h = c->handler;
    struct http_reply_field added[EXCHANGE_ADDED_MAX];

    if (!w->keep_alive || c->draining || framing == HTTP_UNTIL_CLOSE ||
        c->served + 1 >= c->limits->keepalive_requests)
        c->close_after = true;
    struct http1_answer a = {.status = status,
                             .framing = framing,
                             .content_length = content_length,
                             .connection = c->close_after  ? "close"
                                           : w->minor == 0 ? "keep-alive"
                                                           : NULL,
                             .fields = f,
                             .n_fields = n,
                             .added = added};

    if (h->add_fields != NULL)
        a.n_added = h->add_fields(h->arg, &c->parser.head, added);
    put(c, http1_answer_write(&c->out.buf, &a, http_date_text(&c->date, clock_wall_ms())));
}

static struct http1_connection *conn_of(struct exchange *ex)
{
    return (struct http1_connection *)((char *)ex - offsetof(struct http1_connection, ex));
}

/* An answer before the whole body: what is missing stays unread, so no request can follow. */
static void begin_answer(struct http1_connection *c)
{
    assert((c->state == CONN_BUSY || c->state == CONN_BODY) && !c->started);
    if (c->state == CONN_BODY && !c->body_here)
        c->close_after = true;
    c->state = CONN_BUSY;
    c->state_due_ms = HTTP1_CONNECTION_NEVER;
}

/* The owner has said its last word. */
static void end_answer(struct http1_connection *c)
{
    c->state = CONN_FLUSH;
    http1_connection_wake(c);
}

static void reply(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                  struct str body)
{
    struct http1_connection *c = conn_of(ex);
    bool empty = http1_answer_is_empty(status);

    begin_answer(c);
    put_head(c, status, f, n, empty ? HTTP_NO_CONTENT : HTTP_LENGTH, (int64_t)body.len);
    if (empty || c->parser.head.method == HTTP_HEAD)
        body.len = 0;
    allow(c, body.len);
    if (!c->broken)
        http1_connection_flush(c, body);
    end_answer(c);
}

bool http1_connection_ends_by_close(const struct http1_connection *c)
{
    return c->started && !c->no_content && !c->chunked && c->content_left < 0;
}

void http1_connection_set_reset(struct http1_connection *c, bool on)
{
    struct linger how = {.l_onoff = on, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &how, sizeof(how));
}

static void start(struct exchange *ex, int status, const struct http_reply_field *f, size_t n,
                  int64_t content_length)
{
    struct http1_connection *c = conn_of(ex);
    bool empty = http1_answer_is_empty(status);
    enum http_framing framing = empty                       ? HTTP_NO_CONTENT
                                : content_length >= 0       ? HTTP_LENGTH
                                : c->parser.wire.minor >= 1 ? HTTP_CHUNKED
                                                            : HTTP_UNTIL_CLOSE;

    begin_answer(c);
    put_head(c, status, f, n, framing, content_length);
    c->started = true;
    c->no_content = empty || c->parser.head.method == HTTP_HEAD;
    c->chunked = framing == HTTP_CHUNKED;
    c->content_left = framing == HTTP_LENGTH ? content_length : -1;
    c->zeros = 0;
    /* Whoever closes the socket before all of it has left, the kernel for a killed process
     * included, must not make it look whole. */
    if (http1_connection_ends_by_close(c))
        http1_connection_set_reset(c, true);
    http1_connection_wake(c);
}

static bool write_piece(struct exchange *ex, const void *data, size_t len)
{
    struct http1_connection *c = conn_of(ex);

    assert(c->state == CONN_BUSY && c->started);
    if (c->content_left >= 0) {
        if (len > (uint64_t)c->content_left)
            len = (size_t)c->content_left; /* RFC 9112 6.2: never more than was announced */
        c->content_left -= (int64_t)len;
    }
    if (len > 0 && !c->no_content && !c->broken) {
        allow(c, len);
        put(c, c->chunked ? http1_output_add_chunk(&c->out, data, len)
                          : http1_output_add(&c->out, data, len));
        c->zeros = 0;
        http1_connection_wake(c);
    }
    c->full |= http1_output_bytes(&c->out) > c->limits->output_max_bytes;
    return !c->full;
}

static void cut(struct exchange *ex)
{
    struct http1_connection *c = conn_of(ex);

    assert(c->state == CONN_BUSY);
    c->close_after = true;
    /* A body that lasts until the close would look whole (RFC 9112 8): only a reset tells.
     * An answer without content is whole already. */
    c->reset_after = http1_connection_ends_by_close(c);
    /* A poke's lone zero looks like the last chunk to readers that take the end of the
     * connection for the end of a line (Python's http.client): a chunk that stays away does
     * not. */
    if (c->chunked && !c->no_content && c->zeros > 0 && !c->broken)
        put(c, http1_output_add(&c->out, "1\r\n", 3));
    end_answer(c);
}

static void finish(struct exchange *ex)
{
    struct http1_connection *c = conn_of(ex);

    assert(c->state == CONN_BUSY && c->started);
    if (c->content_left > 0 &&
        !c->no_content) { /* short of its length: the close must show it */
        cut(ex);
        return;
    }
    if (c->chunked && !c->no_content && !c->broken)
        put(c, http1_output_add(&c->out, "0\r\n\r\n", 5));
    end_answer(c);
}

const struct exchange_ops http1_connection_ops = {reply, start, write_piece, finish, cut};

void http1_connection_continue(struct http1_connection *c)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";

    put(c, http1_output_add(&c->out, text, sizeof(text) - 1));
    http1_connection_flush(c, (struct str){NULL, 0});
}

void http1_connection_poke(struct http1_connection *c)
{
    if (http1_output_bytes(&c->out) > 0 || c->broken)
        return; /* what waits is a poke already */
    if (!c->started) {
        if (c->parser.wire.minor >= 1)
            http1_connection_continue(c);
    } else if (c->chunked && !c->no_content && c->zeros < ZEROS_MAX) {
        c->zeros++;
        put(c, http1_output_add(&c->out, "0", 1));
        http1_connection_flush(c, (struct str){NULL, 0});
    }
}

size_t http1_connection_output_bytes(const struct http1_connection *c)
{
    return http1_output_bytes(&c->out);
}
