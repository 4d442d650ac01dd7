/* test_openai.c - stream events and whole answers of the OpenAI dialect, read one by one. */
#include "dialect/openai.h"

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
    enum openai_event kind;
    bool finish, usage_only;
} chunks[] = {
    {"[DONE]",                                     OPENAI_EV_DONE, false, false},
    {" [DONE] ",                                   OPENAI_EV_DONE, false, false},
    {"[DONE]x",                                    OPENAI_EV_MALFORMED, false, false},
    {"[done]",                                     OPENAI_EV_MALFORMED, false, false},
    {"",                                           OPENAI_EV_MALFORMED, false, false},
    {"hello",                                      OPENAI_EV_MALFORMED, false, false},
    {"[]",                                         OPENAI_EV_MALFORMED, false, false},
    {"null",                                       OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":[{\"delta\":{\"content\":\"x",  OPENAI_EV_MALFORMED, false, false},
    {"{} {}",                                      OPENAI_EV_MALFORMED, false, false},
    {"{}",                                         OPENAI_EV_META, false, false},
    {"{\"type\":\"ping\"}",                        OPENAI_EV_META, false, false},
    {"{\"choices\":null}",                         OPENAI_EV_META, false, false},
    {"{\"choices\":{}}",                           OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":\"x\"}",                        OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":[1]}",                          OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":[{\"delta\":[]}]}",             OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":[{\"finish_reason\":\"stop\"},{\"delta\":7}]}", OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":[],\"choices\":[]}",            OPENAI_EV_MALFORMED, false, false},
    {DELTA("\"content\":\"a\",\"content\":\"b\""), OPENAI_EV_MALFORMED, false, false},
    {"{\"choices\":[],\"prompt_filter_results\":[]}", OPENAI_EV_META, false, false},
    {CHOICE("\"delta\":null"),                     OPENAI_EV_META, false, false},
    {CHOICE("\"content_filter_offsets\":{}"),      OPENAI_EV_META, false, false},
    {DELTA(""),                                    OPENAI_EV_META, false, false},
    {DELTA("\"role\":\"assistant\""),              OPENAI_EV_META, false, false},
    {DELTA("\"role\":\"assistant\",\"content\":\"\",\"refusal\":null"), OPENAI_EV_META, false, false},
    {DELTA("\"content\":null"),                    OPENAI_EV_META, false, false},
    {DELTA("\"tool_calls\":[]"),                   OPENAI_EV_META, false, false},
    {DELTA("\"function_call\":{}"),                OPENAI_EV_META, false, false},
    {DELTA("\"content\":\"Hi\""),                  OPENAI_EV_CONTENT, false, false},
    {DELTA("\"content\":\" \""),                   OPENAI_EV_CONTENT, false, false},
    {DELTA("\"cont\\u0065nt\":\"Hi\""),            OPENAI_EV_CONTENT, false, false},
    {DELTA("\"content\":\"\\ud83d\""),             OPENAI_EV_CONTENT, false, false},
    {DELTA("\"content\":[{\"type\":\"text\"}]"),   OPENAI_EV_CONTENT, false, false},
    {DELTA("\"reasoning_content\":\"hm\""),        OPENAI_EV_CONTENT, false, false},
    {DELTA("\"reasoning\":\"hm\""),                OPENAI_EV_CONTENT, false, false},
    {DELTA("\"reasoning_details\":[{}]"),          OPENAI_EV_CONTENT, false, false},
    {DELTA("\"refusal\":\"no\""),                  OPENAI_EV_CONTENT, false, false},
    {DELTA("\"audio\":{\"id\":\"a\"}"),            OPENAI_EV_CONTENT, false, false},
    {DELTA("\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\"}}]"), OPENAI_EV_CONTENT, false, false},
    {DELTA("\"function_call\":{\"name\":\"f\"}"),  OPENAI_EV_CONTENT, false, false},
    {CHOICE("\"delta\":{},\"finish_reason\":\"stop\""),   OPENAI_EV_META, true, false},
    {CHOICE("\"delta\":{\"content\":\"x\"},\"finish_reason\":\"length\""), OPENAI_EV_CONTENT, true, false},
    {CHOICE("\"delta\":{},\"finish_reason\":\"\""),       OPENAI_EV_META, false, false},
    {CHOICE("\"delta\":{},\"finish_reason\":1"),          OPENAI_EV_META, false, false},
    {CHOICE("\"text\":\"Hi\",\"finish_reason\":null"),    OPENAI_EV_CONTENT, false, false},
    {CHOICE("\"text\":\"\",\"finish_reason\":\"stop\""),  OPENAI_EV_META, true, false},
    {"{\"choices\":[{\"index\":0,\"delta\":{}},{\"index\":1,\"delta\":{\"content\":\"x\"},\"finish_reason\":\"stop\"}]}", OPENAI_EV_CONTENT, true, false},
    {"{\"choices\":[],\"usage\":{\"prompt_tokens\":1}}",  OPENAI_EV_META, false, true},
    {"{\"choices\":[],\"usage\":null}",                   OPENAI_EV_META, false, false},
    {"{\"usage\":{\"prompt_tokens\":1}}",                 OPENAI_EV_META, false, false},
    {"{\"error\":null,\"choices\":[]}",                   OPENAI_EV_META, false, false},
    {"{\"error\":{},\"choices\":[]}",                     OPENAI_EV_META, false, false},
    {"{\"error\":\"\"}",                                  OPENAI_EV_META, false, false},
    {CHOICE("\"delta\":{\"content\":\"x\"},\"error\":null"), OPENAI_EV_CONTENT, false, false},
    {CHOICE("\"delta\":{},\"error\":{}"),               OPENAI_EV_META, false, false},
    {"{\"error\":{\"message\":\"x\"}}",                   OPENAI_EV_ERROR, false, false},
    {"{\"error\":\"it broke\"}",                          OPENAI_EV_ERROR, false, false},
    {"{\"object\":\"error\",\"message\":\"x\"}",          OPENAI_EV_ERROR, false, false},
    {"{\"error\":{\"code\":502,\"message\":\"x\"},\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}]}", OPENAI_EV_ERROR, false, false},
};
/* clang-format on */

