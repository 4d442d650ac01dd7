/* test_refusals.c - our own errors: shape, status, and an honest word about coming back. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define MODELS "'models':{'m':{'targets':[{'region':'a'}]}}"

/* Refused before anybody is called. */
static const struct {
    const char *path, *body;
    int status;
    const char *code, *param, *says;
} rows[] = {
    {"/v1/chat/completions", "{\"model\":\"nope\",\"messages\":[1]}", 404, "model_not_found",
     "\"model\"", "the model 'nope' is not served here"},
    {"/v1/chat/completions", "{\"model\":\"no\\\"\\u0007pe\",\"messages\":[1]}", 404,
     "model_not_found", "\"model\"", "the model 'no\\\""},
    {"/v1/chat/completions", "{\"messages\":[1]}", 400, "missing_required_parameter",
     "\"model\"", "missing required field 'model'"},
    {"/v1/chat/completions", "{\"model\":\"m\"}", 400, "missing_required_parameter",
     "\"messages\"", "missing required field 'messages'"},
    {"/v1/chat/completions", "{\"model\":\"m\",\"messages\":\"x\"}", 400, "invalid_type",
     "\"messages\"", "is a string, expected an array"},
    {"/v1/chat/completions", "{\"model\":\"m\",\"messages\":[1],}", 400, "invalid_json", "null",
     "line 1, column 29"},
    {"/v1/chat/completions", "", 400, "invalid_json", "null", "not valid JSON"},
    {"/v1/chat/completions", "[]", 400, "invalid_json", "null", "not valid JSON"},
    {"/v1/chat/completions", "{\"model\":\"m\",\"model\":\"x\",\"messages\":[1]}", 400,
     "invalid_json", "null", "twice"},
    {"/v1/chat/completions", "{\"model\":\"m\",\"messages\":[1],\"stream\":1}", 400,
     "invalid_type", "\"stream\"", "expected true or false"},
    {"/v1/chat/completions", "{\"model\":\"m\",\"messages\":[[[[1]]]]}", 400, "invalid_json",
     "null", "deep"},
    {"/v1/embeddings", "{\"model\":\"m\"}", 400, "missing_required_parameter", "\"input\"",
     "missing required field 'input'"},
};

static void expect_error(const struct flow_answer *a, const char *code, const char *param)
{
    char text[128];

    cr_expect(a->whole);
    cr_expect(str_eqz(flow_field(a, "content-type"), "application/json"));
    cr_expect(str_eqz(flow_field(a, "x-sluice-error"), code), "%s", a->head.data);
    cr_expect_not_null(flow_field(a, "x-request-id").ptr);
    cr_expect(strncmp(a->body.data, "{\"error\":{\"message\":\"", 21) == 0, "%s", a->body.data);
    snprintf(text, sizeof(text), "\"param\":%s,\"code\":\"%s\"}}", param, code);
    cr_expect_not_null(strstr(a->body.data, text), "%s", a->body.data);
}

Test(flow_refusals, of_what_a_client_asks)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;

        flow_start(&f, MODELS ",'http':{'max_json_depth':4}");
        flow_open(&f, &c);
        flow_post(&c, rows[i].path, NULL, rows[i].body);
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.status, rows[i].status, "%s: %d", rows[i].body, a.status);
        expect_error(&a, rows[i].code, rows[i].param);
        cr_expect_not_null(strstr(a.body.data, rows[i].says), "%s", a.body.data);
        cr_expect(str_eqz(flow_field(&a, "x-should-retry"), "false"));
        cr_expect_null(flow_field(&a, "retry-after").ptr);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_REFUSED], 1);
        cr_expect_eq(script_count(f.w.up), 0);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

#define JSON "Content-Type: application/json\r\n"

