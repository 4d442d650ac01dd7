/* test_openai_answer.c - stream events and whole answers of the OpenAI dialect, read one by
 * one. */
#include "dialect/openai_answer.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define CHOICE(fields)                                                                         \
    "{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0," fields "}" \
    "]"                                                                                        \
    "}"
#define DELTA(fields) CHOICE("\"delta\":{" fields "},\"finish_reason\":null")

/* clang-format off */
static const struct {
    const char *data;
    enum dialect_event_kind kind;
    bool finish, usage_only;
} chunks[] = {
    {"[DONE]",                                     DIALECT_DONE, false, false},
    {" [DONE] ",                                   DIALECT_DONE, false, false},
    {"[DONE]x",                                    DIALECT_MALFORMED, false, false},
    {"[done]",                                     DIALECT_MALFORMED, false, false},
    {"",                                           DIALECT_MALFORMED, false, false},
    {"hello",                                      DIALECT_MALFORMED, false, false},
    {"[]",                                         DIALECT_MALFORMED, false, false},
    {"null",                                       DIALECT_MALFORMED, false, false},
    {"{\"choices\":[{\"delta\":{\"content\":\"x",  DIALECT_MALFORMED, false, false},
    {"{} {}",                                      DIALECT_MALFORMED, false, false},
    {"{}",                                         DIALECT_META, false, false},
    {"{\"type\":\"ping\"}",                        DIALECT_META, false, false},
    {"{\"choices\":null}",                         DIALECT_META, false, false},
    {"{\"choices\":{}}",                           DIALECT_MALFORMED, false, false},
    {"{\"choices\":\"x\"}",                        DIALECT_MALFORMED, false, false},
    {"{\"choices\":[1]}",                          DIALECT_MALFORMED, false, false},
    {"{\"choices\":[{\"delta\":[]}]}",             DIALECT_MALFORMED, false, false},
    {"{\"choices\":[{\"finish_reason\":\"stop\"},{\"delta\":7}]}", DIALECT_MALFORMED, false, false},
    {"{\"choices\":[],\"choices\":[]}",            DIALECT_META, false, false}, /* the last counts */
    {DELTA("\"content\":\"a\",\"content\":\"b\""), DIALECT_CONTENT, false, false},
    {DELTA("\"content\":\"a\",\"content\":\"\""), DIALECT_META, false, false},
    {CHOICE("\"delta\":{\"content\":\"a\"},\"logprobs\":[NaN,-Infinity,Infinity]"), DIALECT_CONTENT, false, false},
    {"{\"choices\":[],\"prompt_filter_results\":[]}", DIALECT_META, false, false},
    {CHOICE("\"delta\":null"),                     DIALECT_META, false, false},
    {CHOICE("\"content_filter_offsets\":{}"),      DIALECT_META, false, false},
    {DELTA(""),                                    DIALECT_META, false, false},
    {DELTA("\"role\":\"assistant\""),              DIALECT_META, false, false},
    {DELTA("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"), DIALECT_META, false, false},
    {DELTA("\"content\":null"),                    DIALECT_META, false, false},
    {DELTA("\"tool_calls\":[]"),                   DIALECT_META, false, false},
    {DELTA("\"function_call\":{}"),                DIALECT_META, false, false},
    {DELTA("\"content\":\"Hi\""),                  DIALECT_CONTENT, false, false},
    {DELTA("\"content\":\" \""),                   DIALECT_CONTENT, false, false},
    {DELTA("\"cont\\u0065nt\":\"Hi\""),            DIALECT_CONTENT, false, false},
    {DELTA("\"content\":\"\\ud83d\""),             DIALECT_CONTENT, false, false},
    {DELTA("\"content\":[{\"type\":\"text\"}]"),   DIALECT_CONTENT, false, false},
    {DELTA("\"reasoning_content\":\"hm\""),        DIALECT_CONTENT, false, false},
    {DELTA("\"reasoning\":\"hm\""),                DIALECT_CONTENT, false, false},
    {DELTA("\"reasoning_details\":[{}]"),          DIALECT_CONTENT, false, false},
    {DELTA("\"annotations\":[{}]"),                DIALECT_CONTENT, false, false},
    {DELTA("\"images\":[{}]"),                     DIALECT_CONTENT, false, false},
    {DELTA("\"thinking_blocks\":[{}]"),            DIALECT_CONTENT, false, false},
    {DELTA("\"refusal\":\"no\""),                  DIALECT_CONTENT, false, false},
    {DELTA("\"audio\":{\"id\":\"a\"}"),            DIALECT_CONTENT, false, false},
    {DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]"), DIALECT_CONTENT, false, false},
    {DELTA("\"function_call\":{\"name\":\"f\"}"),  DIALECT_CONTENT, false, false},
    {CHOICE("\"delta\":{},\"finish_reason\":\"stop\""),   DIALECT_META, true, false},
    {CHOICE("\"delta\":{\"content\":\"x\"},\"finish_reason\":\"length\""), DIALECT_CONTENT, true, false},
    {CHOICE("\"delta\":{},\"finish_reason\":\"\""),       DIALECT_META, false, false},
    {CHOICE("\"delta\":{},\"finish_reason\":1"),          DIALECT_META, false, false},
    {CHOICE("\"text\":\"Hi\",\"finish_reason\":null"),    DIALECT_CONTENT, false, false},
    {CHOICE("\"text\":\"\",\"finish_reason\":\"stop\""),  DIALECT_META, true, false},
    {"{\"choices\":[{\"index\":0,\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}", DIALECT_CONTENT, true, false},
    {"{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}",  DIALECT_META, false, true},
    {"{\"choices\":[],\"usage\":null}",                   DIALECT_META, false, false},
    {"{\"usage\":{\"prompt_tokens\":1}}",                 DIALECT_META, false, false},
    {"{\"error\":null,\"choices\":[]}",                   DIALECT_META, false, false},
    {"{\"error\":{},\"choices\":[]}",                     DIALECT_META, false, false},
    {"{\"error\":\"\"}",                                  DIALECT_META, false, false},
    {CHOICE("\"delta\":{\"content\":\"x\"},\"error\":null"), DIALECT_CONTENT, false, false},
    {CHOICE("\"delta\":{},\"error\":{}"),               DIALECT_META, false, false},
    {"{\"error\":{\"message\":\"x\"}}",                   DIALECT_ERROR, false, false},
    {"{\"error\":\"it broke\"}",                          DIALECT_ERROR, false, false},
    {"{\"object\":\"error\",\"message\":\"x\"}",          DIALECT_ERROR, false, false},
    {"{\"error\":{\"code\":502,\"message\":\"x\"},\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}", DIALECT_ERROR, false, false},
};
/* clang-format on */

