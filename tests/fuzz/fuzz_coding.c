/* fuzz_coding.c - any bytes as a coded body, in one piece and byte by byte: no crash, bounded
 * growth, the same text. */
#include "base/base.h"
#include "base/buf.h"
#include "upstream/coding.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TEXT_MAX ((size_t)64 << 20)

static int keep(void *arg, const char *data, size_t len)
{
    return buf_append(arg, data, len);
}

static enum coding_verdict read_all(enum coding c, const char *in, size_t size, size_t step,
                                    struct buf *out, bool *whole)
{
    struct coding_reader *r = coding_reader_new(c);
    enum coding_verdict v = CODING_FINE;

    for (size_t at = 0; at < size && v == CODING_FINE; at += step)
        v = coding_read(r, in + at, size - at < step ? size - at : step, keep, out);
    *whole = coding_is_whole(r);
    coding_reader_free(r);
    return v;
}

static void check(enum coding c, const char *in, size_t size)
{
    struct buf one, two;
    bool whole_one, whole_two;

    buf_init(&one, TEXT_MAX);
    buf_init(&two, TEXT_MAX);
    enum coding_verdict v = read_all(c, in, size, size > 0 ? size : 1, &one, &whole_one);
    enum coding_verdict w = read_all(c, in, size, 1, &two, &whole_two);

    assert(one.len <= CODING_GROWTH_FREE + CODING_GROWTH_MAX * (size + 1) + 16384);
    if (v == CODING_FINE && w == CODING_FINE) {
        assert(whole_one == whole_two && one.len == two.len);
        assert(one.len == 0 || memcmp(one.data, two.data, one.len) == 0);
    }
    buf_release(&one);
    buf_release(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *exact = malloc(size > 0 ? size : 1); /* a sanitizer sees a read beyond it */

    if (size > 0)
        memcpy(exact, data, size);
    check(CODING_GZIP, exact, size);
    check(CODING_DEFLATE, exact, size);
    free(exact);
    return 0;
}
