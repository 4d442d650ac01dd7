/* test_said_by_all.c - when every target says the same, the client is told that, in the vendor's
 * words; when they differ, it is an honest 503. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define ERR(code, text)                                                                        \
    "{\"error\":{\"message\":\"" text "\",\"type\":\"t\",\"param\":null,\"code\":\"" code "\"" \
    "}}"
#define SLOW_A ERR("rate_limit_exceeded", "a is limited")
#define SLOW_B ERR("rate_limit_exceeded", "b is limited")
#define POOR   ERR("insufficient_quota", "a is out of credit")
#define LOCKED ERR("conflict", "a is locked")
#define NO_KEY ERR("invalid_api_key", "Incorrect API key provided.")

#define SAYS(r, code, more, text)                                                              \
    {                                                                                          \
        .region = (r), .status = (code), .fields = WORD_JSON more, .body = (text)              \
    }
#define AFTER(s) "Retry-After: " #s "\n"

static const struct said_case {
    const char *name;
    struct script_answer answers[4]; /* of the regions a and b, in the order they are asked */
    const char *story;
    int status;
    const char *body;   /* the vendor's; NULL: ours, see code */
    const char *code;   /* x-sluice-error; NULL: there is none */
    const char *should; /* x-should-retry; NULL: there is none */
    int min_s, max_s;   /* Retry-After */
} cases[] = {
    /* clang-format off */
    {"both throttled, the shorter wait counts",
     {SAYS("a", 429, AFTER(90), SLOW_A), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, SLOW_B, NULL, NULL, 29, 30},
    {"the first one's wait is the shorter",
     {SAYS("a", 429, AFTER(20), SLOW_A), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, SLOW_A, NULL, NULL, 19, 20},
    {"the vendor says not to retry",
     {SAYS("a", 429, AFTER(20) "x-should-retry: false\n", SLOW_A), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, SLOW_A, NULL, "false", 19, 20},
    {"the vendor says to retry",
     {SAYS("a", 429, AFTER(20) "x-should-retry: true\n", SLOW_A), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, SLOW_A, NULL, "true", 19, 20},
    {"throttled without words",
     {SAYS("a", 429, AFTER(20), "slow down"), SAYS("b", 429, AFTER(30), "")},
     "a b", 429, NULL, "rate_limit_exceeded", NULL, 19, 20},
    {"throttled inside a 200",
     {SAYS("a", 200, "", SLOW_A), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, SLOW_A, NULL, NULL, 1, 1},
    {"one throttled, one out of credit",
     {SAYS("a", 429, "", POOR), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, SLOW_B, NULL, NULL, 29, 30},
    {"both out of credit",
     {SAYS("a", 402, "", POOR), SAYS("b", 402, "", POOR)},
     "a b", 402, POOR, NULL, "false", 599, 600},
    {"both out of credit, as OpenAI says it",
     {SAYS("a", 429, "", POOR), SAYS("b", 429, "", POOR)},
     "a b", 429, POOR, NULL, "false", 599, 600},
    {"our key refused by both",
     {SAYS("a", 401, "", NO_KEY), SAYS("b", 401, "", NO_KEY)},
     "a b", 401, NO_KEY, NULL, "false", 1, 1},
    {"our key refused by both, 403",
     {SAYS("a", 403, "", NO_KEY), SAYS("b", 403, "", NO_KEY)},
     "a b", 403, NO_KEY, NULL, "false", 1, 1},
    {"a vendor that says to retry with a bad key",
     {SAYS("a", 401, "x-should-retry: true\n", NO_KEY), SAYS("b", 401, "", NO_KEY)},
     "a b", 401, NO_KEY, NULL, "false", 1, 1},
    {"the key stands in the vendor's words",
     {SAYS("a", 401, "", ERR("invalid_api_key", "Incorrect API key provided: key-a")), SAYS("b", 401, "", NO_KEY)},
     "a b", 401, NULL, "keys_refused", "false", 1, 1},
    {"both locked",
     {SAYS("a", 409, "", LOCKED), SAYS("b", 409, "", LOCKED)},
     "a b", 409, LOCKED, NULL, NULL, 1, 1},
    /* not the same */
    {"throttled and broken",
     {SAYS("a", 429, AFTER(20), SLOW_A), SAYS("b", 500, "", WORD_SICK), SAYS("b", 500, "", WORD_SICK)},
     "a b b", 503, NULL, "no_region_available", NULL, 1, 1},
    {"throttled and a bad key",
     {SAYS("a", 429, AFTER(20), SLOW_A), SAYS("b", 401, "", NO_KEY)},
     "a b", 503, NULL, "no_region_available", NULL, 1, 1},
    {"throttled and gone",
     {SAYS("a", 429, AFTER(20), SLOW_A), {.region = "b", .end = UPSTREAM_CONNECT}},
     "a b", 503, NULL, "no_region_available", NULL, 1, 1},
    {"overloaded is no rate limit",
     {SAYS("a", 529, AFTER(20), SLOW_A), SAYS("b", 529, AFTER(30), SLOW_B)},
     "a b", 503, NULL, "no_region_available", NULL, 19, 20},
    /* clang-format on */
};

#define TWO "'models':{'m':{'targets':[{'region':'a'},{'region':'b'}]}}"

static void expect_case(const struct said_case *c, const struct flow_answer *a)
{
    struct str should = flow_field(a, "x-should-retry"), code = flow_field(a, "x-sluice-error");
    uint64_t s = 0, ms = 0;

    cr_expect_eq(a->status, c->status, "row '%s': %d", c->name, a->status);
    cr_expect(a->whole, "row '%s'", c->name);
    if (c->body != NULL)
        cr_expect_str_eq(a->body.data, c->body, "row '%s'", c->name);
    cr_expect_null(strstr(a->body.data, "key-a"), "row '%s' tells a secret", c->name);
    cr_expect(c->code != NULL ? str_eqz(code, c->code) : code.ptr == NULL, "row '%s': %.*s",
              c->name, (int)code.len, code.ptr);
    cr_expect(c->should != NULL ? str_eqz(should, c->should) : should.ptr == NULL,
              "row '%s': %.*s", c->name, (int)should.len, should.ptr);
    cr_assert(str_to_u64(flow_field(a, "retry-after"), &s), "row '%s'", c->name);
    cr_assert(str_to_u64(flow_field(a, "retry-after-ms"), &ms), "row '%s'", c->name);
    cr_expect_eq(s, (ms + 999) / 1000, "row '%s'", c->name);
    cr_expect((int)s >= c->min_s && (int)s <= c->max_s, "row '%s': %d s", c->name, (int)s);
    cr_expect(str_eqz(flow_field(a, "content-type"), "application/json"), "row '%s'", c->name);
    cr_expect_not_null(flow_field(a, "x-sluice-attempts").ptr, "row '%s'", c->name);
}

Test(flow_said_by_all, is_what_the_client_is_told)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct script_answer answers[ARRAY_LEN(cases[0].answers)];
        struct flow_world f;
        struct flow_answer a;
        size_t n = 0;

        memcpy(answers, cases[i].answers, sizeof(answers));
        while (n < ARRAY_LEN(answers) && answers[n].region != NULL)
            n++;
        flow_start(&f, TWO ",'retry':{'backoff':'0s'}");
        script_set(f.w.up, answers, n);
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_str_eq(script_story(f.w.up), cases[i].story, "row '%s'", cases[i].name);
        expect_case(&cases[i], &a);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_FAILED], 1, "row '%s'", cases[i].name);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* What the same request is told next, while all of them cool: nobody is asked. */
static const struct said_case cooling[] = {
    /* clang-format off */
    {"throttled", {SAYS("a", 429, AFTER(90), SLOW_A), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, NULL, "rate_limit_exceeded", NULL, 29, 30},
    {"out of credit", {SAYS("a", 402, "", POOR), SAYS("b", 402, "", POOR)},
     "a b", 429, NULL, "insufficient_quota", "false", 599, 600},
    {"one throttled, one out of credit", {SAYS("a", 402, "", POOR), SAYS("b", 429, AFTER(30), SLOW_B)},
     "a b", 429, NULL, "rate_limit_exceeded", NULL, 29, 30},
    /* clang-format on */
};

Test(flow_said_by_all, counts_who_cools)
{
    for (size_t i = 0; i < ARRAY_LEN(cooling); i++) {
        struct script_answer answers[2];
        struct flow_world f;
        struct flow_answer a;

        memcpy(answers, cooling[i].answers, sizeof(answers));
        flow_start(&f, TWO);
        script_set(f.w.up, answers, 2);
        flow_ask(&f, NULL, WORD_ASK, &a);
        flow_answer_release(&a);
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_str_eq(script_story(f.w.up), "a b", "row '%s'", cooling[i].name);
        cr_expect_eq(a.status, cooling[i].status, "row '%s': %d", cooling[i].name, a.status);
        cr_expect(str_eqz(flow_field(&a, "x-sluice-error"), cooling[i].code), "row '%s': %s",
                  cooling[i].name, a.head.data);
        uint64_t s = 0;

        cr_assert(str_to_u64(flow_field(&a, "retry-after"), &s));
        cr_expect((int)s >= cooling[i].min_s && (int)s <= cooling[i].max_s, "row '%s': %d s",
                  cooling[i].name, (int)s);
        cr_expect_eq(flow_field(&a, "x-should-retry").ptr != NULL, cooling[i].should != NULL);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* One that cools counts with one that says so now. */
Test(flow_said_by_all, joins_who_cools_and_who_is_asked)
{
    struct script_answer answers[] = {
        SAYS("a", 429, AFTER(90), SLOW_A),
        {.region = "b", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER},
        SAYS("b", 429, AFTER(30), SLOW_B)};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, TWO);
    script_set(f.w.up, answers, 3);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 200);
    flow_answer_release(&a);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_str_eq(script_story(f.w.up), "a b b");
    cr_expect_eq(a.status, 429);
    cr_expect_str_eq(a.body.data, SLOW_B);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* The head is out: the vendor's error is an event. */
Test(flow_said_by_all, in_band)
{
    struct script_answer answers[] = {SAYS("a", 429, AFTER(90), SLOW_A),
                                      SAYS("b", 429, AFTER(30), SLOW_B)};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    answers[0].waits = true;
    flow_start(&f, TWO ",'stream':{'commit':'100ms'}");
    script_set(f.w.up, answers, 2);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_text(&c, "keep-alive\n\n"));
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    cr_expect_not(a.whole);
    cr_expect_not_null(strstr(a.body.data, "\n\ndata: " SLOW_B "\n\n"), "%s", a.body.data);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}