/* Reads an event of a stream that has said nothing of its usage yet. */
static void read_data(const char *data, struct dialect_event *got)
{
    struct sse_event sse = {.data = str_of(data), .has_data = true};

    got->usage = (struct dialect_usage){.known = false};
    openai_answer_event(&sse, got);
}

Test(openai_answer, chunks)
{
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct dialect_event got;

        memset(&got, 0xA5, sizeof(got)); /* every field must be written */
        read_data(chunks[i].data, &got);
        cr_expect_eq(got.kind, chunks[i].kind, "row %zu %s: %d", i, chunks[i].data, got.kind);
        cr_expect_eq(got.finish, chunks[i].finish, "row %zu %s", i, chunks[i].data);
        cr_expect_eq(got.usage_only, chunks[i].usage_only, "row %zu %s", i, chunks[i].data);
    }
}

Test(openai_answer, choices_are_told_apart)
{
#define AT(index, more) "{\"choices\":[{\"index\":" #index ",\"delta\":{" more
#define SAYS            "\"content\":\"x\"}}]}"
#define ENDS            "},\"finish_reason\":\"stop\"}]}"
    static const struct {
        const char *data;
        uint64_t content[2], finished[2];
    } cases[] = {
        {CHOICE("\"text\":\"x\""), {1, 0}, {0, 0}},
        {AT(0, SAYS), {1, 0}, {0, 0}},
        {AT(1, SAYS), {2, 0}, {0, 0}},
        {AT(1, ENDS), {0, 0}, {2, 0}},
        {AT(63, SAYS), {1ULL << 63, 0}, {0, 0}},
        {AT(64, ENDS), {0, 0}, {0, 1}},
        {AT(127, SAYS), {0, 1ULL << 63}, {0, 0}},
        {AT(128, SAYS), {0, 1ULL << 63}, {0, 0}},
        {AT(-1, SAYS), {1, 0}, {0, 0}},
        {AT("1", SAYS), {1, 0}, {0, 0}},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialect_event got;

        read_data(cases[i].data, &got);
        cr_expect_eq(memcmp(got.content.bits, cases[i].content, 16), 0, "%s", cases[i].data);
        cr_expect_eq(memcmp(got.finished.bits, cases[i].finished, 16), 0, "%s", cases[i].data);
    }
}

