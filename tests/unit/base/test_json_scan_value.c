/* test_json_scan_value.c - the meaning of spans, and text on its way back into JSON. */
#include "base/json_scan.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <string.h>

#define TEXT(literal)                                                                          \
    {                                                                                          \
        (literal), sizeof(literal) - 1                                                         \
    }

/* clang-format off */
static const struct {
    struct str span;
    const char *want; /* NULL: refused */
} strings[] = {
    {TEXT("\"\""),                            ""},
    {TEXT("\"gpt-4.1\""),                     "gpt-4.1"},
    {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),  "\"\\/\b\f\n\r\t"},
    {TEXT("\"\\u0041\\u00e9\\u20AC\""),       "A\xC3\xA9\xE2\x82\xAC"},
    {TEXT("\"\\ud83d\\ude00\""),              "\xF0\x9F\x98\x80"},
    {TEXT("\"\\udbff\\udfff\""),              "\xF4\x8F\xBF\xBF"},
    {TEXT("\"caf\xC3\xA9\""),                 "caf\xC3\xA9"},
    {TEXT("\"\\u0000\""),                     NULL},
    {TEXT("\"\xC3\""),                        NULL},
    {TEXT("\"\xED\xA0\x80\""),                NULL},
    {TEXT("\"\\ud800\""),                     NULL},
    {TEXT("\"\\ud800x\""),                    NULL},
    {TEXT("\"\\ud800\\n\""),                  NULL},
    {TEXT("\"\\ud800\\u0041\""),              NULL},
    {TEXT("\"\\udc00\""),                     NULL},
    {TEXT("\"\\u12\""),                       NULL},
    {TEXT("\"\\q\""),                         NULL},
    {TEXT("\"\\\""),                          NULL},
    {TEXT("\"a\"b\""),                        NULL},
    {TEXT("\"a\nb\""),                        NULL},
    {TEXT("\"a\0b\""),                        NULL},
    {TEXT("\""),                              NULL},
    {TEXT(""),                                NULL},
    {TEXT("abc"),                             NULL},
    {TEXT("12"),                              NULL},
    {TEXT("null"),                            NULL},
};

static const struct {
    struct str span;
    int rc;
    int64_t want;
} ints[] = {
    {TEXT("0"), 0, 0}, {TEXT("-0"), 0, 0}, {TEXT("7"), 0, 7}, {TEXT("-42"), 0, -42},
    {TEXT("9223372036854775806"), 0, INT64_MAX - 1}, {TEXT("9223372036854775807"), 0, INT64_MAX},
    {TEXT("9223372036854775808"), -1, 0}, {TEXT("-9223372036854775808"), 0, INT64_MIN},
    {TEXT("-9223372036854775809"), -1, 0}, {TEXT("18446744073709551616"), -1, 0},
    {TEXT("99999999999999999999999999"), -1, 0},
    {TEXT("1e3"), 0, 1000}, {TEXT("1.5e1"), 0, 15}, {TEXT("7.0"), 0, 7}, {TEXT("100e-2"), 0, 1},
    {TEXT("0.000"), 0, 0}, {TEXT("0e999999999999999999999"), 0, 0}, {TEXT("1e18"), 0, 1000000000000000000},
    {TEXT("0.0010e3"), 0, 1}, {TEXT("1000000000000000000000e-18"), 0, 1000},
    {TEXT("1e19"), -1, 0}, {TEXT("1e999999999999999999999"), -1, 0}, {TEXT("1e-1"), -1, 0},
    {TEXT("1e-999999999999999999999"), -1, 0}, {TEXT("0.5"), -1, 0}, {TEXT("7.01"), -1, 0},
    {TEXT(""), -1, 0}, {TEXT("-"), -1, 0}, {TEXT("+1"), -1, 0}, {TEXT("01"), -1, 0},
    {TEXT("1 "), -1, 0}, {TEXT("\"1\""), -1, 0}, {TEXT("true"), -1, 0}, {TEXT("0x10"), -1, 0},
    {TEXT("1e"), -1, 0},
};

static const struct {
    struct str span;
    int rc;
    double want;
} doubles[] = {
    {TEXT("0"), 0, 0.0}, {TEXT("0.7"), 0, 0.7}, {TEXT("-1.5e3"), 0, -1500.0},
    {TEXT("2"), 0, 2.0}, {TEXT("1e308"), 0, 1e308}, {TEXT("1e-400"), 0, 0.0},
    {TEXT("1e309"), -1, 0}, {TEXT("inf"), -1, 0}, {TEXT("nan"), -1, 0}, {TEXT("0x1p3"), -1, 0},
    {TEXT("1,5"), -1, 0}, {TEXT(" 1"), -1, 0}, {TEXT("1."), -1, 0}, {TEXT(""), -1, 0},
};
/* clang-format on */

