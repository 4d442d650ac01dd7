/* test_json.c - documents within bounds are read; everything else is refused with a place. */
#include "base/json.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *name, *text, *want; /* want: a piece of the message */
} refused[] = {
    {"nothing", "", "line 1"},
    {"a scalar", "12", "line 1"},
    {"cut", "{\"a\":", "line 1"},
    {"text behind", "{} x", "line 1 column 4"},
    {"place", "{\n \"a\": 1,\n}", "line 3 column 1"},
    {"comma at the end", "[1,]", "line 1 column 4"},
    {"comment", "{} // x", "line 1"},
    {"duplicate", "{\"a\":1,\n\"a\":2}",
     "line 2 column 3: a key stands twice in one object, want each once"},
    {"duplicate below", "{\"x\":[{\"a\":1,\"a\":2}]}", "a key stands twice"},
    {"duplicate by escape", "{\"a\":1,\"\\u0061\":2}", "a key stands twice"},
    {"no UTF-8", "[\"\xff\"]", "line 1"},
    {"NUL", "[\"\\u0000\"]", "line 1 column 9: \\u0000 in a string, want text without it"},
    {"line break in a string", "[\"a\nb\"]", "line 1"},
    {"integer too big", "[9223372036854775808]", "too big integer"},
    {"real too big", "[1e999]", "real number overflow"},
};

Test(json, refuses_with_a_place)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct err err = {0};
        struct json *v = json_parse(str_of(refused[i].text), 1000, 8, &err);

        cr_expect_null(v, "row '%s'", refused[i].name);
        cr_expect_not_null(strstr(err.msg, refused[i].want), "row '%s': %s", refused[i].name,
                           err.msg);
        json_free(v);
    }
}

Test(json, an_error_never_quotes_the_text)
{
    static const char *const texts[] = {
        "{\"api_key\": sk-secret}",
        "{\"api_key\": \"sk-secret\" \"x\"}",
        "{\"api_key\": \"sk-secret}",
        "{\"sk-secret\":1, \"sk-secret\":2}",
        "{\"api_key\": \"a\" sk-secret near ' }",
        "{\"api_key\": 'sk-secret'}",
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {0};

        cr_expect_null(json_parse(str_of(texts[i]), 1000, 8, &err));
        cr_expect_null(strstr(err.msg, "sk-"), "%s", err.msg);
        cr_expect_null(strstr(err.msg, "secret"), "%s", err.msg);
    }
}

Test(json, depth_at_limit_minus_one_limit_and_plus_one)
{
    static const struct {
        const char *text;
        bool fine;
    } rows[] = {
        {"[[]]", true},
        {"[{\"a\":[]}]", true},
        {"[[[[]]]]", false},
        {"{\"a\":{\"a\":{\"a\":{}}}}", false},
        {"[\"[[[[[[\", \"\\\"[[[[\"]", true}, /* brackets in strings are text */
        {"[[],[],[],[[]]]", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};
        struct json *v = json_parse(str_of(rows[i].text), 1000, 3, &err);

        cr_expect_eq(v != NULL, rows[i].fine, "row '%s': %s", rows[i].text, err.msg);
        if (!rows[i].fine)
            cr_expect_not_null(strstr(err.msg, "limit of 3"), "%s", err.msg);
        json_free(v);
    }
}

Test(json, bytes_at_limit_minus_one_limit_and_plus_one)
{
    struct err err = {0};

    for (size_t len = 2; len <= 4; len++) {
        struct json *v = json_parse((struct str){"[]  ", len}, 3, 8, &err);

        cr_expect_eq(v != NULL, len <= 3);
        json_free(v);
    }
    cr_expect_str_eq(err.msg, "4 bytes of JSON, the limit is 3");
}

Test(json, values_of_every_kind)
{
    struct err err = {0};
    struct json *v =
        json_parse(STR("{\"z\":[null,true,false,-7,2.5,\"x\\u00e9\"],\"a\":{}}"), 100, 8, &err);
    const struct json *list, *value;
    const char *name;
    struct json_iter it = {0};

    cr_assert_not_null(v, "%s", err.msg);
    cr_assert(json_next(v, &it, &name, &value));
    cr_expect_str_eq(name, "z", "members come in the order of the text");
    cr_assert(json_next(v, &it, &name, &value));
    cr_expect_str_eq(name, "a");
    cr_expect_not(json_next(v, &it, &name, &value));
    list = json_get(v, "z");
    cr_assert_eq(json_count(list), 6u);
    cr_expect_eq(json_kind(json_at(list, 0)), JSON_KIND_NULL);
    cr_expect(json_bool(json_at(list, 1)));
    cr_expect_not(json_bool(json_at(list, 2)));
    cr_expect_eq(json_int(json_at(list, 3)), -7);
    cr_expect_eq(json_number(json_at(list, 3)), -7.0);
    cr_expect_eq(json_number(json_at(list, 4)), 2.5);
    cr_expect_eq(json_int(json_at(list, 4)), 0, "of another kind: 0");
    cr_expect(str_eqz(json_text(json_at(list, 5)), "x\xc3\xa9"));
    cr_expect_eq(json_text(json_at(list, 3)).len, 0u);
    cr_expect_null(json_at(list, 6));
    cr_expect_null(json_get(v, "b"));
    json_free(v);
    json_free(NULL);
}
