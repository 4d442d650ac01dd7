/* test_utf8.c - every edge of the table of RFC 3629 section 4, and the way back. */
#include "base/utf8.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *name, *bytes;
    size_t want;
} cases[] = {
    {"ascii",                         "a",                1},
    {"delete is ascii",               "\x7F",             1},
    {"lone continuation",             "\x80",             0},
    {"overlong two bytes C0",         "\xC0\xAF",         0},
    {"overlong two bytes C1",         "\xC1\xBF",         0},
    {"first two-byte",                "\xC2\x80",         2},
    {"two bytes, ascii tail",         "\xC2\x41",         0},
    {"overlong three bytes",          "\xE0\x9F\xBF",     0},
    {"first three-byte",              "\xE0\xA0\x80",     3},
    {"last before the surrogates",    "\xED\x9F\xBF",     3},
    {"first surrogate",               "\xED\xA0\x80",     0},
    {"last surrogate",                "\xED\xBF\xBF",     0},
    {"first after the surrogates",    "\xEE\x80\x80",     3},
    {"three bytes, bad third",        "\xE2\x82\x41",     0},
    {"overlong four bytes",           "\xF0\x8F\xBF\xBF", 0},
    {"first four-byte",               "\xF0\x90\x80\x80", 4},
    {"U+10FFFF",                      "\xF4\x8F\xBF\xBF", 4},
    {"U+110000",                      "\xF4\x90\x80\x80", 0},
    {"F5",                            "\xF5\x80\x80\x80", 0},
    {"FF",                            "\xFF",             0},
    {"four bytes, bad fourth",        "\xF0\x9F\x98\x41", 0},
};
/* clang-format on */

/* clang-format off */
static const struct {
    uint32_t first, last; /* these and all between steer; their neighbours do not */
} steering[] = {
    {0x00, 0x1F}, {0x7F, 0x9F}, {0x61C, 0x61C}, {0x200E, 0x200F}, {0x202A, 0x202E}, {0x2066, 0x2069},
};
/* clang-format on */

Test(utf8, what_steers)
{
    for (uint32_t cp = 0, row = 0; cp < 0x11000; cp++) {
        if (cp >= 0xD800 && cp < 0xE000)
            continue;
        char bytes[4];
        size_t len = utf8_put(cp, bytes);
        const unsigned char *p = (const unsigned char *)bytes;

        cr_assert_eq(utf8_len(p, len), len, "U+%04X", (unsigned)cp);
        cr_assert_eq(utf8_get(p, len), cp, "U+%04X", (unsigned)cp);
        while (row < ARRAY_LEN(steering) && cp > steering[row].last)
            row++;
        cr_expect_eq(utf8_steers(cp), row < ARRAY_LEN(steering) && cp >= steering[row].first,
                     "U+%04X", (unsigned)cp);
    }
    cr_expect_eq(utf8_get((const unsigned char *)"\xF4\x8F\xBF\xBF", 4), 0x10FFFFu);
}

Test(utf8, edges_of_the_table)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const unsigned char *p = (const unsigned char *)cases[i].bytes;
        size_t n = strlen(cases[i].bytes);

        cr_expect_eq(utf8_len(p, n), cases[i].want, "row '%s'", cases[i].name);
        for (size_t cut = 0; cut < cases[i].want; cut++)
            cr_expect_eq(utf8_len(p, cut), 0u, "row '%s' cut to %zu", cases[i].name, cut);
    }
}

Test(utf8, put_is_the_inverse_for_every_code_point)
{
    for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
        char out[4];
        size_t n;

        if (cp == 0xD800)
            cp = 0xE000;
        n = utf8_put(cp, out);
        cr_assert_eq(utf8_len((const unsigned char *)out, n), n, "U+%04X", cp);
    }
}
