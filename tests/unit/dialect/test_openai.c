/* test_openai.c - the paths of the OpenAI dialect, its credentials, and our words in its shape.
 */
#include "dialect/dialect.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *path;
    bool known;
    enum dialect_path to;
    const char *model;
} routes[] = {
    {"/v1/chat/completions",   true,  DIALECT_CHAT, NULL},
    {"/v1/completions",        true,  DIALECT_COMPLETIONS, NULL},
    {"/v1/embeddings",         true,  DIALECT_EMBEDDINGS, NULL},
    {"/v1/models",             true,  DIALECT_MODELS, NULL},
    {"/v1/models/gpt-4o",      true,  DIALECT_MODELS, "gpt-4o"},
    {"/v1/models/org/m:tag",   true,  DIALECT_MODELS, "org/m:tag"},
    {"/v1/models/",            false, 0, NULL},
    {"/v1/modelsx",            false, 0, NULL},
    {"/v1/model",              false, 0, NULL},
    {"/v1/chat/completions/",  false, 0, NULL},
    {"/v1/chat/completion",    false, 0, NULL},
    {"/V1/models",             false, 0, NULL},
    {"/v1",                    false, 0, NULL},
    {"/",                      false, 0, NULL},
    {"",                       false, 0, NULL},
};
/* clang-format on */

Test(openai, routes)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct dialect_route r = {.dialect = &dialect_openai};

        cr_expect_eq(dialect_openai.route(str_of(routes[i].path), &r), routes[i].known, "%s",
                     routes[i].path);
        if (!routes[i].known)
            continue;
        cr_expect_eq(r.path, routes[i].to, "%s", routes[i].path);
        if (routes[i].model != NULL)
            cr_expect(str_eqz(r.model, routes[i].model), "%s", routes[i].path);
        else
            cr_expect_null(r.model.ptr, "%s", routes[i].path);
    }
}

Test(openai, asks_a_region_for)
{
    cr_expect_str_eq(dialect_openai.asks[DIALECT_CHAT], "/chat/completions");
    cr_expect_str_eq(dialect_openai.asks[DIALECT_COMPLETIONS], "/completions");
    cr_expect_str_eq(dialect_openai.asks[DIALECT_EMBEDDINGS], "/embeddings");
    cr_expect_str_eq(dialect_openai.asks[DIALECT_MODELS], "/models");
    cr_expect_str_eq(dialect_openai.auth_header, "Authorization");
    cr_expect_str_eq(dialect_openai.auth_prefix, "Bearer ");
}

Test(openai, errors)
{
    static const struct {
        struct dialect_error e;
        const char *want;
    } rows[] = {
        {{.type = "server_error", .code = "c", .message = "m"},
         "{\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,"
         "\"code\":\"c\"}}"},
        {{.type = "t", .param = "model", .message = "a \"b\"\n\\\x01"},
         "{\"error\":{\"message\":\"a \\\"b\\\"\\n\\\\\\u0001\",\"type\":\"t\","
         "\"param\":\"model\",\"code\":null}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out;

        buf_init(&out, 4096);
        cr_expect_eq(dialect_openai.write_error(&out, &rows[i].e), 0);
        cr_expect_str_eq(out.data, rows[i].want, "row %zu: %s", i, out.data);
        buf_release(&out);
    }
}

/* Line ends in a vendor's object would end the event in the middle of it. */
Test(openai, an_event_has_one_line)
{
    struct dialect_event ev = {.data = STR("{\"error\":\r\n {\"a\":\n1}}")};
    struct buf out;

    buf_init(&out, 4096);
    cr_assert_eq(buf_append_str(&out, STR("a\n")), 0);
    cr_assert_eq(dialect_openai.write_event(&out, &ev), 0);
    cr_expect_str_eq(out.data, "a\ndata: {\"error\":   {\"a\": 1}}\n\n");
    buf_release(&out);
}

Test(openai, what_is_an_error_object)
{
    static const struct {
        const char *body;
        bool want;
    } rows[] = {
        {"{\"error\":{\"message\":\"x\"}}", true},
        {"{\"error\":{}}", true},
        {"{\"error\":\"x\"}", false},
        {"{\"error\":null}", false},
        {"{\"object\":\"error\"}", false},
        {"[{\"error\":{}}]", false},
        {"{\"error\":{}", false},
        {"", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(dialect_openai.is_error(str_of(rows[i].body)), rows[i].want, "%s",
                     rows[i].body);
}
