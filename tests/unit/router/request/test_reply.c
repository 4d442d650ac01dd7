/* test_reply.c - the shape of our errors, the models we serve, and how much of a vendor's head
 * passes. */
#include "router/request/reply.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(reply, format)
{
    static const struct {
        struct reply_error e;
        const char *want;
    } rows[] = {
        {{.type = "server_error", .code = "c", .message = "m"},
         "{\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,"
         "\"code\":\"c\"}}"},
        {{.type = "t", .param = "model", .message = "a \"b\"\n\\\x01"},
         "{\"error\":{\"message\":\"a \\\"b\\\"\\n\\\\\\u0001\",\"type\":\"t\","
         "\"param\":\"model\",\"code\":null}}"},
        {{.type = "t", .message = "\xff"},
         "{\"error\":{\"message\":\"\xef\xbf\xbd\",\"type\":\"t\",\"param\":null,\"code\":null}"
         "}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = strlen(rows[i].want);
        struct buf out;

        for (int less = 0; less <= 1; less++) {
            buf_init(&out, len - (size_t)less);
            cr_expect_eq(reply_format(&out, &dialect_openai, &rows[i].e), less ? -1 : 0,
                         "row %zu", i);
            if (!less)
                cr_expect_str_eq(out.data, rows[i].want, "row %zu: %s", i, out.data);
            buf_release(&out);
        }
    }
}

/* No room: nothing rather than half an object. */
Test(reply, refusal_fits_or_is_empty)
{
    struct http_refusal r = {.status = 400, .code = "bad_request", .message = "why"};
    static const char want[] =
        "{\"error\":{\"message\":\"why\",\"type\":\"invalid_request_error\",\"param\":null,"
        "\"code\":\"bad_request\"}}";
    char out[256];

    for (size_t cap = sizeof(want) - 1; cap <= sizeof(want) + 1; cap++) {
        memset(out, '#', sizeof(out));
        reply_format_refusal(NULL, &r, out, cap);
        cr_expect_str_eq(out, cap >= sizeof(want) ? want : "", "cap %zu", cap);
        cr_expect_eq(out[cap], '#');
    }
}

/* As many fields as are wanted, and none when there is no room for the text of all. */
Test(reply, pass_fields_bounds)
{
    struct http_field from[UPSTREAM_FIELDS_MAX];
    struct http_reply_field f[UPSTREAM_FIELDS_MAX];
    struct upstream_head head = {200, from, UPSTREAM_FIELDS_MAX};
    struct buf text;

    for (size_t i = 0; i < UPSTREAM_FIELDS_MAX; i++)
        from[i] = (struct http_field){STR("openai-n"), STR("value")};
    for (size_t max = UPSTREAM_FIELDS_MAX - 1; max <= UPSTREAM_FIELDS_MAX; max++) {
        buf_init(&text, 65536);
        cr_expect_eq(reply_pass_fields(&dialect_openai, &head, f, max, &text), max);
        for (size_t i = 0; i < max; i++)
            cr_expect(strcmp(f[i].name, "openai-n") == 0 && str_eqz(f[i].value, "value"));
        buf_release(&text);
    }
    for (int less = 0; less <= 1; less++) {
        buf_init(&text, UPSTREAM_FIELDS_MAX * 14 - (size_t)less);
        cr_expect_eq(reply_pass_fields(&dialect_openai, &head, f, UPSTREAM_FIELDS_MAX, &text),
                     less ? -1 : UPSTREAM_FIELDS_MAX);
        buf_release(&text);
    }
}

/* What Connection names stays here, in whichever of its fields it stands (RFC 9110 7.6.1). */
Test(reply, connection_names_hop_by_hop_fields)
{
    static const struct {
        const char *connection;
        bool passes;
    } rows[] = {
        {"close", true},
        {"openai-priv", false},
        {"OPENAI-PRIV", false},
        {"close, openai-priv", false},
        {"close ,\topenai-priv ,", false},
        {"openai-priv2", true},
        {"openai-pri", true},
        {"", true},
        {",,openai-priv", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http_field from[] = {{STR("openai-priv"), STR("1")},
                                    {STR("Connection"), STR("keep-alive")},
                                    {STR("connection"), str_of(rows[i].connection)}};
        struct upstream_head head = {200, from, ARRAY_LEN(from)};
        struct http_reply_field f[3];
        struct buf text;

        buf_init(&text, 4096);
        cr_expect_eq(reply_pass_fields(&dialect_openai, &head, f, 3, &text), rows[i].passes,
                     "'%s'", rows[i].connection);
        buf_release(&text);
    }
}

/* ---- the models that are served ---- */

#define REGION "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a/v1\"}]"
#define TO_A   "{\"targets\":[{\"region\":\"a\"}]}"
#define OBJECT(id)                                                                             \
    "{\"id\":\"" id "\",\"object\":\"model\",\"created\":0,\"owned_by\":\"sluice\"}"

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("t", str_of(text), &err);

    cr_assert_not_null(c, "%s", err.msg);
    return c;
}

Test(reply, models)
{
    static const struct {
        const char *conf, *want;
    } rows[] = {
        {REGION "}", "{\"object\":\"list\",\"data\":[]}"},
        {REGION ",\"models\":{\"m\":" TO_A "}}",
         "{\"object\":\"list\",\"data\":[" OBJECT("m") "]}"},
        {REGION ",\"models\":{\"m\":" TO_A ",\"x/y:1\":" TO_A "}}",
         "{\"object\":\"list\",\"data\":[" OBJECT("m") "," OBJECT("x/y:1") "]}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct config *c = parse(rows[i].conf);
        size_t len = strlen(rows[i].want);
        struct buf out;

        for (int less = 0; less <= 1; less++) {
            buf_init(&out, len - (size_t)less);
            cr_expect_eq(reply_models(c, &out), less ? -1 : 0, "row %zu", i);
            if (!less)
                cr_expect_str_eq(out.data, rows[i].want);
            buf_release(&out);
        }
        config_free(c);
    }
}

Test(reply, model)
{
    struct config *c = parse(REGION ",\"models\":{\"m\":" TO_A ",\"mm\":" TO_A "}}");
    static const struct {
        const char *id, *want;
    } rows[] = {
        {"m", OBJECT("m")}, {"mm", OBJECT("mm")}, {"mmm", NULL}, {"", NULL}, {"M", NULL}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 4096);
        cr_expect_eq(reply_model(c, str_of(rows[i].id), &out), rows[i].want ? 0 : -1, "'%s'",
                     rows[i].id);
        if (rows[i].want != NULL)
            cr_expect_str_eq(out.data, rows[i].want);
        buf_release(&out);
    }
    config_free(c);
}
