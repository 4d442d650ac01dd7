/* call_answer.c - what curl hands over of an answer: its head, then its body.
 *
 * SOCKET  curl says on which one an exchange runs only when it has to be waited for, and reads on
 * before that where the vendor has answered already.  Who pauses then would have curl wait for
 * nothing and say nothing, and the socket would pass for idle, its bytes for stray ones.  So the
 * first pause waits until curl has said it: at most the 100 reads that it makes in one go.
 *
 * CHUNKS  come as the vendor sent them: see chunks.h.  A pause may fall between two pieces of
 * one read; curl keeps the whole read then, and what was taken of it is passed over when it
 * comes again. */
#include "base/clock.h"
#include "upstream/call.h"
#include "upstream/head.h"

#define TURN_BYTES     65536
#define HEAD_TOO_LARGE "fields of the answer exceed 65536 bytes"

static int deliver_head(struct upstream_call *c)
{
    struct http_field fields[UPSTREAM_FIELDS_MAX];
    struct upstream_head head = {.n_fields = 0};
    const char *why = upstream_head_parse(buf_str(&c->head), fields, &head);

    if (why != NULL) {
        upstream_call_fail(
            c, head.n_fields == UPSTREAM_FIELDS_MAX ? UPSTREAM_LIMIT : UPSTREAM_FRAMING, why);
        return -1;
    }
    if (head.status < 200) { /* interim: another head follows */
        buf_clear(&c->head);
        return 0;
    }
    c->head_done = true;
    c->chunked = http_field_get(fields, head.n_fields, "transfer-encoding").ptr != NULL;
    upstream_chunks_init(&c->chunks);
    if (c->ops.on_head != NULL)
        c->ops.on_head(c->arg, &head);
    upstream_call_give_head_back(c);
    return c->dead ? -1 : 0;
}

/* One line per call, its end included (CURLOPT_HEADERFUNCTION). */
size_t upstream_call_on_header(char *line, size_t size, size_t n, void *arg)
{
    struct upstream_call *c = arg;
    size_t len = size * n;

    if (c->dead || c->why != NULL)
        return 0;
    if (c->head_us == 0)
        c->head_us = clock_mono_us();
    c->head_bytes += len; /* interim heads count: they may not go on for ever */
    if (c->head_bytes > UPSTREAM_HEAD_MAX_BYTES) {
        bool one_head = !c->head_done && c->head_bytes == c->head.len + len;

        upstream_call_fail(c, one_head ? UPSTREAM_LIMIT : UPSTREAM_FRAMING, HEAD_TOO_LARGE);
        return 0;
    }
    if (c->head_done) /* a trailer, should curl take one out of what it hands over as data */
        return len;
    if (c->head.data == NULL && c->u->spare_head.data != NULL) {
        c->head = c->u->spare_head;
        buf_init(&c->u->spare_head, UPSTREAM_HEAD_MAX_BYTES);
    }
    if (buf_append(&c->head, line, len) < 0) {
        upstream_call_fail(c, UPSTREAM_INTERNAL, "out of memory for the answer's head");
        return 0;
    }
    if ((len == 2 && line[0] == '\r') || (len == 1 && line[0] == '\n'))
        return deliver_head(c) < 0 ? 0 : len;
    return len;
}

static void note_bad_chunk(struct upstream_call *c)
{
    upstream_call_fail(c, UPSTREAM_FRAMING, "the answer's body is not made of chunks");
}

/* Content comes next and is not wanted yet.  curl reads on in what it holds, and ends the
 * transfer where it finds a chunk that is none: so do we. */
static size_t hold_chunks(struct upstream_call *c, struct str in, size_t taken_bytes)
{
    struct upstream_chunks ahead = c->chunks;
    enum upstream_chunk what;
    struct str data;

    do
        what = upstream_chunks_next(&ahead, &in, &data);
    while (what == UPSTREAM_CHUNK_DATA);
    if (what == UPSTREAM_CHUNK_BAD)
        note_bad_chunk(c);
    c->taken_bytes = taken_bytes;
    c->held = true;
    return CURL_WRITEFUNC_PAUSE;
}

static bool may_hold(const struct upstream_call *c)
{
    return c->fd >= 0;
}

static size_t take_chunks(struct upstream_call *c, const char *bytes, size_t len)
{
    size_t again = c->taken_bytes < len ? c->taken_bytes : len;
    struct str in = {bytes + again, len - again}, data;

    c->taken_bytes -= again;
    for (;;) {
        struct upstream_chunks before = c->chunks;
        struct str rest = in;
        enum upstream_chunk what = upstream_chunks_next(&c->chunks, &in, &data);

        if (what == UPSTREAM_CHUNK_BAD)
            note_bad_chunk(c);
        if (c->head_bytes + c->chunks.trailer_bytes > UPSTREAM_HEAD_MAX_BYTES)
            upstream_call_fail(c, UPSTREAM_FRAMING, HEAD_TOO_LARGE);
        if (what != UPSTREAM_CHUNK_DATA)
            return c->why != NULL ? 0 : len;
        if (c->paused && may_hold(c)) {
            c->chunks = before;
            return hold_chunks(c, rest, len - rest.len);
        }
        if (c->ops.on_data != NULL)
            c->ops.on_data(c->arg, data.ptr, data.len);
        if (c->dead)
            return 0;
    }
}

size_t upstream_call_on_data(char *data, size_t size, size_t n, void *arg)
{
    struct upstream_call *c = arg;
    size_t len = size * n;

    if (c->dead || c->why != NULL)
        return 0;
    if (!c->head_done) {
        upstream_call_fail(c, UPSTREAM_FRAMING, "body bytes before a head");
        return 0;
    }
    if (c->turn_bytes >= TURN_BYTES && may_hold(c)) {
        upstream_call_yield(c);
        return CURL_WRITEFUNC_PAUSE;
    }
    c->turn_bytes += len;
    if (c->chunked)
        return take_chunks(c, data, len);
    if (c->paused && may_hold(c)) {
        c->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (c->ops.on_data != NULL && len > 0)
        c->ops.on_data(c->arg, data, len);
    return c->dead ? 0 : len;
}