Test(json_scan_value, strings)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        char out[64];
        int rc = json_scan_string(strings[i].span, out, sizeof(out));

        cr_expect_eq(rc, strings[i].want != NULL ? 0 : -1, "row %zu", i);
        if (rc == 0 && strings[i].want != NULL)
            cr_expect_str_eq(out, strings[i].want, "row %zu", i);
    }
}

Test(json_scan_value, string_room_at_limit_minus_one_limit_and_plus_one)
{
    char out[5];

    cr_expect_eq(json_scan_string(STR("\"abc\""), out, sizeof(out)), 0);
    cr_expect_eq(json_scan_string(STR("\"abcd\""), out, sizeof(out)), 0);
    cr_expect_eq(json_scan_string(STR("\"abcde\""), out, sizeof(out)), -1);
    cr_expect_eq(json_scan_string(STR("\"a\\u20ac\""), out, sizeof(out)), 0);
    cr_expect_eq(json_scan_string(STR("\"ab\\u20ac\""), out, sizeof(out)), -1);
    cr_expect_eq(json_scan_string(STR("\"\""), out, 1), 0);
    cr_expect_eq(json_scan_string(STR("\"\""), out, 0), -1);
}

Test(json_scan_value, whole_numbers)
{
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        int64_t out = 12345;
        int rc = json_scan_int(ints[i].span, &out);

        cr_expect_eq(rc, ints[i].rc, "'%s'", ints[i].span.ptr);
        cr_expect_eq(out, rc == 0 ? ints[i].want : 12345, "'%s'", ints[i].span.ptr);
    }
}

static void expect_doubles(void)
{
    for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
        double out = 0;

        cr_expect_eq(json_scan_double(doubles[i].span, &out), doubles[i].rc, "'%s'",
                     doubles[i].span.ptr);
        cr_expect(out >= doubles[i].want && out <= doubles[i].want, "'%s': %g",
                  doubles[i].span.ptr, out);
    }
}

Test(json_scan_value, doubles)
{
    expect_doubles();
}

Test(json_scan_value, doubles_under_a_locale_with_a_decimal_comma)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "nl_NL.UTF-8"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (setlocale(LC_ALL, names[i]) != NULL)
            break;
    expect_doubles(); /* the same rows where no such locale is installed */
}

Test(json_scan_value, double_of_511_digits_is_the_last_one_read)
{
    char digits[513];
    double out;

    memset(digits, '1', sizeof(digits));
    memcpy(digits, "0.", 2);
    cr_expect_eq(json_scan_double((struct str){digits, 510}, &out), 0);
    cr_expect_eq(json_scan_double((struct str){digits, 511}, &out), 0);
    cr_expect_eq(json_scan_double((struct str){digits, 512}, &out), -1);
}

Test(json_scan_value, quote)
{
    static const struct {
        struct str text;
        const char *want;
    } cases[] = {
        {TEXT(""), "\"\""},
        {TEXT("plain"), "\"plain\""},
        {TEXT("a\"b\\c/"), "\"a\\\"b\\\\c/\""},
        {TEXT("\n\r\t\x01\0\x1F\x7F"), "\"\\n\\r\\t\\u0001\\u0000\\u001f\x7F\""},
        {TEXT("caf\xC3\xA9 \xF0\x9F\x98\x80"), "\"caf\xC3\xA9 \xF0\x9F\x98\x80\""},
        {TEXT("a\xFFz\xC3"), "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out;

        buf_init(&out, 200);
        cr_assert_eq(json_scan_quote(&out, cases[i].text), 0);
        cr_expect_str_eq(out.data, cases[i].want, "row %zu", i);
        buf_release(&out);
    }
}

Test(json_scan_value, quote_leaves_the_buffer_alone_when_it_does_not_fit)
{
    for (size_t max = 0; max < 16; max++) {
        struct buf out;

        buf_init(&out, max);
        cr_assert_eq(buf_append(&out, "x", max > 0), 0);
        cr_expect_eq(json_scan_quote(&out, STR("a\x01\xFF"
                                               "b")),
                     max < 14 ? -1 : 0, "max %zu", max);
        cr_expect_eq(out.len, max < 14 ? (size_t)(max > 0) : 14u);
        if (out.data != NULL)
            cr_expect_eq(out.data[out.len], '\0');
        buf_release(&out);
    }
}

Test(json_scan_value, what_was_quoted_reads_back)
{
    struct buf out;
    char text[256], back[256];

    for (size_t i = 0; i < 127; i++)
        text[i] = (char)(i + 1);
    buf_init(&out, 1000);
    cr_assert_eq(json_scan_quote(&out, (struct str){text, 127}), 0);
    cr_assert_eq(json_scan_string(buf_str(&out), back, sizeof(back)), 0);
    cr_expect_arr_eq(back, text, 127);
    buf_release(&out);
}
