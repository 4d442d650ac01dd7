/* fuzz_sse.c - any bytes as an event stream: the raw spans are the stream, however it is split.
 */
#include "dialect/sse.h"

#include "dialect/dialect.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
    struct buf raw, data; /* all raw bytes; all data, each behind its name and a mark */
};

static bool inside(struct str part, struct str whole)
{
    return part.len == 0 ||
           (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static int on_event(void *arg, const struct sse_event *ev)
{
    struct seen *seen = arg;
    const struct dialect *d;

    for (size_t i = 0; (d = dialect_at(i)) != NULL; i++) {
        struct dialect_event out = {.kind = DIALECT_META};

        d->read_event(ev, &out);
        assert(str_eq(out.raw, ev->raw) && str_eq(out.data, ev->data));
    }
    assert(ev->raw.len > 0 && inside(ev->name, ev->raw));
    assert(ev->has_data || ev->data.len == 0);
    assert(buf_append_str(&seen->raw, ev->raw) == 0);
    if (ev->has_data) {
        assert(buf_append(&seen->data, "\n\r", 2) == 0);
        assert(buf_append_str(&seen->data, ev->name) == 0);
        assert(buf_append(&seen->data, "\r", 1) == 0);
        assert(buf_append_str(&seen->data, ev->data) == 0);
    }
    return 0;
}

/* Feeds the stream in pieces of at most step bytes, each in memory of exactly its size. */
static void run(const uint8_t *data, size_t size, size_t step, struct seen *seen)
{
    struct sse s;

    buf_init(&seen->raw, size);
    buf_init(&seen->data, 8 * size + 16);
    sse_init(&s, size);
    for (size_t at = 0; at < size;) {
        size_t n = size - at < step ? size - at : step;
        char *copy = malloc(n);

        memcpy(copy, data + at, n);
        assert(sse_feed(&s, copy, n, on_event, seen) == 0);
        free(copy);
        at += n;
    }
    assert(sse_pending(&s) == s.pending.len);
    assert(buf_append_str(&seen->raw, buf_str(&s.pending)) == 0);
    assert(seen->raw.len == size && (size == 0 || memcmp(seen->raw.data, data, size) == 0));
    sse_release(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct seen whole, split;
    size_t step = size > 0 ? 1 + data[size - 1] % 9 : 1;

    run(data, size, size, &whole);
    run(data, size, step, &split);
    assert(str_eq(buf_str(&whole.data), buf_str(&split.data)));
    buf_release(&whole.raw);
    buf_release(&whole.data);
    buf_release(&split.raw);
    buf_release(&split.data);
    return 0;
}
