/* test_json_scan.c - what is JSON and what is not, where it goes wrong, and what was found. */
#include "base/json_scan.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(literal) (literal), sizeof(literal) - 1

/* Scans a copy in memory of exactly its size, so that a sanitizer sees any read beyond it. */
static int scan_exact(const char *text, size_t len, size_t depth_max,
                      struct json_scan_error *err)
{
    char *copy = malloc(len > 0 ? len : 1);

    memcpy(copy, text, len);
    int rc = json_scan((struct str){copy, len}, depth_max, NULL, 0, err);

    free(copy);
    return rc;
}

/* clang-format off */
static const struct { /* each stands as a value: {"v":...} */
    const char *text;
    size_t len;
    bool valid;
} values[] = {
    {TEXT("null"), true}, {TEXT("true"), true}, {TEXT("false"), true},
    {TEXT("nul"), false}, {TEXT("nulll"), false}, {TEXT("True"), false}, {TEXT("NaN"), false},
    {TEXT("Infinity"), false}, {TEXT("-Infinity"), false}, {TEXT("undefined"), false},
    {TEXT(""), false}, {TEXT("\0"), false}, {TEXT("1\0"), false}, {TEXT("\"\"\0"), false},
    /* numbers */
    {TEXT("0"), true}, {TEXT("-0"), true}, {TEXT("-1"), true}, {TEXT("10"), true},
    {TEXT("0.5"), true}, {TEXT("1e5"), true}, {TEXT("1E+5"), true}, {TEXT("1.25e-5"), true},
    {TEXT("0e1"), true}, {TEXT("-0.0"), true}, {TEXT("1e99999"), true},
    {TEXT("123456789012345678901234567890"), true},
    {TEXT("01"), false}, {TEXT("-01"), false}, {TEXT("+1"), false}, {TEXT("-"), false},
    {TEXT("1."), false}, {TEXT(".5"), false}, {TEXT("1.e5"), false}, {TEXT("1e"), false},
    {TEXT("1e+"), false}, {TEXT("0x1"), false}, {TEXT("1 2"), false}, {TEXT("--1"), false},
    {TEXT("1a"), false}, {TEXT("1_000"), false}, {TEXT("1.5.5"), false}, {TEXT("- 1"), false},
    /* strings */
    {TEXT("\"\""), true}, {TEXT("\"a\""), true}, {TEXT("\"abcdefgh\""), true},
    {TEXT("\"abcdefg\\\"\""), true}, {TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), true},
    {TEXT("\"\\u0000\""), true}, {TEXT("\"\\u00e9\\uABCD\""), true}, {TEXT("\"\x7F\""), true},
    {TEXT("\"\\ud83d\\ude00\""), true}, {TEXT("\"\\ud800\""), true}, {TEXT("\"\\udc00x\""), true},
    {TEXT("\"a"), false}, {TEXT("\""), false}, {TEXT("\"\\\""), false}, {TEXT("'a'"), false},
    {TEXT("\"\\x41\""), false}, {TEXT("\"\\u12\""), false}, {TEXT("\"\\u12G4\""), false},
    {TEXT("\"\\U0041\""), false}, {TEXT("\"\\\0\""), false}, {TEXT("\"\\"), false},
    {TEXT("\"\n\""), false}, {TEXT("\"\t\""), false}, {TEXT("\"abcdefgh\x1F\""), false},
    {TEXT("\"a\0b\""), false}, {TEXT("\"a\" \"b\""), false}, {TEXT("a"), false},
    /* UTF-8: the table of sequences is in test_utf8.c */
    {TEXT("\"\xC3\xA9\""), true}, {TEXT("\"\xE2\x82\xAC\""), true},
    {TEXT("\"\xF0\x9F\x98\x80\""), true}, {TEXT("\"1234567\xC3\xA9\""), true},
    {TEXT("\"\xC3\""), false}, {TEXT("\"\xED\xA0\x80\""), false}, {TEXT("\"\xC0\xAF\""), false},
    {TEXT("\"\xFF\""), false}, {TEXT("\"1234567\x80\""), false}, {TEXT("\xC3\xA9"), false},
    {TEXT("\"\xF0\x9F\x98"), false},
    /* arrays and objects */
    {TEXT("[]"), true}, {TEXT("[ ]"), true}, {TEXT("[1]"), true}, {TEXT("[1 , 2]"), true},
    {TEXT("[[],{}]"), true}, {TEXT("{}"), true}, {TEXT("{ }"), true},
    {TEXT("{\"a\":1}"), true}, {TEXT("{\"a\":[{\"b\":[]}],\"c\":{}}"), true},
    {TEXT("{\"a\":1,\"a\":2}"), true}, {TEXT("{\"\":0}"), true}, {TEXT("[\r\n\t 1\n]"), true},
    {TEXT("[1,]"), false}, {TEXT("[,1]"), false}, {TEXT("[1 2]"), false}, {TEXT("["), false},
    {TEXT("[1"), false}, {TEXT("[1,"), false}, {TEXT("]"), false}, {TEXT("[}"), false},
    {TEXT("{]"), false}, {TEXT("[1}"), false}, {TEXT("{\"a\":1]"), false}, {TEXT("{"), false},
    {TEXT("{\"a\"}"), false}, {TEXT("{\"a\":}"), false}, {TEXT("{\"a\":1,}"), false},
    {TEXT("{,}"), false}, {TEXT("{a:1}"), false}, {TEXT("{1:1}"), false}, {TEXT("{null:1}"), false},
    {TEXT("{\"a\" 1}"), false}, {TEXT("{\"a\"::1}"), false}, {TEXT("{\"a\":1 \"b\":2}"), false},
    {TEXT("[1]]"), false}, {TEXT("[1]x"), false}, {TEXT("[1,,2]"), false}, {TEXT("[\f]"), false},
    {TEXT("[\xC2\xA0]"), false}, {TEXT("// x\n1"), false}, {TEXT("/**/1"), false},
};
/* clang-format on */

