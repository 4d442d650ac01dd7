/* sse.c - Server-Sent Events out of a byte stream; sse.h has the contract.
 *
 * Each byte is looked at once to find where an event ends (three booleans carry over from feed
 * to feed) and once more when the whole event is read.  An event that lies within one feed is
 * given out where it is; only one that is cut by the end of a feed is copied to `pending`, and
 * only its bytes.
 *
 * An event ends with the first byte of its blank line's end.  Behind a CR a LF may follow that
 * belongs to the same line end.  Waiting for it would hold every event of a CR stream back
 * until the next one, so nobody waits: a LF already here goes with its event, a later one goes
 * alone. Behind a blank line, a lone LF is one more blank line to every reader.
 */
#include "dialect/sse.h"

#include <stdint.h>
#include <string.h>

#define KEEP_BYTES 4096 /* memory that a quiet stream may keep per buffer */

bool sse_is_type(struct str content_type)
{
    struct str parameters;

    return str_ieqz(str_trim(str_split(content_type, ';', &parameters)), "text/event-stream");
}

void sse_init(struct sse *s, size_t event_max_bytes)
{
    *s = (struct sse){0};
    buf_init_charged(&s->pending, event_max_bytes);
    buf_init_charged(&s->data, event_max_bytes);
}

void sse_release(struct sse *s)
{
    buf_release(&s->pending);
    buf_release(&s->data);
}

void sse_one_line(struct buf *b, size_t from)
{
    for (size_t i = from; i < b->len; i++)
        if (b->data[i] == '\n' || b->data[i] == '\r')
            b->data[i] = ' ';
}

size_t sse_pending(const struct sse *s)
{
    return s->pending.len;
}

bool sse_is_under_way(const struct sse *s)
{
    return s->pending.len > 0 && s->pending.data[0] != ':';
}

#define EACH_BYTE(c) (0x0101010101010101ULL * (c))

static bool has_byte(uint64_t word, unsigned char c)
{
    uint64_t w = word ^ EACH_BYTE(c);

    return ((w - EACH_BYTE(1)) & ~w & EACH_BYTE(0x80)) != 0;
}

/* Bytes in front of the first CR or LF; len when there is none.  One loop for both: two
 * memchr() would each search far beyond the other's find. */
static size_t line_length(const char *p, size_t len)
{
    size_t i = 0;

    for (; len - i >= 8; i += 8) {
        uint64_t w;

        memcpy(&w, p + i, 8);
        if (has_byte(w, '\n') || has_byte(w, '\r'))
            break;
    }
    while (i < len && p[i] != '\n' && p[i] != '\r')
        i++;
    return i;
}

/* Goes on to the end of the current event; returns the bytes taken.  *ended is false when all
 * were taken and the event goes on. */
static size_t find_end(struct sse *s, const char *p, size_t len, bool *ended)
{
    size_t i = 0;

    *ended = false;
    if (s->after_cr && p[0] == '\n') {
        i = 1;
        *ended = s->pending.len == 0; /* its event is gone already */
    }
    s->after_cr = false;
    while (i < len && !*ended) {
        size_t n = line_length(p + i, len - i);

        s->line_used = s->line_used || n > 0;
        i += n;
        if (i == len)
            break;
        if (p[i++] == '\r') {
            s->after_cr = i == len;
            i += i < len && p[i] == '\n';
        }
        *ended = !s->line_used;
        s->line_used = false;
    }
    return i;
}

/* The first line of *rest without its end, which is dropped as well. */
static struct str take_line(struct str *rest)
{
    size_t n = line_length(rest->ptr, rest->len), end = n;
    struct str line = {rest->ptr, n};

    if (end < rest->len && rest->ptr[end++] == '\r')
        end += end < rest->len && rest->ptr[end] == '\n';
    *rest = (struct str){rest->ptr + end, rest->len - end};
    return line;
}

/* One more data line.  The first is a span of the event; only a second makes a copy. */
static int add_data(struct sse *s, struct sse_event *ev, struct str value)
{
    if (!ev->has_data) {
        ev->has_data = true;
        ev->data = value;
        return 0;
    }
    if (s->data.len == 0 && buf_append_str(&s->data, ev->data) < 0)
        return -1;
    if (buf_append(&s->data, "\n", 1) < 0 || buf_append_str(&s->data, value) < 0)
        return -1;
    ev->data = buf_str(&s->data);
    return 0;
}

static int read_fields(struct sse *s, struct sse_event *ev)
{
    struct str rest = ev->raw;

    s->data.len = 0;
    if (!s->any && str_starts(rest, "\xEF\xBB\xBF"))
        rest = (struct str){rest.ptr + 3, rest.len - 3};
    while (rest.len > 0) {
        struct str value, line = take_line(&rest), field = str_split(line, ':', &value);

        if (value.len > 0 && value.ptr[0] == ' ')
            value = (struct str){value.ptr + 1, value.len - 1};
        if (str_eqz(field, "data") && add_data(s, ev, value) < 0)
            return -1;
        if (str_eqz(field, "event"))
            ev->name = value;
    }
    return 0;
}

static void shed_memory(struct buf *b)
{
    if (b->len == 0 && b->cap > KEEP_BYTES)
        buf_release(b);
}

int sse_feed(struct sse *s, const void *data, size_t len,
             int (*on_event)(void *arg, const struct sse_event *ev), void *arg)
{
    const char *p = data;

    while (len > 0 && !s->failed) {
        bool ended;
        size_t n = find_end(s, p, len, &ended);
        struct sse_event ev = {.raw = {p, n}};

        s->failed = n > s->pending.max - s->pending.len;
        if (s->failed)
            break;
        if ((!ended || s->pending.len > 0) && buf_append(&s->pending, p, n) < 0) {
            s->failed = true;
            break;
        }
        p += n;
        len -= n;
        if (!ended)
            break;
        if (s->pending.len > 0)
            ev.raw = buf_str(&s->pending);
        s->pending.len = 0; /* its bytes stay where they are until the next append */
        if (read_fields(s, &ev) < 0) {
            s->failed = true;
            break;
        }
        s->any = true;
        int rc = on_event(arg, &ev);

        if (rc != 0)
            return rc;
    }
    s->data.len = 0;
    shed_memory(&s->data);
    shed_memory(&s->pending);
    return s->failed ? -1 : 0;
}
