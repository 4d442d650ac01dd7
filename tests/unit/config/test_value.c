/* test_value.c - what a value writes, it reads again. */
#include "config/value.h"

#include "base/buf.h"
#include "config/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *json, *shown; /* shown: as written without a mask; NULL: as it came */
} rows[] = {
    {"fleet", "\"demo\"", NULL},
    {"listen", "\"[::1]:80\"", NULL},
    {"admin_listen", "\"\"", NULL},
    {"upstream.ca_file", "\"\"", NULL},
    {"state_file", "\"\"", NULL},
    {"state_file", "\"/var/lib/sluice/view\"", NULL},
    {"upstream.ca_file", "\"/a/$${b}\"", NULL},
    {"redis.url", "\"redis://u:$${p}@h:1/2\"", NULL},
    {"workers", "256", NULL},
    {"breaker.failure_rate", "0", NULL},
    {"http.max_fields", "128", NULL},
    {"http.max_body_bytes", "8388608", "\"8MiB\""},
    {"http.max_body_bytes", "\"8193KiB\"", NULL},
    {"drain_timeout", "\"600s\"", "\"10m\""},
    {"drain_timeout", "\"1h1ms\"", NULL},
    {"stream.recover", "\"off\"", NULL},
    {"stream.recover", "\"auto\"", NULL},
    {"stream.recover", "\"always\"", NULL},
    {"breaker.last_resort", "\"off\"", NULL},
    {"breaker.last_resort", "\"try\"", NULL},
    {"log.level", "\"debug\"", NULL},
};

static void set(const struct setting *k, void *base, const char *json)
{
    char text[256];
    struct err err = {0};

    snprintf(text, sizeof(text), "[%s]", json);
    struct json *v = json_parse(str_of(text), sizeof(text), 2, &err);

    cr_assert_not_null(v);
    cr_assert_eq(value_set(k, base, json_at(v, 0), NULL, "here", &err), 0, "%s", err.msg);
    json_free(v);
}

static void write_one(const struct setting *k, const void *base, bool mask, struct buf *out)
{
    struct json_out o;

    buf_init(out, 1000);
    json_out_init(&o, out, false);
    value_write(k, base, mask, false, &o);
    cr_assert_eq(json_out_finish(&o), 0);
}

Test(value, written_and_read_again)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct setting *k =
            settings_find(settings_table(SETTINGS_TOP), str_of(rows[i].name));
        struct config a = {0}, b = {0};
        struct buf text;

        set(k, &a, rows[i].json);
        write_one(k, &a, false, &text);
        cr_expect_str_eq(text.data, rows[i].shown != NULL ? rows[i].shown : rows[i].json);
        set(k, &b, text.data);
        cr_expect(value_equal(k, &a, &b), "%s %s", rows[i].name, rows[i].json);
        value_release(k, &a);
        value_release(k, &b);
        buf_release(&text);
    }
}

Test(value, a_mask_hides_secrets_and_nothing_else)
{
    static const struct {
        enum settings_of table;
        const char *name, *json, *want;
    } masks[] = {
        {SETTINGS_REGION, "api_key", "\"sk-hidden\"", "\"***\""},
        {SETTINGS_REGION, "api_key", "\"\"", "\"\""},
        {SETTINGS_REGION, "auth_header", "\"x-api-key\"", "\"x-api-key\""},
        {SETTINGS_TOP, "redis.url", "\"redis://h:1/2\"", "\"redis://h:1/2\""},
        {SETTINGS_TOP, "redis.url", "\"redis://u:hidden@h:1/2\"", "\"redis://***@h:1/2\""},
        {SETTINGS_TOP, "redis.url", "\"redis://:hid@den@h\"", "\"redis://***@h\""},
        {SETTINGS_TOP, "redis.url", "\"redis://hidden@h\"", "\"redis://***@h\""},
        {SETTINGS_TOP, "redis.url", "\"unix:///s?db=1\"", "\"unix:///s?db=1\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        const struct setting *k =
            settings_find(settings_table(masks[i].table), str_of(masks[i].name));
        struct config base = {0};
        struct buf text;

        set(k, &base, masks[i].json);
        write_one(k, &base, true, &text);
        cr_expect_str_eq(text.data, masks[i].want);
        value_release(k, &base);
        buf_release(&text);
    }
}

Test(value, what_is_shown_is_cut_and_has_no_control_bytes)
{
    char out[VALUE_SHOWN_MAX], text[VALUE_SHOWN_MAX + 1];

    cr_expect_str_eq(value_show(STR("a\r\n\x1b[31m\x7f"), out), "a???[31m?");
    memset(text, 'a', sizeof(text));
    for (size_t len = VALUE_SHOWN_MAX - 5; len <= VALUE_SHOWN_MAX - 3; len++) {
        bool cut = len > VALUE_SHOWN_MAX - 4;

        value_show((struct str){text, len}, out);
        cr_expect_eq(strlen(out), cut ? VALUE_SHOWN_MAX - 1 : len, "%zu bytes", len);
        cr_expect_eq(strstr(out, "...") != NULL, cut, "%zu bytes", len);
    }
}
