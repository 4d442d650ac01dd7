/* test_credentials.c - a secret goes only to the host that owns it. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What a client may send along; sent: it goes on to the region as it is. */
static const struct {
    const char *line;
    bool sent;
} lines[] = {
    {"Authorization: Bearer sk-client", false},
    {"authorization: Basic sk-client", false},
    {"x-api-key: sk-client", false},
    {"X-API-KEY: sk-client", false},
    {"api-key: sk-client", false},
    {"Cookie: session=sk-client", false},
    {"Proxy-Authorization: Basic sk-client", false},
    {"OpenAI-Organization: sk-client", false},
    {"OpenAI-Project: sk-client", false},
    {"x-goog-api-key: sk-client", false},
    {"X-Auth-Token: sk-client", false},
    {"x-amz-security-token: sk-client", false},
    {"X-Region: sk-client", false},
    {"X-Forwarded-For: sk-client", false},
    {"Referer: sk-client", false},
    {"Accept-Encoding: gzip", false},
    {"Range: bytes=0-1", false},
    {"Expect: 100-continue", false},
    {"Connection: X-Stainless-Os\r\nx-stainless-os: sk-client", false},
    {"traceparent: sk-client\r\nConnection: x\r\nConnection: close , TraceParent", false},
    {"User-Agent: openai/1.2", true},
    {"OpenAI-Beta: assistants=v2", true},
    {"Idempotency-Key: k-1", true},
    {"traceparent: 00-1-2-01", true},
    {"x-stainless-lang: js", true},
    {"X-Client-Request-Id: z", true},
};

Test(flow_credentials, clients_fields)
{
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
        struct flow_world f;
        struct flow_answer a;
        char more[128], line[128];
        const char *headers;

        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        snprintf(more, sizeof(more), "%s\r\n", lines[i].line);
        flow_ask(&f, more, WORD_ASK, &a);
        cr_assert_eq(script_count(f.w.up), 1, "%s", lines[i].line);
        headers = script_call(f.w.up, 0)->headers.data;
        snprintf(line, sizeof(line), "%s\n", lines[i].line);
        cr_expect_eq(strcasestr(headers, line) != NULL, lines[i].sent, "%s", lines[i].line);
        cr_expect_null(strstr(headers, "sk-client"), "%s", lines[i].line);
        cr_expect_not_null(strstr(headers, "Authorization: Bearer key-a\n"));
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* Three regions in one request: each sees its own key in its own form, and no other's. */
Test(flow_credentials, each_region_its_own)
{
    static const struct {
        const char *has, *not1, *not2;
    } want[] = {
        {"\nAuthorization: Bearer key-a\n", "key-b", "moon"},
        {"\nx-api-key: key-b\n", "Authorization", "moon"},
        {"\nX-Region: moon\n", "key-a", "key-b"},
    };
    struct script_answer answers[] = {{.region = "a", .status = 503, .body = ""},
                                      {.region = "b", .status = 503, .body = ""},
                                      {.region = "c", .status = 200, .body = WORD_ANSWER}};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, answers, 3);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 200);
    cr_assert_str_eq(script_story(f.w.up), "a b c");
    for (size_t i = 0; i < 3; i++) {
        const char *headers = script_call(f.w.up, i)->headers.data;

        cr_expect_not_null(strstr(headers, want[i].has), "%zu: %s", i, headers);
        cr_expect_null(strstr(headers, want[i].not1), "%zu: %s", i, headers);
        cr_expect_null(strstr(headers, want[i].not2), "%zu: %s", i, headers);
    }
    flow_answer_release(&a);
    flow_stop(&f);
}

/* Those of a region's config go there alone, and before the client's of the same name. */
Test(flow_credentials, a_regions_own_fields)
{
    struct script_answer answers[] = {
        {.region = "a", .status = 503, .body = ""},
        {.region = "b", .status = 503, .body = ""},
        {.region = "c",
         .status = 400,
         .fields = WORD_JSON "openai-organization: tenant-0123\nopenai-version: 1\n",
         .body = "{\"error\":{\"message\":\"no tenant-0123\",\"type\":\"x\"}}"}};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, answers, 3);
    flow_ask(&f, "X-Tenant: client\r\nOpenAI-Beta: client\r\n", WORD_ASK, &a);
    cr_assert_str_eq(script_story(f.w.up), "a b c");
    for (size_t i = 0; i < 2; i++) {
        const char *headers = script_call(f.w.up, i)->headers.data;

        cr_expect_null(strcasestr(headers, "tenant"), "%s", headers);
        cr_expect_not_null(strcasestr(headers, "\nopenai-beta: client\n"), "%s", headers);
    }
    const char *headers = script_call(f.w.up, 2)->headers.data;

    cr_expect_not_null(strstr(headers, "\nX-Tenant: tenant-0123\n"), "%s", headers);
    cr_expect_not_null(strstr(headers, "\nopenai-beta: ours\n"), "%s", headers);
    cr_expect_null(strstr(headers, "client\n"), "%s", headers);
    cr_expect_eq(a.status, 400);
    cr_expect_null(strstr(a.head.data, "0123"), "%s", a.head.data);
    cr_expect_not_null(strstr(a.head.data, "openai-version: 1"), "%s", a.head.data);
    cr_expect_null(strstr(a.body.data, "0123"), "%s", a.body.data);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* More fields than go on, and every one of them: bounded, the region's own never lost. */
Test(flow_credentials, many_fields)
{
    struct script_answer answer = {.region = "a", .status = 200, .body = WORD_ANSWER};
    struct flow_world f;
    struct flow_answer a;
    struct buf more;

    buf_init(&more, 65536);
    for (int i = 0; i < 90; i++)
        cr_assert_eq(buf_appendf(&more, "x-stainless-%d: %0200d\r\n", i, i), 0);
    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, more.data, WORD_ASK, &a);
    cr_expect_eq(a.status, 200);
    cr_expect_not_null(
        strstr(script_call(f.w.up, 0)->headers.data, "Authorization: Bearer key-a\n"));
    flow_answer_release(&a);
    buf_release(&more);
    flow_stop(&f);
}