/* The words of a vendor that shapes its data in its own way, but names the event. */
Test(openai_answer, an_event_named_error_is_one)
{
    static const struct {
        const char *data;
        enum outcome want;
    } cases[] = {
        {"{\"type\":\"rate_limit_error\",\"message\":\"x\"}", OUTCOME_THROTTLED},
        {"overloaded", OUTCOME_SERVER_ERROR},
        {"[DONE]", OUTCOME_SERVER_ERROR},
        {DELTA("\"content\":\"x\""), OUTCOME_SERVER_ERROR},
        {"{\"error\":{\"code\":429}}", OUTCOME_THROTTLED},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sse_event sse = {
            .raw = STR("raw"), .data = str_of(cases[i].data), .name = STR("error")};
        struct dialect_event got = {.kind = DIALECT_META};

        openai_answer_event(&sse, &got);
        cr_expect_eq(got.kind, DIALECT_ERROR, "%s", cases[i].data);
        cr_expect_eq(got.error, cases[i].want, "%s: %d", cases[i].data, got.error);
        cr_expect(got.raw.ptr == sse.raw.ptr && got.data.ptr == sse.data.ptr);
    }
}

/* Usage may come early, in every event or in one of its own: the last word counts. */
Test(openai_answer, usage_stays_until_it_is_said_again)
{
    static const char *const data[] = {"{\"usage\":{\"prompt_tokens\":3}}",
                                       DELTA("\"content\":\"x\""),
                                       "{\"usage\":null}",
                                       "{\"usage\":{}}",
                                       "rubbish",
                                       "[DONE]"};
    struct dialect_event got = {.kind = DIALECT_META};

    for (size_t i = 0; i < ARRAY_LEN(data); i++) {
        struct sse_event sse = {.data = str_of(data[i]), .has_data = true};

        openai_answer_event(&sse, &got);
        cr_expect(got.usage.known && got.usage.prompt_tokens == 3, "%s", data[i]);
    }
    openai_answer_event(
        &(struct sse_event){.data = STR("{\"usage\":{\"completion_tokens\":5}}")}, &got);
    cr_expect(got.usage.known && got.usage.prompt_tokens == 0 &&
              got.usage.completion_tokens == 5);
}

Test(openai_answer, an_error_in_a_stream_has_its_outcome)
{
    static const struct {
        const char *data;
        enum outcome want;
    } cases[] = {
        {"{\"error\":{\"type\":\"overloaded_error\",\"message\":\"x\"}}", OUTCOME_SERVER_ERROR},
        {"{\"error\":{\"code\":\"rate_limit_exceeded\"}}", OUTCOME_THROTTLED},
        {"{\"error\":{\"code\":\"context_length_exceeded\"}}", OUTCOME_TOO_LONG},
        {"{\"error\":{\"code\":429},\"choices\":[{\"delta\":{}}]}", OUTCOME_THROTTLED},
        {"{\"error\":\"it broke\"}", OUTCOME_SERVER_ERROR},
        {CHOICE("\"finish_reason\":\"error\""), OUTCOME_SERVER_ERROR},
        {CHOICE("\"delta\":{},\"error\":{\"code\":429,\"message\":\"x\"}"), OUTCOME_THROTTLED},
        {CHOICE("\"delta\":{},\"error\":\"it broke\",\"finish_reason\":\"stop\""),
         OUTCOME_SERVER_ERROR},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dialect_event got;

        read_data(cases[i].data, &got);
        cr_expect_eq(got.kind, DIALECT_ERROR, "%s", cases[i].data);
        cr_expect_eq(got.error, cases[i].want, "%s: %d", cases[i].data, got.error);
    }
}

