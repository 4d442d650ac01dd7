/* relay.c - the client's side of a streamed answer; relay.h has the contract. */
#include "router/request/relay.h"

#include "base/clock.h"
#include "base/loop.h"

#include <event2/event.h>
#include <string.h>

/* Of an event that is made here, beyond stream.event_max: an error is at most 64 KiB. */
#define EVENT_ROOM_BYTES (128u << 10)

static void arm(struct relay *r, int64_t ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    loop_event_add(r->timer, &tv);
}

/* The head before any vendor's: the stream is committed, its source is not known yet. */
static void commit(struct relay *r)
{
    struct http_reply_field f[4] = {
        {"Content-Type", RELAY_STREAM_TYPE},
        {"x-request-id", str_of(r->request_id)},
    };
    size_t n = reply_forbid_buffering(f, 2);

    r->head_out = true;
    exchange_start(r->ex, 200, f, n, -1);
}

static void on_relay_timer(evutil_socket_t fd, short what, void *arg)
{
    struct relay *r = arg;
    const char *beat = r->dialect->keep_alive;
    int64_t now_ms = clock_mono_ms(), left_ms = r->last_ms + r->conf->heartbeat_ms - now_ms;

    (void)fd, (void)what;
    if (!r->head_out) {
        commit(r);
    } else if (left_ms > 0 || r->in_line_end) { /* events flow, or the rest of one comes */
        arm(r, left_ms > 0 ? left_ms : r->conf->heartbeat_ms);
        return;
    }
    (void)exchange_write(r->ex, beat, strlen(beat)); /* bounded: one per beat */
    r->any_beats = true;
    r->last_ms = now_ms;
    if (r->conf->heartbeat_ms > 0)
        arm(r, r->conf->heartbeat_ms);
}

void relay_start(struct relay *r, struct event_base *base, struct exchange *ex,
                 const struct dialect *dialect, const struct config_stream *conf,
                 const char *request_id)
{
    *r = (struct relay){.ex = ex, .dialect = dialect, .conf = conf, .request_id = request_id};
    r->timer = loop_timer_new(base, on_relay_timer, r);
    arm(r, conf->commit_ms);
}

void relay_stop(struct relay *r)
{
    if (r->timer != NULL)
        event_free(r->timer);
    r->timer = NULL;
    r->over = true;
}

void relay_open(struct relay *r, int status, const struct http_reply_field *f, size_t n,
                int64_t content_length)
{
    if (r->head_out)
        return;
    r->head_out = true;
    r->last_ms = clock_mono_ms();
    exchange_start(r->ex, status, f, n, content_length);
    if (r->timer != NULL && r->conf->heartbeat_ms > 0)
        arm(r, r->conf->heartbeat_ms);
    else if (r->timer != NULL)
        event_del(r->timer);
}

/* A CRLF stream's event may come without its last LF, which then follows alone. */
static bool ends_in_line_end(struct str bytes)
{
    return bytes.len >= 2 && memcmp(bytes.ptr + bytes.len - 2, "\n\r", 2) == 0;
}

/* A reader skips a byte order mark only where the stream begins, and behind a comment of ours
 * it does not: there the mark would take the first line, and its event, with it. */
static struct str skip_mark(struct str bytes)
{
    bool skip = str_starts(bytes, "\xEF\xBB\xBF");

    return skip ? (struct str){bytes.ptr + 3, bytes.len - 3} : bytes;
}

bool relay_bytes(struct relay *r, struct str bytes)
{
    if (r->any_beats && !r->any_bytes)
        bytes = skip_mark(bytes);
    r->in_line_end = ends_in_line_end(bytes);
    r->any_bytes = true;
    r->bytes += bytes.len;
    r->last_ms = clock_mono_ms();
    return exchange_write(r->ex, bytes.ptr, bytes.len);
}

/* What is not a vendor's begins with a line of its own: the LF that a CRLF still lacks goes in
 * front.  Should it come all the same, it is one more blank line, and no event. */
static void end_line(struct relay *r)
{
    if (r->in_line_end)
        (void)exchange_write(r->ex, "\n", 1);
    r->in_line_end = false;
}

/* An event that no vendor sent, in the client's dialect. */
static struct str make_event(const struct relay *r, const struct dialect_event *ev,
                             struct buf *text)
{
    buf_init(text, r->conf->event_max_bytes + EVENT_ROOM_BYTES);
    if (r->dialect->write_event(text, ev) < 0)
        buf_clear(text);
    return buf_str(text);
}

bool relay_event(struct relay *r, const struct dialect_event *ev)
{
    bool other_run = r->other_run, room;
    struct buf text;

    r->other_run = false;
    if (other_run || ev->raw.ptr == NULL)
        end_line(r);
    if (ev->raw.ptr != NULL)
        return relay_bytes(r, other_run && ev->data.len > 0 ? skip_mark(ev->raw) : ev->raw);
    room = relay_bytes(r, make_event(r, ev, &text));
    buf_release(&text);
    return room;
}

void relay_join(struct relay *r)
{
    r->other_run = true;
}

void relay_finish(struct relay *r, bool add_done)
{
    const char *end = r->dialect->stream_end;

    relay_stop(r);
    end_line(r); /* a DONE event ends a stream at its CR: the LF is not waited for */
    if (add_done)
        (void)exchange_write(r->ex, end, strlen(end));
    exchange_finish(r->ex);
}

void relay_fail_as(struct relay *r, struct str object)
{
    struct dialect_event ev = {.kind = DIALECT_ERROR, .data = object};
    struct buf text;

    relay_stop(r);
    if (object.len > 0) {
        struct str event = make_event(r, &ev, &text);

        end_line(r);
        (void)exchange_write(r->ex, event.ptr, event.len);
        buf_release(&text);
    }
    exchange_abort(r->ex);
}

void relay_fail(struct relay *r, const struct reply_error *e)
{
    struct buf object;

    buf_init(&object, 4096);
    if (reply_format(&object, r->dialect, e) < 0)
        buf_clear(&object);
    relay_fail_as(r, buf_str(&object));
    buf_release(&object);
}
