/* test_chat_request.c - what is read of a client's body, what is refused, and what is spliced.
 */
#include "dialect/chat_request.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MSG "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"

static const struct {
    const char *name;
    enum ask_kind kind;
    const char *body, *param, *part; /* part of the message; NULL: accepted */
} rows[] = {
    {"least chat", ASK_CHAT, "{\"model\":\"m\"," MSG "}", NULL, NULL},
    {"nulls mean not set", ASK_CHAT,
     "{\"model\":\"m\",\"stream\":null,\"seed\":null,\"user\":null,\"temperature\":null," MSG
     "}",
     NULL, NULL},
    {"not JSON", ASK_CHAT, "{\"model\":", NULL, "not valid JSON: line 1"},
    {"not an object", ASK_CHAT, "[1]", NULL, "not valid JSON"},
    {"empty", ASK_CHAT, "", NULL, "not valid JSON"},
    {"no model", ASK_CHAT, "{" MSG "}", "model", "missing required field 'model'"},
    {"null model", ASK_CHAT, "{\"model\":null," MSG "}", "model", "missing"},
    {"model not a string", ASK_CHAT, "{\"model\":5," MSG "}", "model", "'model' is a number"},
    {"empty model", ASK_CHAT, "{\"model\":\"\"," MSG "}", "model", "is empty"},
    {"two models", ASK_CHAT, "{\"model\":\"a\",\"model\":\"b\"," MSG "}", NULL,
     "not valid JSON"},
    {"no messages", ASK_CHAT, "{\"model\":\"m\"}", "messages",
     "missing required field 'messages'"},
    {"messages an object", ASK_CHAT, "{\"model\":\"m\",\"messages\":{}}", "messages",
     "'messages' is an object, expected an array"},
    {"messages empty", ASK_CHAT, "{\"model\":\"m\",\"messages\":[]}", "messages", "is empty"},
    {"stream a string", ASK_CHAT, "{\"model\":\"m\",\"stream\":\"yes\"," MSG "}", "stream",
     "expected true or false"},
    {"stream_options an array", ASK_CHAT, "{\"model\":\"m\",\"stream_options\":[]," MSG "}",
     "stream_options", "expected an object"},
    {"max_tokens negative", ASK_CHAT, "{\"model\":\"m\",\"max_tokens\":-1," MSG "}",
     "max_tokens", "whole number"},
    {"max_tokens a fraction", ASK_CHAT, "{\"model\":\"m\",\"max_tokens\":1.5," MSG "}",
     "max_tokens", "whole number"},
    {"temperature a string", ASK_CHAT, "{\"model\":\"m\",\"temperature\":\"0\"," MSG "}",
     "temperature", "expected a number"},
    {"seed a bool", ASK_CHAT, "{\"model\":\"m\",\"seed\":true," MSG "}", "seed",
     "whole number"},
    {"user a number", ASK_CHAT, "{\"model\":\"m\",\"user\":1," MSG "}", "user",
     "expected a string"},
    {"completion needs no messages", ASK_COMPLETION, "{\"model\":\"m\",\"prompt\":\"x\"}", NULL,
     NULL},
    {"embedding without input", ASK_EMBEDDING, "{\"model\":\"m\"}", "input", "missing"},
    {"embedding", ASK_EMBEDDING, "{\"model\":\"m\",\"input\":[\"a\"]}", NULL, NULL},
};

Test(ask, accepted_and_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ask a;
        struct ask_error e = {0};
        int rc = ask_read(&a, rows[i].kind, str_of(rows[i].body), 64, &e);

        cr_expect_eq(rc, rows[i].part != NULL ? -1 : 0, "row '%s': %s", rows[i].name,
                     e.message);
        if (rc < 0 && rows[i].part != NULL)
            cr_expect_not_null(strstr(e.message, rows[i].part), "row '%s': %s", rows[i].name,
                               e.message);
        if (rc < 0 && rows[i].param != NULL)
            cr_expect_str_eq(e.param, rows[i].param, "row '%s'", rows[i].name);
    }
}