/* What the body is said to be; every field that says it counts. */
static const struct {
    const char *fields;
    int status;
} kinds[] = {
    {"", 415},
    {"Content-Type: application/json\r\n", 200},
    {"Content-Type: Application/JSON ; charset=UTF-8\r\n", 200},
    {"Content-Type: application/json\r\ncontent-type: application/json\r\n", 200},
    {"Content-Type: text/plain\r\n", 415},
    {"Content-Type: text/plain; application/json\r\n", 415},
    {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
    {"Content-Type: application/vnd.api+json\r\n", 415},
    {"Content-Type: application/jsonx\r\n", 415},
    {"Content-Type: application/json, text/plain\r\n", 415},
    {"Content-Type: application/json\r\nContent-Type: text/plain\r\n", 415},
    {"Content-Type:\r\n", 415},
    {JSON "Content-Encoding: identity\r\n", 200},
    {JSON "Content-Encoding: gzip\r\n", 415},
    {JSON "Content-Encoding: identity, gzip\r\n", 415},
    {JSON "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", 415},
};

Test(flow_refusals, of_what_a_body_is)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
        char head[512], want[32];
        struct flow_world f;
        struct flow_client c;

        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &c);
        snprintf(head, sizeof(head),
                 "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n%s"
                 "Content-Length: %zu\r\n\r\n",
                 kinds[i].fields, strlen(WORD_ASK));
        flow_write(&c, str_of(head));
        flow_write(&c, str_of(WORD_ASK));
        snprintf(want, sizeof(want), "HTTP/1.1 %d ", kinds[i].status);
        cr_expect(flow_wait_text(&c, "\r\n\r\n"), "%s", kinds[i].fields);
        cr_expect(str_starts(buf_str(&c.in), want), "%s: %.40s", kinds[i].fields, c.in.data);
        cr_expect_eq(script_count(f.w.up), kinds[i].status == 200, "%s", kinds[i].fields);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* The last word: what it says about coming back is the earliest time a region may return. */
static const struct {
    const char *name;
    struct script_answer answer;
    int64_t min_ms, max_ms;
    int before; /* requests that end so first */
    int status; /* 0: 503 */
    const char *code;
} finals[] = {
    {"closed still", {.region = "a", .status = 503}, 1000, 1000, 0, 0, NULL},
    {"open", {.region = "a", .status = 500}, 1000, 20000, 1, 0, NULL},
    {"cooling for a stated time",
     {.region = "a", .status = 429, .fields = "Retry-After: 90\n"},
     89000,
     90000,
     0,
     429,
     "rate_limit_exceeded"},
    {"cooling for no stated time",
     {.region = "a", .status = 429},
     1000,
     1000,
     0,
     429,
     "rate_limit_exceeded"},
    {"out of credit",
     {.region = "a", .status = 402},
     599000,
     600000,
     0,
     402,
     "insufficient_quota"},
    {"our key refused once",
     {.region = "a", .status = 401},
     1000,
     1000,
     0,
     401,
     "keys_refused"},
    {"our key refused twice",
     {.region = "a", .status = 401},
     1000,
     1000,
     1,
     401,
     "keys_refused"},
    {"our key refused three times",
     {.region = "a", .status = 401},
     59000,
     60000,
     2,
     401,
     "keys_refused"},
};

