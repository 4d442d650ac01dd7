/* test_answer.c - a plain answer: the vendor's bytes, its fields that pass, and our own. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/log.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define CHOICE "{\"message\":{\"content\":\"hello\"},\"finish_reason\":\"stop\"}"

#define CHARS_32 "0123456789abcdef0123456789abcdef"
#define LONGEST  CHARS_32 CHARS_32 CHARS_32 CHARS_32

/* Every kind of field a vendor's answer may carry; NULL: it must not reach the client. */
static const struct {
    const char *line, *name, *want;
} fields[] = {
    {"Content-Type: application/json; charset=utf-8\n", "content-type",
     "application/json; charset=utf-8"},
    {"x-ratelimit-remaining-requests: 59\n", "x-ratelimit-remaining-requests", "59"},
    {"retry-after: 7\n", "retry-after", "7"},
    {"anthropic-organization-id: org\n", "anthropic-organization-id", "org"},
    {"openai-processing-ms: 41\n", "openai-processing-ms", "41"},
    {"X-RateLimit-Reset-Tokens: 6m0s\n", "x-ratelimit-reset-tokens", "6m0s"},
    {"request-id: req_1\n", "request-id", "req_1"},
    {"apim-request-id: 1-2\n", "apim-request-id", "1-2"},
    {"x-ms-region: East US\n", "x-ms-region", "East US"},
    {"retry-after-ms: 7000\n", "retry-after-ms", "7000"},
    {"x-should-retry: false\n", "x-should-retry", "false"},
    {"Cache-Control: no-store\n", "cache-control", "no-store"},
    {"openai-version:\n", "openai-version", ""},
    {"x-vendor-thing: yes\n", "x-vendor-thing", NULL},
    {"openai: yes\n", "openai", NULL},
    {"Access-Control-Allow-Origin: *\n", "access-control-allow-origin", NULL},
    {"Access-Control-Allow-Credentials: true\n", "access-control-allow-credentials", NULL},
    {"Access-Control-Expose-Headers: *\n", "access-control-expose-headers", NULL},
    {"Cross-Origin-Resource-Policy: cross-origin\n", "cross-origin-resource-policy", NULL},
    {"Timing-Allow-Origin: *\n", "timing-allow-origin", NULL},
    {"Clear-Site-Data: \"*\"\n", "clear-site-data", NULL},
    {"Content-Security-Policy: default-src *\n", "content-security-policy", NULL},
    {"Content-Location: /x\n", "content-location", NULL},
    {"Content-Disposition: attachment\n", "content-disposition", NULL},
    {"Location: https://evil.example\n", "location", NULL},
    {"Refresh: 0; url=https://evil.example\n", "refresh", NULL},
    {"Link: <https://evil.example>; rel=preload\n", "link", NULL},
    {"Report-To: {}\n", "report-to", NULL},
    {"NEL: {}\n", "nel", NULL},
    {"Via: 1.1 proxy\n", "via", NULL},
    {"Age: 7\n", "age", NULL},
    {"ETag: \"x\"\n", "etag", NULL},
    {"Vary: Origin\n", "vary", NULL},
    {"Accept-Ranges: bytes\n", "accept-ranges", NULL},
    {"Service-Worker-Allowed: /\n", "service-worker-allowed", NULL},
    {"X-Accel-Redirect: /internal\n", "x-accel-redirect", NULL},
    {"X-Sendfile: /etc/passwd\n", "x-sendfile", NULL},
    {"Set-Cookie2: session=1\n", "set-cookie2", NULL},
    {"Keep-Alive: timeout=5\n", "keep-alive", NULL},
    {"Proxy-Authenticate: Basic\n", "proxy-authenticate", NULL},
    {"Proxy-Connection: close\n", "proxy-connection", NULL},
    {"TE: gzip\n", "te", NULL},
    {"Trailer: x-sum\n", "trailer", NULL},
    {"Upgrade: h2c\n", "upgrade", NULL},
    {"Connection: openai-private, close\nopenai-private: 1\n", "openai-private", NULL},
    {"openai-hop: 1\nconnection:close ,\tOpenAI-Hop\n", "openai-hop", NULL},
    {"Set-Cookie: session=1\n", "set-cookie", NULL},
    {"WWW-Authenticate: Bearer\n", "www-authenticate", NULL},
    {"openai-echo: Bearer key-a\n", "openai-echo", NULL},
    {"openai-echo: Bearer key-\n", "openai-echo", "Bearer key-"},
    {"Server: nginx\n", "server", NULL},
    {"Alt-Svc: h3\n", "alt-svc", NULL},
    {"Strict-Transport-Security: max-age=1\n", "strict-transport-security", NULL},
    {"x-sluice-error: forged\n", "x-sluice-error", NULL},
    {"x-sluice-region: forged\n", "x-sluice-region", "a"},
    {"x-sluice-degraded: forged\n", "x-sluice-degraded", NULL},
    {"x-request-id: vendors\n", "x-request-id", "mine-1"},
    {"x-request-id: vendors\n", "x-sluice-upstream-request-id", "vendors"},
    {"request-id: req_1\n", "x-sluice-upstream-request-id", "req_1"},
    {"apim-request-id: 1-2\n", "x-sluice-upstream-request-id", "1-2"},
    {"apim-request-id: 1-2\nX-Request-ID: 3\n", "x-sluice-upstream-request-id", "3"},
    {"x-sluice-upstream-request-id: forged\n", "x-sluice-upstream-request-id", NULL},
    {"", "x-sluice-upstream-request-id", NULL},
    {"x-request-id:\n", "x-sluice-upstream-request-id", NULL},
    {"x-request-id: a b\n", "x-sluice-upstream-request-id", NULL},
    {"x-request-id: a\"b\n", "x-sluice-upstream-request-id", NULL},
    {"x-request-id: a=b\n", "x-sluice-upstream-request-id", NULL},
    {"x-request-id: key-a\n", "x-sluice-upstream-request-id", NULL},
    {"x-request-id: " LONGEST "\n", "x-sluice-upstream-request-id", LONGEST},
    {"x-request-id: " LONGEST "x\n", "x-sluice-upstream-request-id", NULL},
};

