/* test_http1_body.c - where a body ends, byte by byte and in one piece; every refusal. */
#include "http/http1_body.h"

#include <criterion/criterion.h>
#include <string.h>

#define EXT_MAX 12
#define MAX     20

/* clang-format off */
static const struct { /* sections are RFC 9112's */
    const char *name, *text;
    int64_t length;   /* -1: chunked */
    int status;       /* 0: complete; 1: more is wanted; else the refusal's */
    const char *body; /* content, when complete */
    size_t rest;      /* bytes behind the body */
} rows[] = {
    {"length",                         "hello!", 5, 0, "hello", 1},
    {"length, cut",                    "hell", 5, 1, NULL, 0},
    {"length zero",                    "GET", 0, 0, "", 3},
    {"length at the cap",              "12345678901234567890", 20, 0, "12345678901234567890", 0},
    {"length over the cap",            "", 21, 413, NULL, 0},
    {"one chunk, 7.1",                 "5\r\nhello\r\n0\r\n\r\nGET", -1, 0, "hello", 3},
    {"hexadecimal in both cases",      "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", -1, 0, "01234567890123456789", 0},
    {"leading zeros",                  "0005\r\nhello\r\n000\r\n\r\n", -1, 0, "hello", 0},
    {"CRLF in the data is data",       "4\r\n\r\n\r\n\r\n0\r\n\r\n", -1, 0, "\r\n\r\n", 0},
    {"no content",                     "0\r\n\r\n", -1, 0, "", 0},
    {"cut before the last line",       "5\r\nhello\r\n0\r\n", -1, 1, NULL, 0},
    {"sum at the cap",                 "13\r\n1234567890123456789\r\n1\r\nx\r\n0\r\n\r\n", -1, 0, "1234567890123456789x", 0},
    {"sum over the cap",               "13\r\n1234567890123456789\r\n2\r\n", -1, 413, NULL, 0},
    {"one chunk over the cap",         "15\r\n", -1, 413, NULL, 0},
    {"16 digits, over the cap",        "ffffffffffffffff\r\n", -1, 413, NULL, 0},
    {"16 digits of zeros",             "0000000000000001\r\nx\r\n0\r\n\r\n", -1, 0, "x", 0},
    {"17 digits, 7.1",                 "00000000000000001\r\n", -1, 400, NULL, 0},
    {"64 bits and one more",           "10000000000000005\r\n", -1, 400, NULL, 0},
    {"empty size, 7.1",                "\r\nhello", -1, 400, NULL, 0},
    {"sign, 7.1",                      "+5\r\nhello\r\n", -1, 400, NULL, 0},
    {"minus, 7.1",                     "-1\r\n", -1, 400, NULL, 0},
    {"0x, 7.1",                        "0x5\r\nhello\r\n", -1, 400, NULL, 0},
    {"space in front, 7.1",            " 5\r\nhello\r\n", -1, 400, NULL, 0},
    {"space behind, 7.1.1",            "5 \r\nhello\r\n", -1, 400, NULL, 0},
    {"bare LF behind the size, 2.2",   "5\nhello\r\n", -1, 400, NULL, 0},
    {"bare CR behind the size, 2.2",   "5\rhello\r\n", -1, 400, NULL, 0},
    {"no CRLF behind the data, 7.1",   "5\r\nhello0\r\n\r\n", -1, 400, NULL, 0},
    {"LF behind the data, 7.1",        "5\r\nhello\n0\r\n\r\n", -1, 400, NULL, 0},
    {"CR alone behind the data, 7.1",  "5\r\nhello\r0\r\n\r\n", -1, 400, NULL, 0},
    {"data longer than its size",      "4\r\nhello\r\n", -1, 400, NULL, 0},
    {"not a digit",                    "g\r\n", -1, 400, NULL, 0},
    /* extensions, 7.1.1 */
    {"extension",                      "1;a\r\nx\r\n0;b=c\r\n\r\n", -1, 0, "x", 0},
    {"quoted extension",               "1;a=\"b;\\\"c\"\r\nx\r\n0\r\n\r\n", -1, 0, "x", 0},
    {"BWS around",                     "1 ; a = b ;c\r\nx\r\n0\r\n\r\n", -1, 0, "x", 0},
    {"12 bytes",                       "1;abcdefghijk\r\nx\r\n0\r\n\r\n", -1, 0, "x", 0},
    {"13 bytes",                       "1;abcdefghijkl\r\n", -1, 400, NULL, 0},
    {"each chunk has its own 12",      "1;abcdefghijk\r\nx\r\n1;abcdefghijk\r\ny\r\n0\r\n\r\n", -1, 0, "xy", 0},
    {"no name",                        "1;\r\n", -1, 400, NULL, 0},
    {"no value",                       "1;a=\r\n", -1, 400, NULL, 0},
    {"name not a token",               "1;a(\r\n", -1, 400, NULL, 0},
    {"open quote",                     "1;a=\"b\r\n", -1, 400, NULL, 0},
    {"behind a quote",                 "1;a=\"b\"c\r\n", -1, 400, NULL, 0},
    {"LF within",                      "1;a\nb\r\n", -1, 400, NULL, 0},
    {"space at the end",               "1;a \r\n", -1, 400, NULL, 0},
    /* trailers, 7.1.2 */
    {"trailer",                        "1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\nG", -1, 0, "x", 1},
    {"trailer without a name",         "0\r\n: b\r\n\r\n", -1, 400, NULL, 0},
    {"trailer folded",                 "0\r\nA: b\r\n c\r\n\r\n", -1, 400, NULL, 0},
    {"trailer with a space",           "0\r\nA : b\r\n\r\n", -1, 400, NULL, 0},
    {"trailer without a colon",        "0\r\nA\r\n\r\n", -1, 400, NULL, 0},
    {"trailer with a bare LF",         "0\r\nA: b\n\r\n", -1, 400, NULL, 0},
    {"trailer with a bare CR",         "0\r\nA: b\rc\r\n\r\n", -1, 400, NULL, 0},
    {"last line with a bare LF",       "0\r\n\n", -1, 400, NULL, 0},
    {"last line with two CR",          "0\r\n\r\r\n", -1, 400, NULL, 0},
};
/* clang-format on */

