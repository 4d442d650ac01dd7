/* test_coding.c - codings that nobody asked for: which there are, what they hold, how far they
 * may grow. */
#include "upstream/coding.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <string.h>
#include <zlib.h>

static const struct {
    const char *one, *two; /* values of Content-Encoding; NULL: no such field */
    enum coding want;
} fields[] = {
    {NULL, NULL, CODING_IDENTITY},         {"identity", NULL, CODING_IDENTITY},
    {"", NULL, CODING_IDENTITY},           {"gzip", NULL, CODING_GZIP},
    {"GZip", NULL, CODING_GZIP},           {" x-gzip ", NULL, CODING_GZIP},
    {"identity, gzip", NULL, CODING_GZIP}, {"gzip", "identity", CODING_GZIP},
    {"deflate", NULL, CODING_DEFLATE},     {"br", NULL, CODING_OTHER},
    {"zstd", NULL, CODING_OTHER},          {"gzip, gzip", NULL, CODING_OTHER},
    {"gzip", "deflate", CODING_OTHER},     {"gzipped", NULL, CODING_OTHER},
    {"utf-8", NULL, CODING_OTHER},
};

Test(coding, is_what_all_fields_say)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct http_field f[] = {{STR("Content-Type"), STR("gzip")},
                                 {STR("content-ENCODING"), str_of(fields[i].one)},
                                 {STR("Content-Encoding"), str_of(fields[i].two)}};
        struct upstream_head h = {.status = 200,
                                  .fields = f,
                                  .n_fields = fields[i].two != NULL   ? 3u
                                              : fields[i].one != NULL ? 2u
                                                                      : 1u};

        cr_expect_eq(coding_of(&h), fields[i].want, "%s", fields[i].one);
    }
}

static size_t pack(int window, const void *text, size_t len, unsigned char *out, size_t cap)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)text,
                  .avail_in = (uInt)len,
                  .next_out = out,
                  .avail_out = (uInt)cap};

    cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = cap - z.avail_out;

    deflateEnd(&z);
    return n;
}

static int keep(void *arg, const char *data, size_t len)
{
    return buf_append(arg, data, len);
}

/* Decodes in pieces of step bytes. */
static enum coding_verdict unpack(enum coding c, const unsigned char *in, size_t len,
                                  size_t step, struct buf *out, bool *whole)
{
    struct coding_reader *r = coding_reader_new(c);
    enum coding_verdict v = CODING_FINE;

    for (size_t at = 0; at < len && v == CODING_FINE; at += step)
        v = coding_read(r, (const char *)in + at, len - at < step ? len - at : step, keep, out);
    *whole = coding_is_whole(r);
    coding_reader_free(r);
    return v;
}

static const struct {
    const char *name;
    enum coding coding;
    int window;
} forms[] = {{"gzip", CODING_GZIP, 31},
             {"deflate, as it should be", CODING_DEFLATE, 15},
             {"deflate, bare", CODING_DEFLATE, -15}};

Test(coding, reads_every_form_however_it_is_cut)
{
    static char text[100000];
    static unsigned char packed[200000];
    static const size_t steps[] = {1, 2, 7, 1000, sizeof(packed)};

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)('a' + i * i % 23 + i % 3);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        size_t n = pack(forms[i].window, text, sizeof(text), packed, sizeof(packed));

        for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
            struct buf out;
            bool whole;

            buf_init(&out, sizeof(text));
            cr_expect_eq(unpack(forms[i].coding, packed, n, steps[k], &out, &whole),
                         CODING_FINE, "row '%s' by %zu", forms[i].name, steps[k]);
            cr_expect(whole && out.len == sizeof(text) && memcmp(out.data, text, out.len) == 0,
                      "row '%s' by %zu: %zu", forms[i].name, steps[k], out.len);
            buf_clear(&out);
            cr_expect_eq(unpack(forms[i].coding, packed, n - 1, steps[k], &out, &whole),
                         CODING_FINE);
            cr_expect_not(whole, "row '%s': one byte is missing", forms[i].name);
            buf_release(&out);
        }
    }
}

Test(coding, several_members_are_one_text)
{
    unsigned char packed[200];
    size_t n = pack(31, "hel", 3, packed, sizeof(packed));
    struct buf out;
    bool whole;

    n += pack(31, "lo", 2, packed + n, sizeof(packed) - n);
    buf_init(&out, 100);
    cr_expect_eq(unpack(CODING_GZIP, packed, n, 1, &out, &whole), CODING_FINE);
    cr_expect_str_eq(out.data, "hello");
    cr_expect(whole);
    packed[n] = 'x';
    cr_expect_eq(unpack(CODING_GZIP, packed, n + 1, 1, &out, &whole), CODING_FINE);
    cr_expect_not(whole, "the beginning of nothing");
    packed[n + 1] = 'y';
    cr_expect_eq(unpack(CODING_GZIP, packed, n + 2, 1, &out, &whole), CODING_BROKEN);
    buf_release(&out);
}

Test(coding, what_is_none_is_broken)
{
    static const struct {
        enum coding coding;
        const char *bytes;
    } rows[] = {{CODING_GZIP, "{\"choices\":[]}"},
                {CODING_DEFLATE, "\x78\x9c{\"choices\":[]}"},
                {CODING_DEFLATE, "{\"choices\":[]}"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;
        bool whole;
        size_t len = strlen(rows[i].bytes);

        buf_init(&out, 1000);
        enum coding_verdict v =
            unpack(rows[i].coding, (const unsigned char *)rows[i].bytes, len, 3, &out, &whole);

        cr_expect(v == CODING_BROKEN || !whole, "row %zu", i);
        buf_release(&out);
    }
}

Test(coding, growth_is_bounded)
{
    static char zeros[64 << 20];
    static unsigned char packed[1 << 20];
    size_t n = pack(31, zeros, sizeof(zeros), packed, sizeof(packed));
    struct buf out;
    bool whole;

    buf_init(&out, sizeof(zeros));
    cr_expect_eq(unpack(CODING_GZIP, packed, n, 8192, &out, &whole), CODING_TOO_LARGE);
    cr_expect_lt(out.len, (size_t)4 << 20);
    buf_clear(&out);
    n = pack(31, zeros, CODING_GROWTH_FREE, packed, sizeof(packed));
    cr_expect_eq(unpack(CODING_GZIP, packed, n, 8192, &out, &whole), CODING_FINE);
    cr_expect_eq(out.len, CODING_GROWTH_FREE, "so much is free");
    buf_release(&out);
}