/* clang-format off */
static const struct {
    const char *usage;
    bool known;
    int64_t prompt, completion, cached;
} usages[] = {
    {"{\"prompt_tokens\":12,\"completion_tokens\":34,\"total_tokens\":46}", true, 12, 34, 0},
    {"{\"prompt_tokens\":12,\"completion_tokens\":0,\"prompt_tokens_details\":{\"cached_tokens\":8}}", true, 12, 0, 8},
    {"{\"prompt_tokens\":12,\"prompt_cache_hit_tokens\":7}", true, 12, 0, 7},
    {"{\"prompt_tokens\":12,\"prompt_tokens_details\":null,\"prompt_cache_hit_tokens\":7}", true, 12, 0, 7},
    {"{\"prompt_tokens\":8,\"total_tokens\":8}",                     true, 8, 0, 0},
    {"{\"prompt_tokens\":12,\"prompt_tokens_details\":{\"cached_tokens\":13}}", true, 12, 0, 12},
    {"{\"completion_tokens\":5.0}",                                  true, 0, 5, 0},
    {"{\"prompt_tokens\":-1,\"completion_tokens\":5}",               true, 0, 5, 0},
    {"{\"prompt_tokens\":\"12\"}",                                   false, 0, 0, 0},
    {"{\"prompt_tokens\":1.5}",                                      false, 0, 0, 0},
    {"{\"prompt_tokens\":99999999999999999999}",                     false, 0, 0, 0},
    {"{\"prompt_tokens\":1,\"prompt_tokens\":2}",                    true, 2, 0, 0},
    {"{\"prompt_tokens\":NaN}",                                      false, 0, 0, 0},
    {"{}",                                                           false, 0, 0, 0},
    {"null",                                                         false, 0, 0, 0},
    {"[]",                                                           false, 0, 0, 0},
};
/* clang-format on */

static void expect_usage(size_t i, const struct dialect_usage *got)
{
    cr_expect_eq(got->known, usages[i].known, "%s", usages[i].usage);
    cr_expect_eq(got->prompt_tokens, usages[i].prompt, "%s", usages[i].usage);
    cr_expect_eq(got->completion_tokens, usages[i].completion, "%s", usages[i].usage);
    cr_expect_eq(got->cached_tokens, usages[i].cached, "%s", usages[i].usage);
}

static void classify(int status, const char *body, bool whole, struct dialect_reading *out)
{
    openai_answer_classify(
        &(struct dialect_answer){
            .path = DIALECT_CHAT, .status = status, .body = str_of(body), .whole = whole},
        out);
}

Test(openai_answer, usage_of_events_and_answers)
{
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        char body[512];
        struct dialect_reading got;
        struct dialect_event chunk;

        snprintf(body, sizeof(body),
                 "{\"id\":\"x\",\"choices\":[{\"message\":{\"content\":\"hi\"}}],\"usage\":%s}",
                 usages[i].usage);
        memset(&got, 0xA5, sizeof(got));
        classify(200, body, true, &got);
        cr_expect_eq(got.outcome, OUTCOME_OK);
        expect_usage(i, &got.usage);
        read_data(body, &chunk);
        expect_usage(i, &chunk.usage);
    }
}