struct run {
    int status;
    size_t used;
    struct buf out;
};

/* step 0: all in one call. */
static struct run run(const char *text, size_t len, int64_t length, size_t step)
{
    struct http1_body b;
    struct run r = {.status = 1};
    enum http_parse verdict;

    buf_init(&r.out, MAX);
    http1_body_init(&b, length, MAX, EXT_MAX);
    do {
        size_t n = step == 0 || step > len - r.used ? len - r.used : step, used;

        verdict = http1_body_read(&b, text + r.used, n, &used, &r.out);
        cr_assert_leq(used, n);
        r.used += used;
    } while (verdict == HTTP_PARSE_MORE && r.used < len);
    if (verdict == HTTP_PARSE_DONE)
        r.status = 0;
    if (verdict == HTTP_PARSE_REFUSED)
        r.status = b.verdict.status;
    return r;
}

Test(http1_body, verdicts_at_every_step)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].text);

        for (size_t step = 0; step <= 7; step++) {
            struct run r = run(rows[i].text, len, rows[i].length, step);

            cr_expect_eq(r.status, rows[i].status, "row '%s' step %zu: %d", rows[i].name, step,
                         r.status);
            if (r.status == 0) {
                cr_expect(str_eqz(buf_str(&r.out), rows[i].body), "row '%s' step %zu: '%s'",
                          rows[i].name, step, r.out.data);
                cr_expect_eq(len - r.used, rows[i].rest, "row '%s'", rows[i].name);
            }
            buf_release(&r.out);
        }
    }
}

Test(http1_body, nul_in_the_framing_is_refused)
{
    static const char text[] = "1;a=b\r\nx\r\n0\r\nT: v\r\n\r\n";

    for (size_t at = 0; at < sizeof(text) - 1; at++) {
        char copy[sizeof(text)];

        memcpy(copy, text, sizeof(text));
        copy[at] = '\0';
        struct run r = run(copy, sizeof(text) - 1, -1, 0);

        cr_expect_eq(r.status, at == 7 ? 0 : 400, "NUL at %zu", at); /* 7 is content */
        buf_release(&r.out);
    }
}

Test(http1_body, trailer_section_at_limit_minus_one_limit_and_plus_one)
{
    for (size_t total = HTTP_TRAILER_MAX_BYTES - 1; total <= HTTP_TRAILER_MAX_BYTES + 1;
         total++) {
        struct buf text;

        buf_init(&text, 2 * HTTP_TRAILER_MAX_BYTES);
        cr_assert_eq(buf_appendf(&text, "0\r\nA:"), 0);
        while (text.len < 3 + total - 4) /* "0\r\n" in front, two line ends behind */
            cr_assert_eq(buf_append(&text, "v", 1), 0);
        cr_assert_eq(buf_appendf(&text, "\r\n\r\n"), 0);
        struct run r = run(text.data, text.len, -1, 1);

        cr_expect_eq(r.status, total <= HTTP_TRAILER_MAX_BYTES ? 0 : 431, "%zu: %d", total,
                     r.status);
        buf_release(&r.out);
        buf_release(&text);
    }
}
