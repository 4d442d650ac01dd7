/* test_openai_request.c - what is read of a client's body, what is refused, and what is
 * spliced.
 */
#include "dialect/openai_request.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MSG "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static const struct {
    const char *name;
    enum dialect_path path;
    const char *body, *param, *part; /* part of the message; NULL: accepted */
} rows[] = {
    {"least chat", DIALECT_CHAT, "{\"model\":\"m\"," MSG "}", NULL, NULL},
    {"nulls mean not set", DIALECT_CHAT,
     "{\"model\":\"m\",\"stream\":null,\"seed\":null,\"user\":null,\"temperature\":null," MSG
     "}",
     NULL, NULL},
    {"not JSON", DIALECT_CHAT, "{\"model\":", NULL, "not valid JSON: line 1"},
    {"not an object", DIALECT_CHAT, "[1]", NULL, "not valid JSON"},
    {"empty", DIALECT_CHAT, "", NULL, "not valid JSON"},
    {"no model", DIALECT_CHAT, "{" MSG "}", "model", "missing required field 'model'"},
    {"null model", DIALECT_CHAT, "{\"model\":null," MSG "}", "model", "missing"},
    {"model not a string", DIALECT_CHAT, "{\"model\":5," MSG "}", "model",
     "'model' is a number"},
    {"empty model", DIALECT_CHAT, "{\"model\":\"\"," MSG "}", "model", "is empty"},
    {"two models", DIALECT_CHAT, "{\"model\":\"a\",\"model\":\"b\"," MSG "}", NULL,
     "not valid JSON"},
    {"no messages", DIALECT_CHAT, "{\"model\":\"m\"}", "messages",
     "missing required field 'messages'"},
    {"messages an object", DIALECT_CHAT, "{\"model\":\"m\",\"messages\":{}}", "messages",
     "'messages' is an object, expected an array"},
    {"messages empty", DIALECT_CHAT, "{\"model\":\"m\",\"messages\":[]}", "messages",
     "is empty"},
    {"stream a string", DIALECT_CHAT, "{\"model\":\"m\",\"stream\":\"yes\"," MSG "}", "stream",
     "expected true or false"},
    {"stream_options an array", DIALECT_CHAT, "{\"model\":\"m\",\"stream_options\":[]," MSG "}",
     "stream_options", "expected an object"},
    {"max_tokens negative", DIALECT_CHAT, "{\"model\":\"m\",\"max_tokens\":-1," MSG "}",
     "max_tokens", "whole number"},
    {"max_tokens a fraction", DIALECT_CHAT, "{\"model\":\"m\",\"max_tokens\":1.5," MSG "}",
     "max_tokens", "whole number"},
    {"temperature a string", DIALECT_CHAT, "{\"model\":\"m\",\"temperature\":\"0\"," MSG "}",
     "temperature", "expected a number"},
    {"seed a bool", DIALECT_CHAT, "{\"model\":\"m\",\"seed\":true," MSG "}", "seed",
     "whole number"},
    {"user a number", DIALECT_CHAT, "{\"model\":\"m\",\"user\":1," MSG "}", "user",
     "expected a string"},
    {"completion needs no messages", DIALECT_COMPLETIONS, "{\"model\":\"m\",\"prompt\":\"x\"}",
     NULL, NULL},
    {"embedding without input", DIALECT_EMBEDDINGS, "{\"model\":\"m\"}", "input", "missing"},
    {"embedding", DIALECT_EMBEDDINGS, "{\"model\":\"m\",\"input\":[\"a\"]}", NULL, NULL},
};

Test(openai_request, accepted_and_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct chat_request a;
        struct chat_request_error e = {0};
        int rc = openai_request_read(&a, rows[i].path, str_of(rows[i].body), 64, &e);

        cr_expect_eq(rc, rows[i].part != NULL ? -1 : 0, "row '%s': %s", rows[i].name,
                     e.message);
        if (rc < 0 && rows[i].part != NULL)
            cr_expect_not_null(strstr(e.message, rows[i].part), "row '%s': %s", rows[i].name,
                               e.message);
        if (rc < 0 && rows[i].param != NULL)
            cr_expect_str_eq(e.param, rows[i].param, "row '%s'", rows[i].name);
    }
}

Test(openai_request, reads_what_decisions_need)
{
    struct chat_request a;
    struct chat_request_error e;
    static const char body[] =
        "{\"model\":\"gpt\",\"n\":2,\"stream\":true,\"max_tokens\":10,\"max_completion_"
        "tokens\":20,"
        "\"temperature\":0.7,\"seed\":42,\"user\":\"u1\",\"stream_options\":{\"include_usage\":"
        "true},"
        "\"messages\":[{},{},{}]}";

    cr_assert_eq(openai_request_read(&a, DIALECT_CHAT, STR(body), 64, &e), 0, "%s", e.message);
    cr_expect_str_eq(a.model, "gpt");
    cr_expect(a.stream && a.wants_usage && a.has_seed && a.has_temperature);
    cr_expect_eq(a.max_tokens, 20);
    cr_expect_eq(a.seed, 42);
    cr_expect_float_eq(a.temperature, 0.7, 1e-12);
    cr_expect_eq(a.n_messages, 3u);
    cr_expect_eq(a.n_choices, 2);
    cr_expect(str_eqz(a.user, "\"u1\""));
}

