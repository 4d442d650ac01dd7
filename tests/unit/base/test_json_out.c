/* test_json_out.c - what is written is JSON, whatever the strings hold. */
#include "base/json_out.h"

#include "base/json.h"

#include <criterion/criterion.h>
#include <string.h>

static void write_sample(struct json_out *o)
{
    json_out_object(o);
    json_out_key(o, "a");
    json_out_array(o);
    json_out_int(o, -1);
    json_out_bool(o, true);
    json_out_null(o);
    json_out_array(o);
    json_out_end(o);
    json_out_end(o);
    json_out_key(o, "b");
    json_out_text(o, NULL);
    json_out_end(o);
}

Test(json_out, both_layouts)
{
    struct buf b;
    struct json_out o;

    buf_init(&b, 1000);
    json_out_init(&o, &b, false);
    write_sample(&o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(b.data, "{\"a\":[-1,true,null,[]],\"b\":null}");
    buf_clear(&b);
    json_out_init(&o, &b, true);
    write_sample(&o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(b.data, "{\n  \"a\": [\n    -1,\n    true,\n    null,\n    []\n  ],\n"
                             "  \"b\": null\n}");
    buf_release(&b);
}

Test(json_out, members)
{
    struct buf b;
    struct json_out o;

    buf_init(&b, 1000);
    json_out_init(&o, &b, false);
    json_out_object(&o);
    json_out_member_text(&o, "t", "x");
    json_out_member_text(&o, "none", NULL);
    json_out_member_int(&o, "n", -7);
    json_out_member_bool(&o, "b", false);
    json_out_end(&o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(b.data, "{\"t\":\"x\",\"none\":null,\"n\":-7,\"b\":false}");
    buf_release(&b);
}

Test(json_out, hostile_strings)
{
    static const struct {
        const char *text, *want;
    } rows[] = {
        {"a\"b\\c", "[\"a\\\"b\\\\c\"]"},
        {"\n\x01\x7f", "[\"\\u000a\\u0001\\u007f\"]"},
        {"\xc2\x80\xc2\x85\xc2\x9f\xc2\xa0", "[\"\\u0080\\u0085\\u009f\xc2\xa0\"]"},
        {"a\xe2\x80\xae"
         "b\xe2\x81\xa9\xd8\x9c\xe2\x80\xa9",
         "[\"a\\u202eb\\u2069\\u061c\xe2\x80\xa9\"]"},
        {"\xc3\xa9\xf0\x9f\x98\x80", "[\"\xc3\xa9\xf0\x9f\x98\x80\"]"},
        {"a\xff", "[\"a\\ufffd\"]"},
        {"\xc3", "[\"\\ufffd\"]"},
        {"\xc0\x80", "[\"\\ufffd\\ufffd\"]"},
        {"\xed\xa0\x80", "[\"\\ufffd\\ufffd\\ufffd\"]"},
        {"\xf4\x90\x80\x80", "[\"\\ufffd\\ufffd\\ufffd\\ufffd\"]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        struct json_out o;
        struct err err = {0};

        buf_init(&b, 100);
        json_out_init(&o, &b, false);
        json_out_array(&o);
        json_out_text(&o, rows[i].text);
        json_out_end(&o);
        cr_assert_eq(json_out_finish(&o), 0);
        cr_expect_str_eq(b.data, rows[i].want);
        struct json *v = json_parse(buf_str(&b), 100, 2, &err);

        cr_expect_not_null(v, "%s: %s", rows[i].want, err.msg);
        json_free(v);
        buf_release(&b);
    }
}

Test(json_out, the_cap_is_said_once_at_the_end)
{
    struct buf b;
    struct json_out o;

    for (size_t max = 5; max <= 7; max++) {
        buf_init(&b, max);
        json_out_init(&o, &b, false);
        json_out_array(&o);
        json_out_int(&o, 1234); /* [1234] is 6 bytes */
        json_out_end(&o);
        cr_expect_eq(json_out_finish(&o), max < 6 ? -1 : 0, "cap %zu", max);
        buf_release(&b);
    }
}

Test(json_out, thousandths)
{
    struct buf b;
    struct json_out o;

    buf_init(&b, 100);
    json_out_init(&o, &b, false);
    json_out_array(&o);
    json_out_thousandths(&o, 0);
    json_out_thousandths(&o, 7);
    json_out_thousandths(&o, 12345);
    json_out_end(&o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(b.data, "[0.000,0.007,12.345]");
    buf_release(&b);
}