Test(openai, chunks)
{
    for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
        struct openai_chunk got;

        memset(&got, 0xA5, sizeof(got)); /* every field must be written */
        openai_read_chunk(str_of(chunks[i].data), &got);
        cr_expect_eq(got.kind, chunks[i].kind, "row %zu %s: %d", i, chunks[i].data, got.kind);
        cr_expect_eq(got.finish, chunks[i].finish, "row %zu %s", i, chunks[i].data);
        cr_expect_eq(got.usage_only, chunks[i].usage_only, "row %zu %s", i, chunks[i].data);
    }
}

Test(openai, choices_are_told_apart)
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
    struct openai_choices set = {{0, 0}}, more = {{5, 1}}, part = {{4, 1}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct openai_chunk got;

        openai_read_chunk(str_of(cases[i].data), &got);
        cr_expect_eq(memcmp(got.content.bits, cases[i].content, 16), 0, "%s", cases[i].data);
        cr_expect_eq(memcmp(got.finished.bits, cases[i].finished, 16), 0, "%s", cases[i].data);
    }
    cr_expect_eq(openai_choices_count(&set), 0);
    cr_expect(openai_choices_within(&set, &more) && !openai_choices_within(&more, &set));
    openai_choices_add(&set, &more);
    cr_expect_eq(openai_choices_count(&set), 3);
    cr_expect(openai_choices_within(&part, &set) && !openai_choices_within(&set, &part));
}

Test(openai, an_error_in_a_stream_has_its_outcome)
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
        struct openai_chunk got;

        openai_read_chunk(str_of(cases[i].data), &got);
        cr_expect_eq(got.kind, OPENAI_EV_ERROR, "%s", cases[i].data);
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
    {"{\"prompt_tokens\":1,\"prompt_tokens\":2}",                    false, 0, 0, 0},
    {"{}",                                                           false, 0, 0, 0},
    {"null",                                                         false, 0, 0, 0},
    {"[]",                                                           false, 0, 0, 0},
};
/* clang-format on */

