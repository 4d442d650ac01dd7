/* fuzz_http1_body.c - hostile bodies: no crash, no byte over the cap, and one verdict however
 * they are split.  The first byte picks the framing: below 128 a Content-Length of that many
 * bytes, else chunked. */
#include "http/http1_body.h"

#include <stdlib.h>
#include <string.h>

#define MAX 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

struct run {
    enum http_parse r;
    struct http_verdict verdict;
    size_t used;
    struct buf out;
};

static struct run run(const char *data, size_t size, int64_t length, size_t step)
{
    struct run x = {.r = HTTP_PARSE_MORE};
    struct http1_body b;

    buf_init(&x.out, MAX);
    http1_body_init(&b, length, MAX, 16);
    do {
        size_t n = step == 0 || step > size - x.used ? size - x.used : step, used;

        x.r = http1_body_read(&b, data + x.used, n, &used, &x.out);
        check(used <= n && (x.r != HTTP_PARSE_MORE || used == n));
        x.used += used;
    } while (x.r == HTTP_PARSE_MORE && x.used < size);
    x.verdict = b.verdict;
    check(x.out.len <= MAX);
    check(x.r != HTTP_PARSE_DONE || length < 0 || x.out.len == (size_t)length);
    return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t steps[] = {1, 2, 3, 17};

    if (size == 0)
        return 0;
    int64_t length = data[0] < 128 ? data[0] : -1;
    const char *text = (const char *)data + 1;
    struct run whole = run(text, size - 1, length, 0);

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct run split = run(text, size - 1, length, steps[i]);

        check(split.r == whole.r && split.verdict.status == whole.verdict.status);
        check(split.used == whole.used);
        check(whole.r != HTTP_PARSE_DONE || str_eq(buf_str(&split.out), buf_str(&whole.out)));
        buf_release(&split.out);
    }
    buf_release(&whole.out);
    return 0;
}