Test(json_scan, grammar)
{
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[256];
        size_t n = 0;

        memcpy(text, "{\"v\":", 5);
        memcpy(text + 5, values[i].text, values[i].len);
        n = 5 + values[i].len;
        text[n++] = '}';
        cr_expect_eq(scan_exact(text, n, 10, NULL), values[i].valid ? 0 : -1, "value %zu '%s'",
                     i, values[i].text);
        for (size_t cut = 0; cut < n; cut++)
            cr_expect_eq(scan_exact(text, cut, 10, NULL), -1, "value %zu cut to %zu", i, cut);
    }
}

/* clang-format off */
static const struct {
    const char *text;
    size_t len, offset, line, column;
    const char *what;
} refused[] = {
    {TEXT(""),                        0, 1, 1,  "the text is empty"},
    {TEXT(" \n"),                     2, 2, 1,  "the text ends: expected '{': the text must be a JSON object"},
    {TEXT("[1]"),                     0, 1, 1,  "expected '{': the text must be a JSON object"},
    {TEXT("\xEF\xBB\xBF{}"),          0, 1, 1,  "a byte order mark is not allowed"},
    {TEXT("{} x"),                    3, 1, 4,  "expected nothing behind the object"},
    {TEXT("{}\n{}"),                  3, 2, 1,  "expected nothing behind the object"},
    {TEXT("{\"a\":1 \"b\":2}"),       7, 1, 8,  "expected ',' or '}'"},
    {TEXT("{\"a\":[1\n,2\n 3]}"),     12, 3, 2, "expected ',' or ']'"},
    {TEXT("{\"a\":{\"b\":1]}"),       11, 1, 12, "expected ',' or '}'"},
    {TEXT("{\"a\" 1}"),               5, 1, 6,  "expected ':'"},
    {TEXT("{a:1}"),                   1, 1, 2,  "expected a member name in double quotes"},
    {TEXT("{\"a\":1,}"),              7, 1, 8,  "expected a member name in double quotes"},
    {TEXT("{\"a\":[1,]}"),            8, 1, 9,  "expected a value"},
    {TEXT("{\"a\":"),                 5, 1, 6,  "the text ends: expected a value"},
    {TEXT("{\"a\":\"b"),              7, 1, 8,  "the text ends: expected the string's closing '\"'"},
    {TEXT("{\"a\":\"b\n\"}"),         7, 1, 8,  "a control byte in a string must be escaped"},
    {TEXT("{\"a\":\"b\xFF\"}"),       7, 1, 8,  "the string is not valid UTF-8"},
    {TEXT("{\"a\":\"\\x\"}"),         7, 1, 8,  "expected one of \"\\/bfnrtu behind a backslash"},
    {TEXT("{\"a\":\"\\u00g0\"}"),     10, 1, 11, "expected four hex digits behind \\u"},
    {TEXT("{\"a\":01}"),              6, 1, 7,  "a number must not start with 0"},
    {TEXT("{\"a\":-}"),               6, 1, 7,  "expected a digit"},
    {TEXT("{\"a\":1.}"),              7, 1, 8,  "expected a digit behind the decimal point"},
    {TEXT("{\"a\":1e}"),              7, 1, 8,  "expected a digit in the exponent"},
    {TEXT("{\"a\":tru}"),             5, 1, 6,  "expected a value"},
};
/* clang-format on */