Test(ask, reads_what_decisions_need)
{
    struct ask a;
    struct ask_error e;
    static const char body[] =
        "{\"model\":\"gpt\",\"n\":2,\"stream\":true,\"max_tokens\":10,\"max_completion_"
        "tokens\":20,"
        "\"temperature\":0.7,\"seed\":42,\"user\":\"u1\",\"stream_options\":{\"include_usage\":"
        "true},"
        "\"messages\":[{},{},{}]}";

    cr_assert_eq(ask_read(&a, ASK_CHAT, STR(body), 64, &e), 0, "%s", e.message);
    cr_expect_str_eq(a.model, "gpt");
    cr_expect(a.stream && a.wants_usage && a.has_seed && a.has_temperature);
    cr_expect_eq(a.max_tokens, 20);
    cr_expect_eq(a.seed, 42);
    cr_expect_float_eq(a.temperature, 0.7, 1e-12);
    cr_expect_eq(a.n_messages, 3u);
    cr_expect_eq(a.n_choices, 2);
    cr_expect(str_eqz(a.user, "\"u1\""));
}

Test(ask, answers_asked_for)
{
    static const struct {
        enum ask_kind kind;
        const char *body; /* without the model */
        int64_t want;
    } asked[] = {
        {ASK_COMPLETION, "\"prompt\":\"a\"", 1},
        {ASK_COMPLETION, "\"prompt\":null", 1},
        {ASK_COMPLETION, "\"x\":1", 1},
        {ASK_COMPLETION, "\"prompt\":[]", 1},
        {ASK_COMPLETION, "\"prompt\":[\"a\"]", 1},
        {ASK_COMPLETION, "\"prompt\":[\"a\",\"b\",\"c\"]", 3},
        {ASK_COMPLETION, "\"prompt\":[\"a\",\"b\"],\"n\":3", 6},
        {ASK_COMPLETION, "\"prompt\":[1,2,3]", 1}, /* the tokens of one */
        {ASK_COMPLETION, "\"prompt\":[[1,2],[3]]", 2},
        {ASK_COMPLETION, "\"prompt\":[\"a\",\"b\"],\"n\":9223372036854775807", INT64_MAX},
        {ASK_CHAT, "\"prompt\":[\"a\",\"b\"]," MSG, 1},
        {ASK_CHAT, "\"n\":2," MSG, 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        char body[200];
        struct ask a;
        struct ask_error e;

        snprintf(body, sizeof(body), "{\"model\":\"m\",%s}", asked[i].body);
        cr_assert_eq(ask_read(&a, asked[i].kind, str_of(body), 64, &e), 0, "%s", e.message);
        cr_expect_eq(a.n_choices, asked[i].want, "%s: %lld", body, (long long)a.n_choices);
    }
}

Test(ask, depth_at_the_limit_and_one_deeper)
{
    struct ask a;
    struct ask_error e;
    struct str ok = STR("{\"model\":\"m\",\"messages\":[{\"content\":[{}]}]}"); /* 5 deep */

    cr_expect_eq(ask_read(&a, ASK_CHAT, ok, 5, &e), 0, "%s", e.message);
    cr_expect_eq(ask_read(&a, ASK_CHAT, ok, 4, &e), -1);
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

Test(ask, splices_only_what_changes)
{
    for (size_t i = 0; i < ARRAY_LEN(splices); i++) {
        struct ask a;
        struct ask_error e;
        struct buf buf;
        struct str out;

        buf_init(&buf, 4096);
        cr_assert_eq(ask_read(&a, ASK_CHAT, str_of(splices[i].body), 64, &e), 0, "row '%s': %s",
                     splices[i].name, e.message);
        cr_assert_eq(ask_splice(&a, splices[i].model, splices[i].usage, &buf, &out), 0);
        if (splices[i].want == NULL)
            cr_expect_eq(out.ptr, a.body.ptr, "row '%s' was copied", splices[i].name);
        else
            cr_expect(str_eqz(out, splices[i].want), "row '%s': %.*s", splices[i].name,
                      STR_ARG(out));
        buf_release(&buf);
    }
}

Test(ask, splice_refuses_more_than_its_cap)
{
    struct ask a;
    struct ask_error e;
    struct buf buf;
    struct str out;
    static const char body[] = "{\"model\":\"m\"," MSG "}";

    cr_assert_eq(ask_read(&a, ASK_CHAT, STR(body), 64, &e), 0);
    buf_init(&buf, sizeof(body) + 1); /* one byte more for "mm": exactly fits */
    cr_expect_eq(ask_splice(&a, "mm", false, &buf, &out), 0);
    cr_expect_eq(ask_splice(&a, "mmmm", false, &buf, &out), -1);
    buf_release(&buf);
}