Test(flow_refusals, the_last_word)
{
    for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
        bool opens = finals[i].answer.status == 500;
        bool hopeless = finals[i].status == 401 || finals[i].status == 402;
        const char *code = finals[i].code != NULL ? finals[i].code : "no_region_available";
        struct flow_world f;
        struct flow_answer a;
        char extra[512];

        snprintf(extra, sizeof(extra),
                 MODELS ",'retry':{'num_retries':0},'breaker':{'failure_threshold':%d,"
                        "'recovery_timeout':'20s'}",
                 opens ? 1 : 5);
        for (int again = 0; again <= finals[i].before; again++) {
            struct script_answer answer = finals[i].answer;
            uint64_t s, ms;

            if (again == 0)
                flow_start(&f, extra);
            answer.for_ever = true;
            script_set(f.w.up, &answer, 1);
            flow_ask(&f, NULL, WORD_ASK, &a);
            cr_expect_eq(a.status, finals[i].status > 0 ? finals[i].status : 503, "row '%s'",
                         finals[i].name);
            expect_error(&a, code, "null");
            cr_expect_eq(flow_field(&a, "x-should-retry").ptr != NULL, hopeless, "row '%s'",
                         finals[i].name);
            cr_expect(str_eqz(flow_field(&a, "x-sluice-attempts"), "1"), "row '%s'",
                      finals[i].name);
            cr_assert(str_to_u64(flow_field(&a, "retry-after-ms"), &ms));
            cr_assert(str_to_u64(flow_field(&a, "retry-after"), &s));
            cr_expect_eq(s, (ms + 999) / 1000);
            cr_expect(again < finals[i].before ||
                          ((int64_t)ms >= finals[i].min_ms && (int64_t)ms <= finals[i].max_ms),
                      "row '%s': %llu ms", finals[i].name, (unsigned long long)ms);
            if (again < finals[i].before)
                flow_drain_loop(&f, 10);
            flow_answer_release(&a);
        }
        flow_stop(&f);
    }
}

/* As many at once as http.max_requests says; the next one is told so, and then there is room.
 */
Test(flow_refusals, max_requests)
{
    struct script_answer answer = {
        .region = "a", .status = 200, .body = WORD_ANSWER, .waits = true, .for_ever = true};
    struct flow_world f;
    struct flow_client c[2];
    struct flow_answer a;

    flow_start(&f, "'http':{'max_requests':2}");
    script_set(f.w.up, &answer, 1);
    for (int i = 0; i < 2; i++) {
        flow_open(&f, &c[i]);
        flow_post(&c[i], "/v1/chat/completions", NULL, WORD_ASK);
        cr_assert(flow_wait_calls(&f, (size_t)i + 1));
    }
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 503);
    expect_error(&a, "overloaded", "null");
    cr_expect(str_eqz(flow_field(&a, "retry-after"), "1"));
    flow_answer_release(&a);
    script_release(f.w.up);
    for (int i = 0; i < 2; i++) {
        flow_wait_answer(&c[i], &a);
        cr_expect_eq(a.status, 200);
        flow_answer_release(&a);
        flow_close(&c[i]);
    }
    flow_open(&f, &c[0]);
    flow_post(&c[0], "/v1/chat/completions", NULL, WORD_ASK);
    cr_expect(flow_wait_calls(&f, 3), "there is room again");
    flow_close(&c[0]);
    flow_stop(&f);
}

static bool has_no_connection(void *arg)
{
    const struct flow_world *f = arg;

    return server_connections(f->server) == 0;
}

/* Draining: what runs is finished, retries included; the connection goes with it. */
Test(flow_refusals, drain)
{
    struct script_answer answers[] = {
        {.region = "a", .status = 503, .waits = true},
        {.region = "b", .status = 200, .fields = WORD_SSE, .body = WORD_HI "|~|" WORD_STOP}};
    struct flow_world f;
    struct flow_client busy, idle;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, answers, 2);
    flow_open(&f, &idle);
    flow_open(&f, &busy);
    flow_post(&busy, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_calls(&f, 1));
    server_drain(f.server);
    script_release(f.w.up);
    cr_expect(flow_wait_text(&busy, "\"hi\""));
    cr_expect_eq(f.w.requests != NULL, true);
    script_release(f.w.up);
    flow_wait_answer(&busy, &a);
    cr_expect(a.whole);
    cr_expect_str_eq(a.body.data, WORD_HI WORD_STOP WORD_DONE);
    cr_expect(str_ieqz(flow_field(&a, "connection"), "close"));
    flow_close(&busy);
    cr_expect(flow_until(&f, has_no_connection, &f), "a connection is left");
    flow_answer_release(&a);
    flow_close(&idle);
    flow_stop(&f);
}
