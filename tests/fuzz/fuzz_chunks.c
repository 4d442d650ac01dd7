/* fuzz_chunks.c - hostile chunks of a region: no crash, no byte that was not sent, and one
 * verdict and one content however they are split. */
#include "upstream/chunks.h"

#include "base/buf.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

struct run {
    enum upstream_chunk what;
    size_t used;
    struct buf content;
};

static bool is_over(enum upstream_chunk what)
{
    return what == UPSTREAM_CHUNK_END || what == UPSTREAM_CHUNK_BAD;
}

static struct run run(const char *bytes, size_t size, size_t step)
{
    struct run x = {.what = UPSTREAM_CHUNK_MORE};
    struct upstream_chunks c;
    struct str piece;

    buf_init(&x.content, size + 1);
    upstream_chunks_init(&c);
    while (x.used < size && !is_over(x.what)) {
        size_t n = step == 0 || step > size - x.used ? size - x.used : step;
        struct str in = {bytes + x.used, n};

        while ((x.what = upstream_chunks_next(&c, &in, &piece)) == UPSTREAM_CHUNK_DATA) {
            check(piece.len > 0 && piece.ptr + piece.len == in.ptr);
            check(buf_append_str(&x.content, piece) == 0);
        }
        check(is_over(x.what) || in.len == 0);
        x.used += n - in.len;
    }
    check(c.trailer_bytes <= x.used && x.content.len <= x.used);
    struct str more = {"2\r\nok\r\n", 7};

    check(!is_over(x.what) || upstream_chunks_next(&c, &more, &piece) == x.what);
    return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 3, 17};
    struct run whole = run((const char *)data, size, 0);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct run split = run((const char *)data, size, steps[i]);

        check(split.what == whole.what && split.used == whole.used);
        check(str_eq(buf_str(&split.content), buf_str(&whole.content)));
        buf_release(&split.content);
    }
    buf_release(&whole.content);
    return 0;
}