static void expect_usage(size_t i, const struct openai_usage *got)
{
    cr_expect_eq(got->known, usages[i].known, "%s", usages[i].usage);
    cr_expect_eq(got->prompt_tokens, usages[i].prompt, "%s", usages[i].usage);
    cr_expect_eq(got->completion_tokens, usages[i].completion, "%s", usages[i].usage);
    cr_expect_eq(got->cached_tokens, usages[i].cached, "%s", usages[i].usage);
}

Test(openai, usage_of_events_and_answers)
{
    for (size_t i = 0; i < ARRAY_LEN(usages); i++) {
        char body[512];
        struct openai_usage got;
        struct openai_chunk chunk;

        snprintf(body, sizeof(body), "{\"id\":\"x\",\"choices\":[{\"index\":0}],\"usage\":%s}",
                 usages[i].usage);
        memset(&got, 0xA5, sizeof(got));
        cr_expect_eq(openai_classify(200, str_of(body), true, &got), OUTCOME_OK);
        expect_usage(i, &got);
        openai_read_chunk(str_of(body), &chunk);
        expect_usage(i, &chunk.usage);
    }
}

Test(openai, no_usage_where_there_is_no_answer)
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
        struct openai_usage got = {.known = true};

        (void)openai_classify(rows[i].status, str_of(rows[i].body), rows[i].whole, &got);
        cr_expect_not(got.known, "row %zu", i);
    }
#undef USAGE
}

/* clang-format off */
static const struct {
    int status;
    const char *body;
    bool whole;
    enum outcome want;
} answers[] = { /* errors by status and words: test_openai_error.c */
    {200, "{\"id\":\"x\",\"choices\":[{\"message\":{\"content\":\"hi\"}}]}", true, OUTCOME_OK},
    {200, "{\"object\":\"list\",\"data\":[{\"embedding\":[0.1]}]}", true, OUTCOME_OK},
    {200, "{\"choices\":[{}],\"error\":null}",            true,  OUTCOME_OK},
    {200, "{\"choices\":[{}],\"error\":{\"code\":1}}",    true,  OUTCOME_OK},
    {200, "{\"embedding\":[1],\"error\":\"x\"}",          true,  OUTCOME_OK},
    {201, "{}",                                           true,  OUTCOME_OK},
    {200, "{\"error\":{}}",                               true,  OUTCOME_OK},
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
    {299, "{}",                                           true,  OUTCOME_OK},
    {300, "{}",                                           true,  OUTCOME_SERVER_ERROR},
    {400, "{\"error\":{\"code\":\"context_length_exceeded\"}}", true, OUTCOME_TOO_LONG},
    {400, "{\"error\":{\"code\":\"context_length_exce",   false, OUTCOME_CLIENT_FAULT},
    {500, "{\"choices\":[{}]}",                           true,  OUTCOME_SERVER_ERROR},
    {200, "{\"choices\":[{\"message\":{\"content\":\"error: \\\"error\\\"\"},\"finish_reason\":\"stop\"}]}", true, OUTCOME_OK},
    {200, "{\"choices\":[{\"message\":{\"error\":1},\"error\":null,\"finish_reason\":\"stop\"}]}", true, OUTCOME_OK},
    {200, "{\"choices\":[{\"message\":{},\"finish_reason\":\"error\"}]}", true, OUTCOME_SERVER_ERROR},
    {200, "{\"choices\":[{},{\"error\":{\"code\":429}}]}", true, OUTCOME_THROTTLED},
};
/* clang-format on */

Test(openai, answers)
{
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        enum outcome got =
            openai_classify(answers[i].status, str_of(answers[i].body), answers[i].whole, NULL);

        cr_expect_eq(got, answers[i].want, "row %zu, %d %s: %d", i, answers[i].status,
                     answers[i].body, got);
    }
}