Test(json_scan, says_where_and_why)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct json_scan_error err = {0};

        cr_expect_eq(scan_exact(refused[i].text, refused[i].len, 10, &err), -1, "row %zu", i);
        cr_expect_str_eq(err.what, refused[i].what, "row %zu: '%s'", i, err.what);
        cr_expect_eq(err.offset, refused[i].offset, "row %zu: offset %zu", i, err.offset);
        cr_expect_eq(err.line, refused[i].line, "row %zu: line %zu", i, err.line);
        cr_expect_eq(err.column, refused[i].column, "row %zu: column %zu", i, err.column);
    }
}

/* {"a":[[[...]]]} or {"a":{"a":{...}}} with depth containers in all. */
static size_t nested(char *out, size_t depth, bool objects)
{
    size_t n = 0;

    memcpy(out, "{\"a\":", 5);
    n = 5;
    for (size_t i = 1; i < depth; i++) {
        memcpy(out + n, objects ? "{\"a\":" : "[", objects ? 5 : 1);
        n += objects ? 5 : 1;
    }
    out[n++] = '1';
    for (size_t i = 1; i < depth; i++)
        out[n++] = objects ? '}' : ']';
    out[n++] = '}';
    return n;
}

Test(json_scan, depth_at_limit_minus_one_limit_and_plus_one)
{
    static const size_t limits[] = {1, 2, 20, 64, 65, 128, JSON_SCAN_DEPTH_MAX};
    static char text[16 * JSON_SCAN_DEPTH_MAX];
    struct json_scan_error err;

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        for (int objects = 0; objects < 2; objects++) {
            size_t limit = limits[i];

            cr_expect_eq(scan_exact(text, nested(text, limit, objects), limit, &err), 0);
            if (limit > 1)
                cr_expect_eq(scan_exact(text, nested(text, limit - 1, objects), limit, &err),
                             0);
            cr_expect_eq(scan_exact(text, nested(text, limit + 1, objects), limit, &err), -1);
            cr_expect_str_eq(err.what, "nested too deep");
            cr_expect_eq(err.offset, objects ? 5 * limit : 4 + limit, "limit %zu", limit);
        }
    }
    cr_expect_eq(scan_exact("{}", 2, 0, &err), -1);
    cr_expect_eq(scan_exact(text, nested(text, JSON_SCAN_DEPTH_MAX + 1, false), 100000, &err),
                 -1, "the hard cap holds whatever the caller asks for");
}