/* A vendor may quote our key in what is the client's own mistake. */
Test(flow_answer, an_error_that_quotes_our_key)
{
    static const struct {
        int status, want;
        const char *fields, *body;
    } rows[] = {
        {400, 400, WORD_JSON, "{\"error\":{\"message\":\"key-a is no model\",\"code\":\"x\"}}"},
        {404, 404, WORD_JSON, "{\"error\":{\"message\":\"no key-a\",\"code\":\"x\"}}"},
        {422, 422, WORD_JSON, "{\"detail\":\"Bearer key-a\"}"},
        {200, 400, WORD_JSON,
         "{\"error\":{\"type\":\"invalid_request_error\",\"message\":\"key-a\"}}"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answer = {.region = "a",
                                       .status = rows[i].status,
                                       .fields = rows[i].fields,
                                       .body = rows[i].body};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_eq(a.status, rows[i].want, "row %zu: %d", i, a.status);
        cr_expect_null(strstr(a.body.data, "key-a"), "row %zu: %s", i, a.body.data);
        cr_expect_not_null(strstr(a.body.data, "*****"), "row %zu: %s", i, a.body.data);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

Test(flow_answer, fields_that_pass)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        struct script_answer answer = {
            .region = "a", .status = 200, .fields = fields[i].line, .body = WORD_ANSWER};
        struct flow_world f;
        struct flow_answer a;
        struct str got;

        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, "X-Request-Id: mine-1\r\n", WORD_ASK, &a);
        cr_expect_eq(a.status, 200);
        cr_expect_str_eq(a.body.data, WORD_ANSWER);
        got = flow_field(&a, fields[i].name);
        if (fields[i].want == NULL)
            cr_expect_null(got.ptr, "%s came as '%.*s'", fields[i].name, STR_ARG(got));
        else
            cr_expect(got.ptr != NULL && str_eqz(got, fields[i].want), "%s: '%.*s', want '%s'",
                      fields[i].name, (int)got.len, got.ptr != NULL ? got.ptr : "",
                      fields[i].want);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

Test(flow_answer, own_fields_stand_once)
{
    static const char *const names[] = {"x-request-id",      "x-sluice-region",
                                        "x-sluice-attempts", "x-sluice-overhead-us",
                                        "content-length",    "date"};
    struct script_answer answer = {.region = "a",
                                   .status = 201,
                                   .fields = "Content-Length: 999\nDate: x\nx-request-id: 1\n",
                                   .body = "{\"choices\":[|" CHOICE "]}"};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 201);
    cr_expect(a.whole);
    cr_expect_str_eq(a.body.data, "{\"choices\":[" CHOICE "]}");
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char line[64];
        size_t n = 0;

        for (char *p = a.head.data; *p != '\0'; p++)
            if (p > a.head.data && p[-1] == '\n' &&
                str_istarts((struct str){p, strlen(p)}, names[i]) && p[strlen(names[i])] == ':')
                n++;
        snprintf(line, sizeof(line), "%s", names[i]);
        cr_expect_eq(n, 1, "%s stands %zu times", line, n);
    }
    cr_expect(str_eqz(flow_field(&a, "x-sluice-attempts"), "1"));
    flow_answer_release(&a);
    flow_stop(&f);
}

