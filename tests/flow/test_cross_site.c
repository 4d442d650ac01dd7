/* test_cross_site.c - what a web page is told, and that what it may not send reaches nobody. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define PAGE   "https://app.example.com"
#define CORS   "'http':{'cors':['" PAGE "']}"
#define ORIGIN "Origin: " PAGE "\r\n"

static void send(struct flow_world *f, const char *request, struct flow_answer *a)
{
    struct flow_client c;

    flow_open(f, &c);
    flow_write(&c, str_of(request));
    flow_wait_answer(&c, a);
    flow_close(&c);
}

static void expect_field(const struct flow_answer *a, const char *name, const char *want)
{
    struct str value = flow_field(a, name);

    if (want == NULL)
        cr_expect_null(value.ptr, "%s: %.*s", name, STR_ARG(value));
    else
        cr_expect(str_eqz(value, want), "%s is '%.*s', not '%s'", name, STR_ARG(value), want);
}

static const struct {
    const char *extra, *request;
    int status;
    const char *code, *says;
} refused[] = {
    {NULL, "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" ORIGIN, 403,
     "origin_not_allowed", "http.cors"},
    {NULL,
     "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" ORIGIN
     "Access-Control-Request-Method: POST\r\n",
     403, "origin_not_allowed", "http.cors"},
    {CORS,
     "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: https://b\r\n"
     "Access-Control-Request-Method: POST\r\n",
     403, "origin_not_allowed", "http.cors"},
    {NULL, "GET /v1/models HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n", 403,
     "origin_not_allowed", "http.cors"},
    {NULL, "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n", 421, "misdirected_request",
     "http.hosts"},
    {CORS, "POST /v1/chat/completions HTTP/1.1\r\nHost: evil.example\r\n" ORIGIN, 421,
     "misdirected_request", "http.hosts"},
};

Test(flow_cross_site, refused_before_anybody_is_called)
{
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct flow_world f;
        struct flow_answer a;
        char text[1024];

        flow_start(&f, refused[i].extra);
        snprintf(text, sizeof(text),
                 "%sContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 refused[i].request, strlen(WORD_ASK), WORD_ASK);
        send(&f, text, &a);
        cr_expect_eq(a.status, refused[i].status, "row %zu: %d", i, a.status);
        expect_field(&a, "x-sluice-error", refused[i].code);
        cr_expect_not_null(strstr(a.body.data, refused[i].says), "%s", a.body.data);
        cr_expect_eq(script_count(f.w.up), 0, "row %zu", i);
        cr_expect_eq(f.w.slot->http_refused, 1u, "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

static const struct {
    const char *extra, *request;
    int status;
    const char *origin, *methods, *fields, *network;
} preflights[] = {
    {CORS, ORIGIN "Access-Control-Request-Method: POST\r\n", 204, PAGE, "POST", NULL, NULL},
    {CORS,
     ORIGIN
     "Access-Control-Request-Method: POST\r\n"
     "Access-Control-Request-Headers: authorization,content-type, X-Stainless-Lang,cookie,"
     "openai-beta,x-y,a b,\r\n",
     204, PAGE, "POST", "authorization, content-type, X-Stainless-Lang, openai-beta", NULL},
    {CORS,
     ORIGIN "Access-Control-Request-Method: POST\r\n"
            "Access-Control-Request-Private-Network: true\r\n",
     204, PAGE, "POST", NULL, "true"},
    {"'http':{'cors':['*']}", "Origin: https://b\r\nAccess-Control-Request-Method: DELETE\r\n",
     204, "https://b", "POST", NULL, NULL},
    {CORS, ORIGIN, 405, PAGE, NULL, NULL, NULL}, /* no preflight */
    {CORS, "", 405, NULL, NULL, NULL, NULL},
};

Test(flow_cross_site, a_page_that_may_ask_is_told_how)
{
    for (size_t i = 0; i < ARRAY_LEN(preflights); i++) {
        struct flow_world f;
        struct flow_answer a;
        char text[1024];

        flow_start(&f, preflights[i].extra);
        snprintf(text, sizeof(text),
                 "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
                 preflights[i].request);
        send(&f, text, &a);
        cr_expect(a.whole && a.status == preflights[i].status, "row %zu: %d", i, a.status);
        expect_field(&a, "access-control-allow-origin", preflights[i].origin);
        expect_field(&a, "access-control-allow-methods", preflights[i].methods);
        expect_field(&a, "access-control-allow-headers", preflights[i].fields);
        expect_field(&a, "access-control-allow-private-network", preflights[i].network);
        expect_field(&a, "access-control-allow-credentials", NULL);
        expect_field(&a, "access-control-max-age",
                     preflights[i].methods != NULL ? "600" : NULL);
        expect_field(&a, "vary", "Origin");
        cr_expect_eq(script_count(f.w.up), 0);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

Test(flow_cross_site, every_answer_can_be_read_by_the_page)
{
    struct script_answer answers[] = {
        {.region = "a",
         .status = 200,
         .fields = WORD_JSON "Access-Control-Allow-Origin: *\n",
         .body = WORD_ANSWER},
        {.region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_HI "|" WORD_STOP},
        {.region = "a", .status = 200, .body = WORD_ANSWER}};
    static const char *const asks[] = {WORD_ASK, WORD_STREAM, "{", WORD_ASK};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, CORS);
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        bool page = i < 3;

        flow_ask(&f, page ? ORIGIN : NULL, asks[i], &a);
        cr_expect_eq(a.status, i == 2 ? 400 : 200, "%zu: %d", i, a.status);
        expect_field(&a, "access-control-allow-origin", page ? PAGE : NULL);
        expect_field(&a, "vary", "Origin");
        cr_expect_eq(flow_times(buf_str(&a.head), "llow-Origin"), page ? 1u : 0u, "%s",
                     a.head.data);
        cr_expect_eq(str_starts(flow_field(&a, "access-control-expose-headers"),
                                "x-request-id, x-sluice-region, "),
                     page);
        flow_answer_release(&a);
    }
    send(&f,
         "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n" ORIGIN
         "Content-Length: x\r\n\r\n",
         &a);
    cr_expect_eq(a.status, 400, "framing that nobody understands");
    expect_field(&a, "access-control-allow-origin", PAGE);
    flow_answer_release(&a);
    flow_stop(&f);
}