Test(openai_request, answers_asked_for)
{
    static const struct {
        enum dialect_path path;
        const char *body; /* without the model */
        int64_t want;
    } asked[] = {
        {DIALECT_COMPLETIONS, "\"prompt\":\"a\"", 1},
        {DIALECT_COMPLETIONS, "\"prompt\":null", 1},
        {DIALECT_COMPLETIONS, "\"x\":1", 1},
        {DIALECT_COMPLETIONS, "\"prompt\":[]", 1},
        {DIALECT_COMPLETIONS, "\"prompt\":[\"a\"]", 1},
        {DIALECT_COMPLETIONS, "\"prompt\":[\"a\",\"b\",\"c\"]", 3},
        {DIALECT_COMPLETIONS, "\"prompt\":[\"a\",\"b\"],\"n\":3", 6},
        {DIALECT_COMPLETIONS, "\"prompt\":[1,2,3]", 1}, /* the tokens of one */
        {DIALECT_COMPLETIONS, "\"prompt\":[[1,2],[3]]", 2},
        {DIALECT_COMPLETIONS, "\"prompt\":[\"a\",\"b\"],\"n\":9223372036854775807", INT64_MAX},
        {DIALECT_CHAT, "\"prompt\":[\"a\",\"b\"]," MSG, 1},
        {DIALECT_CHAT, "\"n\":2," MSG, 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        char body[200];
        struct chat_request a;
        struct chat_request_error e;

        snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", asked[i].body);
        cr_assert_eq(openai_request_read(&a, asked[i].path, str_of(body), 64, &e), 0, "%s",
                     e.message);
        cr_expect_eq(a.n_choices, asked[i].want, "%s: %lld", body, (long long)a.n_choices);
    }
}

Test(openai_request, depth_at_the_limit_and_one_deeper)
{
    struct chat_request a;
    struct chat_request_error e;
    struct str ok = STR("{\"model\":\"m\",\"messages\":[{\"content\":[{}]}]}"); /* 5 deep */

    cr_expect_eq(openai_request_read(&a, DIALECT_CHAT, ok, 5, &e), 0, "%s", e.message);
    cr_expect_eq(openai_request_read(&a, DIALECT_CHAT, ok, 4, &e), -1);
    cr_expect_not_null(strstr(e.message, "deep"), "%s", e.message);
}

static const struct {
    const char *name, *body, *model;
    bool usage;
    const char *want; /* NULL: the client's own bytes */
} splices[] = {
    {"nothing to change", "{\"model\":\"m\"," MSG "}", NULL, false, NULL},
    {"same name", "{\"model\":\"m\"," MSG "}", "m", false, NULL},
    {"model mapped", "{ \"model\" : \"m\" ,\"x\":0.7000," MSG "}", "eu/m", false,
     "{ \"model\" : \"eu/m\" ,\"x\":0.7000," MSG "}"},
    {"mapped name is quoted", "{\"model\":\"m\"," MSG "}", "a\"b", false,
     "{\"model\":\"a\\\"b\"," MSG "}"},
    {"usage not for plain requests", "{\"model\":\"m\"," MSG "}", NULL, true, NULL},
    {"usage as a new member", "{\"model\":\"m\",\"stream\":true," MSG "}", NULL, true,
     "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true," MSG "}"},
    {"usage over a null", "{\"model\":\"m\",\"stream\":true,\"stream_options\":null," MSG "}",
     "n", true,
     "{\"model\":\"n\",\"stream\":true,\"stream_options\":{\"include_usage\":true}," MSG "}"},
    {"usage over a false",
     "{\"stream_options\":{\"include_usage\":false},\"stream\":true,\"model\":\"m\"," MSG "}",
     "n", true,
     "{\"stream_options\":{\"include_usage\":true},\"stream\":true,\"model\":\"n\"," MSG "}"},
    {"usage into empty options",
     "{\"stream_options\":{},\"stream\":true,\"model\":\"m\"," MSG "}", NULL, true,
     "{\"stream_options\":{\"include_usage\":true},\"stream\":true,\"model\":\"m\"," MSG "}"},
    {"usage beside other options",
     "{\"stream_options\":{\"x\":1},\"stream\":true,\"model\":\"m\"," MSG "}", NULL, true,
     "{\"stream_options\":{\"include_usage\":true,\"x\":1},\"stream\":true,\"model\":\"m\"," MSG
     "}"},
    {"usage asked for by the client",
     "{\"stream_options\":{\"include_usage\":true},\"stream\":true,\"model\":\"m\"," MSG "}",
     NULL, true, NULL},
};

Test(openai_request, splices_only_what_changes)
{
    for (size_t i = 0; i < ARRAY_LEN(splices); i++) {
        struct chat_request a;
        struct chat_request_error e;
        struct buf buf;
        struct str out;

        buf_init(&buf, 4096);
        cr_assert_eq(openai_request_read(&a, DIALECT_CHAT, str_of(splices[i].body), 64, &e), 0,
                     "row '%s': %s", splices[i].name, e.message);
        cr_assert_eq(openai_request_splice(&a, splices[i].model, splices[i].usage, &buf, &out),
                     0);
        if (splices[i].want == NULL)
            cr_expect_eq(out.ptr, a.body.ptr, "row '%s' was copied", splices[i].name);
        else
            cr_expect(str_eqz(out, splices[i].want), "row '%s': %.*s", splices[i].name,
                      STR_ARG(out));
        buf_release(&buf);
    }
}

Test(openai_request, splice_refuses_more_than_its_cap)
{
    struct chat_request a;
    struct chat_request_error e;
    struct buf buf;
    struct str out;
    static const char body[] = "{\"model\":\"m\"," MSG "}";

    cr_assert_eq(openai_request_read(&a, DIALECT_CHAT, STR(body), 64, &e), 0);
    buf_init(&buf, sizeof(body) + 1); /* one byte more for "mm": exactly fits */
    cr_expect_eq(openai_request_splice(&a, "mm", false, &buf, &out), 0);
    cr_expect_eq(openai_request_splice(&a, "mmmm", false, &buf, &out), -1);
    buf_release(&buf);
}