/* The time a vendor takes is not the router's: not of a plain answer, not of a stream. */
Test(flow_answer, overhead_is_the_routers_alone)
{
    static const char *const asks[] = {WORD_ASK, WORD_STREAM};
    struct script_answer answers[] = {
        {.region = "a", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER, .waits = true},
        {.region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_WHOLE, .waits = true}};
    struct flow_world f;
    uint64_t us;

    flow_start(&f, NULL);
    script_set(f.w.up, answers, 2);
    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        struct flow_client c;
        struct flow_answer a;
        struct timeval tv = {1, 0};

        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, asks[i]);
        cr_assert(flow_wait_calls(&f, i + 1));
        event_base_loopexit(f.base, &tv); /* the vendor thinks for this long */
        event_base_dispatch(f.base);
        script_release(f.w.up);
        flow_wait_answer(&c, &a);
        cr_assert(str_to_u64(flow_field(&a, "x-sluice-overhead-us"), &us));
        cr_expect_lt(us, 900000, "%s: %llu us", asks[i], (unsigned long long)us);
        flow_answer_release(&a);
        flow_close(&c);
    }
    cr_expect_lt(f.w.slot->overhead.sum_us, 900000);
    cr_expect_eq(f.w.slot->region[0].first_byte.count, 2, "time to first byte is measured");
    flow_stop(&f);
}

static char lines[4096];

static void keep_lines(enum log_level level, const char *line)
{
    (void)level;
    cr_assert_lt(strlen(lines) + strlen(line) + 2, sizeof(lines));
    strncat(lines, line, sizeof(lines) - strlen(lines) - 1);
}

Test(flow_answer, the_log_has_the_vendors_id)
{
    struct script_answer answers[] = {
        {.region = "a", .status = 503, .fields = "x-request-id: first-1\n"},
        {.region = "b",
         .status = 200,
         .fields = WORD_JSON "request-id: second-2\n",
         .body = WORD_ANSWER}};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    log_set_level(LOG_DEBUG);
    log_set_sink(keep_lines);
    script_set(f.w.up, answers, 2);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect(str_eqz(flow_field(&a, "x-sluice-upstream-request-id"), "second-2"));
    const char *first = strstr(lines, "n=1 region=a outcome=server_error"),
               *last = strstr(lines, "request ended result=ok");

    cr_assert(first != NULL && last != NULL, "%s", lines);
    cr_expect_not_null(strstr(first, " upstream_id=first-1"), "%s", lines);
    cr_expect_not_null(strstr(last, " upstream_id=second-2"), "%s", lines);
    flow_answer_release(&a);
    flow_stop(&f);
}

static const struct {
    const char *given;
    bool kept;
} ids[] = {
    {"abc-1._Z", true},
    {"0123456789012345678901234567890123456789012345678901234567890123", true},
    {"01234567890123456789012345678901234567890123456789012345678901234", false},
    {"has space", false},
    {"quote\"", false},
    {"", false},
};

