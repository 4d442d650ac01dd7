/* test_retry.c - what follows from each way an attempt can end, before anything was shown. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define NO_BACKOFF "'retry':{'backoff':'0s'}"
#define WAITS      "'retry':{'backoff':'0s','wait':'1s'}"
#define WINDOWS                                                                                \
    "'models':{'m':{'targets':[{'region':'a','context_window':8192},"                          \
    "{'region':'b','context_window':8192},{'region':'c','context_window':32768}]}}"
#define FALLBACK                                                                               \
    "'models':{'m':{'targets':[{'region':'a'}],'fallbacks':['s','t']},"                        \
    "'s':{'targets':[{'region':'b'}]},'t':{'targets':[{'region':'c'}]}}"
#define ONE_TARGET "'models':{'m':{'targets':[{'region':'a'}]}}"

#define A200                                                                                   \
    {                                                                                          \
        .region = "a", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER                 \
    }
#define B200                                                                                   \
    {                                                                                          \
        .region = "b", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER                 \
    }
#define C200                                                                                   \
    {                                                                                          \
        .region = "c", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER                 \
    }
#define SICK(r, s)                                                                             \
    {                                                                                          \
        .region = (r), .status = (s), .fields = WORD_JSON, .body = WORD_SICK                   \
    }
#define LIMITED                                                                                \
    "{\"error\":{\"message\":\"every region that serves this model is rate limited now\","     \
    "\"type\":\"rate_limit_error\",\"param\":null,\"code\":\"rate_limit_exceeded\"}}"
#define FAILS(r, how)                                                                          \
    {                                                                                          \
        .region = (r), .end = (how)                                                            \
    }

static const struct {
    const char *name, *extra;
    struct script_answer answers[5];
    int status;
    const char *story, *body; /* body NULL: the answer of the vendor that served */
    enum outcome outcome;     /* of region a's first attempt */
    bool hurts;               /* it was counted against a */
} rows[] = {
    {"ok", NULL, {A200}, 200, "a", NULL, OUTCOME_OK, false},
    /* client_fault: the vendor's body, as it is */
    {"400 is final",
     NULL,
     {{.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_BAD}, B200},
     400,
     "a",
     WORD_BAD,
     OUTCOME_CLIENT_FAULT,
     false},
    {"404 is final",
     NULL,
     {{.region = "a", .status = 404, .body = "<h1>no</h1>"}},
     404,
     "a",
     "<h1>no</h1>",
     OUTCOME_CLIENT_FAULT,
     false},
    {"422 without a body",
     NULL,
     {{.region = "a", .status = 422}},
     422,
     "a",
     "",
     OUTCOME_CLIENT_FAULT,
     false},
    {"a refusal inside a 200 is a 400",
     NULL,
     {{.region = "a", .status = 200, .fields = WORD_JSON, .body = WORD_BAD}},
     400,
     "a",
     WORD_BAD,
     OUTCOME_CLIENT_FAULT,
     false},
    /* too_long */
    {"too long, nobody is larger",
     NULL,
     {{.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_LONG}, B200},
     400,
     "a",
     WORD_LONG,
     OUTCOME_TOO_LONG,
     false},
    {"too long, one is larger",
     WINDOWS,
     {{.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_LONG}, B200, C200},
     200,
     "a c",
     NULL,
     OUTCOME_TOO_LONG,
     false},
    {"too long everywhere",
     WINDOWS,
     {{.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_LONG},
      {.region = "c", .status = 400, .fields = WORD_JSON, .body = WORD_LONG}},
     400,
     "a c",
     WORD_LONG,
     OUTCOME_TOO_LONG,
     false},
    /* auth */
    {"our key is refused", NULL, {SICK("a", 401), B200}, 200, "a b", NULL, OUTCOME_AUTH, false},
    {"our key is forbidden",
     NULL,
     {SICK("a", 403), B200},
     200,
     "a b",
     NULL,
     OUTCOME_AUTH,
     false},
    /* throttled */
    {"429", NULL, {SICK("a", 429), B200}, 200, "a b", NULL, OUTCOME_THROTTLED, false},
    {"529", NULL, {SICK("a", 529), B200}, 200, "a b", NULL, OUTCOME_THROTTLED, false},
    {"429 and another: not waited for",
     WAITS,
     {{.region = "a", .status = 429, .fields = "retry-after-ms: 50\n"}, B200},
     200,
     "a b",
     NULL,
     OUTCOME_THROTTLED,
     false},
    {"429 and no other: waited out",
     WAITS "," ONE_TARGET,
     {{.region = "a", .status = 429, .fields = "retry-after-ms: 50\n"}, A200},
     200,
     "a a",
     NULL,
     OUTCOME_THROTTLED,
     false},
    {"429 thrice, waited out twice",
     WAITS "," ONE_TARGET,
     {{.region = "a", .status = 429, .fields = "retry-after-ms: 20\n"},
      {.region = "a", .status = 429, .fields = "retry-after-ms: 20\n"},
      {.region = "a", .status = 429, .fields = "retry-after-ms: 20\n"}},
     429,
     "a a a",
     LIMITED,
     OUTCOME_THROTTLED,
     false},
    {"429, longer than we wait",
     WAITS "," ONE_TARGET,
     {{.region = "a", .status = 429, .fields = "Retry-After: 2\n"}},
     429,
     "a",
     LIMITED,
     OUTCOME_THROTTLED,
     false},
    {"429 without a time, once",
     NO_BACKOFF "," ONE_TARGET,
     {SICK("a", 429), A200},
     200,
     "a a",
     NULL,
     OUTCOME_THROTTLED,
     false},
    {"429 without a time, for ever",
     NO_BACKOFF "," ONE_TARGET,
     {SICK("a", 429), SICK("a", 429), SICK("a", 429), A200},
     429,
     "a a a",
     WORD_SICK,
     OUTCOME_THROTTLED,
     false},
    {"429 without a time everywhere",
     NO_BACKOFF,
     {SICK("a", 429), SICK("b", 429), SICK("c", 429)},
     429,
     "a b c",
     WORD_SICK,
     OUTCOME_THROTTLED,
     false},
    {"429 without a time, then with one",
     NO_BACKOFF "," ONE_TARGET,
     {SICK("a", 429), {.region = "a", .status = 429, .fields = "Retry-After: 1\n"}},
     429,
     "a a",
     WORD_SICK,
     OUTCOME_THROTTLED,
     false},
    {"429 and retry.wait off",
     ONE_TARGET,
     {{.region = "a", .status = 429, .fields = "retry-after-ms: 1\n"}},
     429,
     "a",
     LIMITED,
     OUTCOME_THROTTLED,
     false},
    /* quota */
    {"out of credit",
     NULL,
     {{.region = "a", .status = 429, .fields = WORD_JSON, .body = WORD_BROKE}, B200},
     200,
     "a b",
     NULL,
     OUTCOME_QUOTA,
     false},
    {"402", NULL, {SICK("a", 402), B200}, 200, "a b", NULL, OUTCOME_QUOTA, false},
    /* server_error */
    {"a lone 500 is tried again",
     NO_BACKOFF,
     {SICK("a", 500), A200, B200},
     200,
     "a a",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"two 500 and another",
     NO_BACKOFF,
     {SICK("a", 500), SICK("a", 500), B200},
     200,
     "a a b",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"503 goes elsewhere",
     NULL,
     {SICK("a", 503), B200},
     200,
     "a b",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"502, 504, ok",
     NULL,
     {SICK("a", 502), SICK("b", 504), C200},
     200,
     "a b c",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"an error inside a 200",
     NULL,
     {SICK("a", 200), B200},
     200,
     "a b",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"a redirect is not followed",
     NULL,
     {{.region = "a", .status = 307, .fields = "Location: http://evil.test/\n"}, B200},
     200,
     "a b",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    /* connect */
    {"refused",
     NULL,
     {FAILS("a", UPSTREAM_CONNECT), B200},
     200,
     "a b",
     NULL,
     OUTCOME_CONNECT,
     true},
    {"reset on a fresh connection",
     NULL,
     {FAILS("a", UPSTREAM_RESET), B200},
     200,
     "a b",
     NULL,
     OUTCOME_CONNECT,
     true},
    {"reset on a reused connection: the same again",
     NULL,
     {{.region = "a", .end = UPSTREAM_RESET, .reused = true}, A200, B200},
     200,
     "a a",
     NULL,
     OUTCOME_CONNECT,
     true},
    {"once",
     NULL,
     {{.region = "a", .end = UPSTREAM_RESET, .reused = true},
      {.region = "a", .end = UPSTREAM_RESET, .reused = true},
      B200},
     200,
     "a a b",
     NULL,
     OUTCOME_CONNECT,
     true},
    /* timeout */
    {"connect timeout",
     NULL,
     {FAILS("a", UPSTREAM_CONNECT_TIMEOUT), B200},
     200,
     "a b",
     NULL,
     OUTCOME_TIMEOUT,
     true},
    {"deadline",
     "'timeouts':{'connect':'150ms','first_byte':'150ms','first_content':'150ms','idle':'150ms'"
     ","
     "'total':'150ms'}",
     {{.region = "a", .hangs = true}, B200},
     504,
     "a",
     "the time limit passed after 1 attempt, the last at region 'a' ended as timeout",
     OUTCOME_TIMEOUT,
     true},
    /* broken */
    {"cut",
     NULL,
     {{.region = "a", .status = 200, .body = "{\"choi", .end = UPSTREAM_CUT}, B200},
     200,
     "a b",
     NULL,
     OUTCOME_BROKEN,
     true},
    {"wrong framing",
     NULL,
     {FAILS("a", UPSTREAM_FRAMING), B200},
     200,
     "a b",
     NULL,
     OUTCOME_BROKEN,
     true},
    {"no JSON",
     NULL,
     {{.region = "a", .status = 200, .fields = WORD_JSON, .body = "{\"choi"}, B200},
     200,
     "a b",
     NULL,
     OUTCOME_BROKEN,
     true},
    {"our own fault is nobody's",
     NULL,
     {FAILS("a", UPSTREAM_INTERNAL), B200},
     503,
     "a",
     "ended as aborted",
     OUTCOME_ABORTED,
     false},
    /* the budget */
    {"fallbacks in order",
     FALLBACK,
     {SICK("a", 503), SICK("b", 503), C200},
     200,
     "a b c",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"one budget over targets and fallbacks",
     FALLBACK ",'retry':{'num_retries':1}",
     {SICK("a", 503), SICK("b", 503), C200},
     503,
     "a b",
     "no region gave an answer after 2 attempts, the last at region 'b' ended as server_error",
     OUTCOME_SERVER_ERROR,
     true},
    {"the same target's second try is in it",
     "'retry':{'num_retries':2,'backoff':'0s'}",
     {SICK("a", 500), SICK("a", 500), SICK("b", 503), C200},
     503,
     "a a b",
     "no region gave an answer after 3 attempts",
     OUTCOME_SERVER_ERROR,
     true},
    {"the last one goes elsewhere",
     "'retry':{'num_retries':1,'backoff':'0s'}",
     {SICK("a", 500), B200},
     200,
     "a b",
     NULL,
     OUTCOME_SERVER_ERROR,
     true},
    {"no retry at all",
     "'retry':{'num_retries':0}",
     {SICK("a", 500), B200},
     503,
     "a",
     "no region gave an answer after 1 attempt, ",
     OUTCOME_SERVER_ERROR,
     true},
    {"every region failed",
     "'retry':{'num_retries':20}",
     {SICK("a", 503), SICK("b", 502), FAILS("c", UPSTREAM_CONNECT)},
     503,
     "a b c",
     "after 3 attempts, the last at region 'c' ended as connect",
     OUTCOME_SERVER_ERROR,
     true},
};

static bool is_open(void *arg)
{
    struct flow_world *f = arg;

    return permit_check(f->w.fleet, 0, PERMIT_ASKER_NEW, clock_mono_ms()) == PICKER_OPEN;
}

static void check_body(size_t i, bool stream, const struct flow_answer *a)
{
    const char *success = stream ? WORD_PLAYED WORD_DONE : WORD_ANSWER;
    const char *want = rows[i].body != NULL ? rows[i].body : success;

    if (want[0] == '\0')
        cr_expect_eq(a->body.len, 0, "row '%s'", rows[i].name);
    else if (a->status < 500)
        cr_expect_str_eq(a->body.data, want, "row '%s'", rows[i].name);
    else
        cr_expect_not_null(strstr(a->body.data, want), "row '%s': %s", rows[i].name,
                           a->body.data);
}

static void run(size_t i, bool stream)
{
    struct script_answer answers[ARRAY_LEN(rows[0].answers)];
    bool again = strncmp(rows[i].story, "a a", 3) == 0;
    struct flow_world f;
    struct flow_answer a;
    char extra[1024];
    size_t n = 0;

    memcpy(answers, rows[i].answers, sizeof(answers));
    while (n < ARRAY_LEN(answers) && answers[n].region != NULL)
        n++;
    /* the first failure opens the region, where the row does not try it again */
    snprintf(extra, sizeof(extra), "%s%s'breaker':{'failure_threshold':%d,'last_resort':'off'}",
             rows[i].extra != NULL ? rows[i].extra : "", rows[i].extra != NULL ? "," : "",
             again ? 1000 : 1);
    flow_start(&f, extra);
    script_set(f.w.up, answers, n);
    flow_ask(&f, NULL, stream ? WORD_STREAM : WORD_ASK, &a);
    cr_expect_eq(a.status, rows[i].status, "row '%s': %d", rows[i].name, a.status);
    cr_expect(a.whole, "row '%s'", rows[i].name);
    cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row '%s': %s", rows[i].name,
                     script_story(f.w.up));
    check_body(i, stream, &a);
    cr_expect_geq(f.w.slot->fleet->slot[0].attempts[rows[i].outcome], 1, "row '%s'",
                  rows[i].name);
    if (rows[i].hurts && !again) {
        cr_expect(flow_until(&f, is_open, &f), "row '%s' is no evidence", rows[i].name);
    } else {
        flow_drain_loop(&f, 10);
        cr_expect_not(is_open(&f), "row '%s' is evidence", rows[i].name);
    }
    flow_answer_release(&a);
    flow_stop(&f);
}

Test(flow_retry, plain)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run(i, false);
}

/* Nothing was shown yet, so a stream request is judged alike. */
Test(flow_retry, stream)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run(i, true);
}