Test(openai_answer, no_usage_where_there_is_no_answer)
{
#define USAGE "\"usage\":{\"prompt_tokens\":1}"
    static const struct {
        int status;
        bool whole;
        const char *body;
    } rows[] = {{200, true, ""},
                {200, true, "{}"},
                {200, true, "[]"},
                {200, true, "{" USAGE},
                {200, false, "{" USAGE "}"},
                {500, true, "{" USAGE "}"},
                {200, true, "{\"error\":{\"message\":\"x\"}," USAGE "}"}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_reading got = {.usage.known = true};

        classify(rows[i].status, rows[i].body, rows[i].whole, &got);
        cr_expect_not(got.usage.known, "row %zu", i);
    }
#undef USAGE
}

#define HI "\"message\":{\"content\":\"hi\"}"

/* clang-format off */
static const struct {
    int status;
    const char *body;
    bool whole;
    enum outcome want;
} answers[] = { /* errors by status and words: test_openai_error.c */
    {200, "{\"id\":\"x\",\"choices\":[{\"message\":{\"content\":\"hi\"}}]}", true, OUTCOME_OK},
    {200, "{\"choices\":[{" HI "}],\"error\":null}",        true,  OUTCOME_OK},
    {200, "{\"choices\":[{" HI "}],\"error\":{\"code\":1}}", true, OUTCOME_OK},
    {200, "{\"choices\":[{}],\"error\":{\"code\":429}}",  true,  OUTCOME_THROTTLED},
    {201, "{\"choices\":[{" HI "}]}",                       true,  OUTCOME_OK},
    {200, "{\"error\":{}}",                               true,  OUTCOME_BROKEN},
    {200, "{\"error\":{\"message\":\"x\"}}",              true,  OUTCOME_SERVER_ERROR},
    {200, "{\"error\":{\"message\":\"x\"},\"choices\":null}", true, OUTCOME_SERVER_ERROR},
    {200, "{\"error\":{\"message\":\"x\"},\"choices\":[]}", true, OUTCOME_SERVER_ERROR},
    {200, "{\"error\":{\"type\":\"rate_limit_error\"}}",  true,  OUTCOME_THROTTLED},
    {200, "{\"object\":\"error\",\"message\":\"x\"}",     true,  OUTCOME_SERVER_ERROR},
    {200, "",                                             true,  OUTCOME_BROKEN},
    {204, "",                                             true,  OUTCOME_BROKEN},
    {200, "[]",                                           true,  OUTCOME_BROKEN},
    {200, "<html></html>",                                true,  OUTCOME_BROKEN},
    {200, "{\"choices\":[",                               true,  OUTCOME_BROKEN},
    {200, "{\"choices\":[",                               false, OUTCOME_OK},
    {200, "",                                             false, OUTCOME_OK},
    {199, "{}",                                           true,  OUTCOME_BROKEN},
    {299, "{\"choices\":[{" HI "}]}",                       true,  OUTCOME_OK},
    {300, "{}",                                           true,  OUTCOME_SERVER_ERROR},
    {400, "{\"error\":{\"code\":\"context_length_exceeded\"}}", true, OUTCOME_TOO_LONG},
    {400, "{\"error\":{\"code\":\"context_length_exce",   false, OUTCOME_CLIENT_FAULT},
    {500, "{\"choices\":[{}]}",                           true,  OUTCOME_SERVER_ERROR},
    {200, "{\"choices\":[{\"message\":{\"content\":\"error: \\\"error\\\"\"},\"finish_reason\":\"stop\"}]}", true, OUTCOME_OK},
    {200, "{\"choices\":[{\"message\":{\"content\":\"\",\"error\":1},\"error\":null,\"finish_reason\":\"stop\"}]}", true, OUTCOME_OK},
    {200, "{\"choices\":[{\"message\":{},\"finish_reason\":\"error\"}]}", true, OUTCOME_SERVER_ERROR},
    {200, "{\"choices\":[{},{\"error\":{\"code\":429}}]}", true, OUTCOME_THROTTLED},
};
/* clang-format on */

Test(openai_answer, answers)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct dialect_reading got;

        classify(answers[i].status, answers[i].body, answers[i].whole, &got);
        cr_expect_eq(got.outcome, answers[i].want, "row %zu, %d %s: %d", i, answers[i].status,
                     answers[i].body, got.outcome);
    }
}