Test(flow_answer, request_id_is_taken_or_made)
{
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
        struct flow_world f;
        struct flow_answer a;
        struct str id;
        char line[128], sent[160];

        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        snprintf(line, sizeof(line), "X-Request-ID: %s\r\n", ids[i].given);
        flow_ask(&f, line, WORD_ASK, &a);
        id = flow_field(&a, "x-request-id");
        cr_assert_not_null(id.ptr);
        cr_expect_eq(str_eqz(id, ids[i].given), ids[i].kept, "'%s'", ids[i].given);
        if (!ids[i].kept)
            cr_expect(id.len == 24 && str_starts(id, "req_"));
        snprintf(sent, sizeof(sent), "X-Request-Id: %.*s\n", STR_ARG(id));
        cr_expect_not_null(strstr(script_call(f.w.up, 0)->headers.data, sent), "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

#define MODELS "{\"data\":[{\"id\":\"hello\"}]}"

/* Paths that go upstream, and those that are ours. */
static const struct {
    const char *request;
    const char *url; /* NULL: answered here */
    const char *method;
    int status;
    const char *has;
    const char *answer; /* the region's; NULL: it is not asked */
} paths[] = {
    {"POST /v1/chat/completions", "http://a.test/v1/chat/completions", "POST", 200, "hello",
     WORD_ANSWER},
    {"POST /v1/completions", "http://a.test/v1/completions", "POST", 200, "hello",
     "{\"choices\":[{\"text\":\"hello\",\"finish_reason\":\"stop\"}]}"},
    {"POST /v1/embeddings", "http://a.test/v1/embeddings", "POST", 200, "hello",
     "{\"data\":[{\"embedding\":[1]}],\"model\":\"hello\"}"},
    {"GET /v1/models", "http://a.test/v1/models", "GET", 200, "hello", MODELS},
    {"HEAD /v1/models", "http://a.test/v1/models", "GET", 200, NULL, MODELS},
    {"GET /v1/models/x", NULL, NULL, 404, "model_not_found", NULL},
    {"GET /v1/models/x", NULL, NULL, 404, "the config names no models", NULL},
    {"GET /v1/chat/completions", NULL, NULL, 405, "method_not_allowed", NULL},
    {"POST /v1/models", NULL, NULL, 405, "method_not_allowed", NULL},
    {"GET /", NULL, NULL, 404, "unknown_path", NULL},
    {"POST /v1/chat/completions/", NULL, NULL, 404, "unknown_path", NULL},
    {"POST /v1/audio/speech", NULL, NULL, 404, "unknown_path", NULL},
};

Test(flow_answer, paths)
{
    static const char body[] = "{\"model\":\"m\",\"messages\":[1],\"input\":\"x\"}";

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct script_answer answer = {
            .region = "a", .status = 200, .fields = WORD_JSON, .body = paths[i].answer};
        bool post = str_starts(str_of(paths[i].request), "POST");
        struct flow_world f;
        struct flow_client c;
        char text[512];

        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &c);
        snprintf(text, sizeof(text),
                 "%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 paths[i].request, post ? strlen(body) : 0, post ? body : "");
        flow_write(&c, str_of(text));
        snprintf(text, sizeof(text), "HTTP/1.1 %d ", paths[i].status);
        cr_expect(flow_wait_text(&c, "\r\n\r\n"), "%s", paths[i].request);
        cr_expect(str_starts(buf_str(&c.in), text), "%s: %.40s", paths[i].request, c.in.data);
        if (paths[i].has != NULL)
            cr_expect(flow_wait_text(&c, paths[i].has), "%s", paths[i].request);
        else
            cr_expect_null(strstr(c.in.data, "hello"), "HEAD with a body");
        cr_expect_eq(script_count(f.w.up), paths[i].url != NULL, "%s", paths[i].request);
        if (paths[i].url != NULL && script_count(f.w.up) > 0) {
            cr_expect_str_eq(script_call(f.w.up, 0)->url, paths[i].url);
            cr_expect_str_eq(script_call(f.w.up, 0)->method, paths[i].method);
        }
        flow_close(&c);
        flow_stop(&f);
    }
}

/* The answer's framing is ours: a body larger than is held goes through as it comes. */
Test(flow_answer, larger_than_is_held_passes)
{
    for (int over = -1; over <= 1; over++) {
        char body[1200];
        struct script_answer answer = {
            .region = "a", .status = 200, .fields = WORD_JSON, .body = body};
        struct flow_world f;
        struct flow_answer a;

        snprintf(body, sizeof(body), "{\"choices\":[" CHOICE "],\"x\":\"%0*d\"}",
                 1024 + over - (int)strlen("{\"choices\":[" CHOICE "],\"x\":\"\"}"), 0);
        cr_assert_eq((int)strlen(body), 1024 + over);
        flow_start(&f, "'upstream':{'max_answer_bytes':'1KiB'}");
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_eq(a.status, 200);
        cr_expect(a.whole);
        cr_expect_eq(a.chunked, over > 0, "%zu bytes", strlen(body));
        cr_expect_str_eq(a.body.data, body);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_OK], 1);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* Cut while it was passed through: the client must notice. */
Test(flow_answer, cut_after_it_began_is_visible)
{
    char body[1200];
    struct script_answer answer = {
        .region = "a", .status = 200, .body = body, .end = UPSTREAM_CUT};
    struct flow_world f;
    struct flow_answer a;

    snprintf(body, sizeof(body), "[%01100d]", 0);
    flow_start(&f, "'upstream':{'max_answer_bytes':'1KiB'}");
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 200);
    cr_expect_not(a.whole);
    cr_expect_eq(f.w.slot->requests[METRICS_REQ_FAILED], 1);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* Nobody asked for a stream, and one came. */
Test(flow_answer, stream_to_a_plain_request_passes)
{
    struct script_answer answer = {
        .region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_WHOLE};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect(a.whole);
    cr_expect(str_eqz(flow_field(&a, "content-type"), "text/event-stream"));
    cr_expect_str_eq(a.body.data, WORD_WHOLE);
    flow_answer_release(&a);
    flow_stop(&f);
}