Test(json_scan, wanted_members)
{
    static const char text[] =
        " { \"skip\" : {\"model\":\"inner\"}, \"model\":\"gpt\" ,\n"
        "\"m\\u0065ssages\":[ {\"a\":1}, {} ,3 ],\"t\":true,\"f\":false,"
        "\"n\":null,\"x\":-1.5e3,\"e\":[],\"o\":{\"a\":1,\"b\":[2,3]} } ";
    static const struct {
        const char *name;
        enum json_type type;
        const char *span;
        size_t count;
    } want[] = {
        {"model", JSON_STRING, "\"gpt\"", 0},
        {"messages", JSON_ARRAY, "[ {\"a\":1}, {} ,3 ]", 3},
        {"t", JSON_TRUE, "true", 0},
        {"f", JSON_FALSE, "false", 0},
        {"n", JSON_NULL, "null", 0},
        {"x", JSON_NUMBER, "-1.5e3", 0},
        {"e", JSON_ARRAY, "[]", 0},
        {"o", JSON_OBJECT, "{\"a\":1,\"b\":[2,3]}", 2},
        {"absent", JSON_NONE, "", 0},
        {"mode", JSON_NONE, "", 0},
        {"models", JSON_NONE, "", 0},
    };
    struct json_want wants[ARRAY_LEN(want)];

    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        wants[i] = (struct json_want){.name = want[i].name, .type = JSON_STRING, .count = 99};
    cr_assert_eq(json_scan(STR(text), 10, wants, ARRAY_LEN(wants), NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        cr_expect_eq(wants[i].type, want[i].type, "%s", want[i].name);
        cr_expect(str_eqz(wants[i].span, want[i].span), "%s", want[i].name);
        cr_expect_eq(wants[i].count, want[i].count, "%s: %zu", want[i].name, wants[i].count);
    }
}

Test(json_scan, a_wanted_name_that_stands_twice_is_refused)
{
    static const struct {
        const char *text;
        int want;
    } cases[] = {
        {"{\"model\":1,\"model\":1}", -1},
        {"{\"model\":1,\"mod\\u0065l\":1}", -1},
        {"{\"\\u006dodel\":null,\"x\":0,\"\\u006Dodel\":2}", -1},
        {"{\"model\":1,\"x\":{\"model\":2}}", 0},
        {"{\"model\":1,\"Model\":2}", 0},
        {"{\"model\":1,\"model\\u0000\":2}", 0},
        {"{\"model\":1,\"model\\ud800\":2}", 0},
        {"{\"other\":1,\"other\":2}", 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_want want = {.name = "model"};
        struct json_scan_error err = {0};

        cr_expect_eq(json_scan(str_of(cases[i].text), 10, &want, 1, &err), cases[i].want, "%s",
                     cases[i].text);
        if (cases[i].want < 0)
            cr_expect_str_eq(err.what, "this member name stands twice");
    }
}

Test(json_scan, elements_of_an_array)
{
    static const char *const want[] = {"1", "\"a,]\"", "[2,[3]]", "{\"b\":[4]}", "null"};
    static const enum json_type types[] = {JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT,
                                           JSON_NULL};
    struct str array = STR("[ 1,\"a,]\" , [2,[3]],{\"b\":[4]}\n, null ]");
    size_t at = 0, n = 0;
    struct str elem;
    enum json_type type;

    while (json_scan_next(array, &at, &elem, &type)) {
        cr_assert_lt(n, ARRAY_LEN(want));
        cr_expect(str_eqz(elem, want[n]), "element %zu", n);
        cr_expect_eq(type, types[n], "element %zu", n);
        n++;
    }
    cr_expect_eq(n, ARRAY_LEN(want));
}

Test(json_scan, no_elements)
{
    static const char *const texts[] = {"[]", "[ ]", "", "[", "{}", "null", "[x"};

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t at = 0;
        struct str elem;
        enum json_type type;

        cr_expect_not(json_scan_next(str_of(texts[i]), &at, &elem, &type), "'%s'", texts[i]);
    }
}

Test(json_scan, where_a_member_can_be_spliced_in)
{
    static const struct {
        const char *text;
        size_t at;
        bool empty;
    } cases[] = {{"{}", 1, true},
                 {" {\n }", 2, true},
                 {"{\"a\":1}", 1, false},
                 {"\n{ \"a\":1}", 2, false}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool empty = !cases[i].empty;

        cr_expect_eq(json_scan_insert_at(str_of(cases[i].text), &empty), cases[i].at);
        cr_expect_eq(empty, cases[i].empty);
    }
}

Test(json_scan, every_type_has_a_name)
{
    for (int t = JSON_NONE; t <= JSON_OBJECT; t++)
        cr_expect_not_null(json_type_name((enum json_type)t));
}

Test(json_scan, special_bytes_are_found_at_every_offset_of_a_word)
{
    static const char specials[] = {'"', '\\', '\x1F', '\x80', '\0'};

    for (size_t pad = 0; pad < 40; pad++) {
        for (size_t k = 0; k < sizeof(specials); k++) {
            char text[128];
            struct json_scan_error err;
            size_t n = (size_t)snprintf(text, sizeof(text), "{\"a\":\"%*s", (int)pad, "");

            text[n] = specials[k];
            memset(text + n + 1, '!', 20); /* 0x21: one above '"' minus one borrow */
            cr_expect_eq(scan_exact(text, n + 21, 5, &err), -1);
            cr_expect_eq(err.offset, n + 1 - (k >= 2), "pad %zu special %zu", pad, k);
        }
    }
}

/* What Python's json reads beyond the grammar, and no more. */
Test(json_scan, lax)
{
    static const struct {
        const char *text;
        int rc;
        const char *span; /* of "a"; NULL: none */
    } lax[] = {
        {"{\"a\":1}", 0, "1"},
        {"\xEF\xBB\xBF{\"a\":1}", 0, "1"},
        {" \xEF\xBB\xBF{\"a\":1}", -1, NULL},
        {"{\"a\":1,\"a\":2}", 0, "2"},
        {"{\"a\":NaN}", 0, "NaN"},
        {"{\"a\":Infinity,\"b\":[-Infinity]}", 0, "Infinity"},
        {"{\"b\":-Infinity}", 0, NULL},
        {"{\"a\":-NaN}", -1, NULL},
        {"{\"a\":nan}", -1, NULL},
        {"{\"a\":+Infinity}", -1, NULL},
        {"{\"a\":NaNa}", -1, NULL},
        {"{\"a\":Infinit}", -1, NULL},
        {"{\"a\":1,}", -1, NULL},
        {"{\"a\":'x'}", -1, NULL},
        {"{\"a\":\"\xff\"}", -1, NULL},
        {"{\"a\":1} x", -1, NULL},
        {"", -1, NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(lax); i++) {
        struct json_want w = {.name = "a"};
        bool lax_only = i > 0 && lax[i].rc == 0;

        cr_expect_eq(json_scan_lax(str_of(lax[i].text), &w, 1), lax[i].rc, "%s", lax[i].text);
        if (lax[i].rc == 0 && lax[i].span != NULL)
            cr_expect(str_eqz(w.span, lax[i].span), "%s", lax[i].text);
        if (lax[i].rc == 0 && lax[i].span == NULL)
            cr_expect_eq(w.type, JSON_NONE);
        cr_expect_eq(json_scan(str_of(lax[i].text), 64, &w, 1, NULL) < 0,
                     lax_only || lax[i].rc < 0, "%s is for the lax alone", lax[i].text);
    }
}
