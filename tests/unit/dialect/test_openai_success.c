/* test_openai_success.c - what a 200 must show to be an answer. */
#include "dialect/openai_success.h"

#include "base/base.h"
#include "dialect/openai_answer.h"
#include "tests/cases/plain_answers.h"

#include <criterion/criterion.h>
#include <string.h>

static void read_case(const struct plain_answer_case *c, struct dialect_reading *out)
{
    openai_answer_classify(&(struct dialect_answer){.path = c->path,
                                                    .status = 200,
                                                    .body = str_of(c->body),
                                                    .whole = true,
                                                    .inputs = 2},
                           out);
}

Test(openai_success, shows_what_was_asked_for)
{
    for (size_t i = 0; i < ARRAY_LEN(plain_answers); i++) {
        const struct plain_answer_case *c = &plain_answers[i];
        struct dialect_reading got;

        memset(&got, 0xA5, sizeof(got)); /* every field must be written */
        read_case(c, &got);
        cr_expect_eq(got.outcome, c->lacks == NULL ? OUTCOME_OK : OUTCOME_BROKEN,
                     "row '%s', path %d: %s", c->name, c->path, c->body);
        if (c->lacks == NULL)
            cr_expect_null(got.why, "row '%s': %s", c->name, got.why);
        else
            cr_expect(got.why != NULL && strstr(got.why, c->lacks) != NULL, "row '%s': %s",
                      c->name, got.why);
    }
}

/* More vectors than we counted inputs, and inputs that cannot be counted. */
Test(openai_success, inputs)
{
    static const struct {
        int64_t inputs;
        bool fine;
    } rows[] = {{0, true}, {1, true}, {2, true}, {3, false}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct dialect_answer a = {
            .path = DIALECT_EMBEDDINGS,
            .status = 200,
            .body = STR(VECTOR_CASE("{\"embedding\":[1]},{\"embedding\":[1]}")),
            .whole = true,
            .inputs = rows[i].inputs};
        struct dialect_reading got;

        openai_answer_classify(&a, &got);
        cr_expect_eq(got.outcome == OUTCOME_OK, rows[i].fine, "%lld inputs",
                     (long long)rows[i].inputs);
    }
}

/* One that will be played as a stream: all of its choices, each with its end. */
Test(openai_success, as_a_stream)
{
#define FULL "{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}"
    static const struct {
        const char *body;
        bool fine;
    } rows[] = {
        {CHAT_CASE(FULL), true},
        {CHAT_CASE(FULL "," FULL), true},
        {CHAT_CASE(FULL ",{}"), false},
        {CHAT_CASE("{}," FULL), false},
        {CHAT_CASE("{\"message\":{\"content\":\"hi\"},\"finish_reason\":null}"), false},
        {CHAT_CASE(FULL ",{\"message\":{\"content\":\"hi\"}}"), false},
        {CHAT_CASE(""), false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_reading got;

        openai_answer_classify(&(struct dialect_answer){.path = DIALECT_CHAT,
                                                        .status = 200,
                                                        .body = str_of(rows[i].body),
                                                        .whole = true,
                                                        .as_stream = true},
                               &got);
        cr_expect_eq(got.outcome, rows[i].fine ? OUTCOME_OK : OUTCOME_BROKEN, "%s",
                     rows[i].body);
    }
#undef FULL
}
