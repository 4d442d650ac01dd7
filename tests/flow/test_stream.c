/* test_stream.c - what a stream's client reads, event for event, however its vendor ends. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define S(r, text, how)                                                                        \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text), .end = (how)         \
    }
#define OFF        "'stream':{'recover':'off'}" /* the region's own end is what counts here */
#define B_WHOLE    S("b", WORD_WHOLE, UPSTREAM_COMPLETE)
#define COMPLETE   UPSTREAM_COMPLETE
#define CUT        UPSTREAM_CUT
#define TRUNCATED  "data: {\"choi\n\n"
#define ERROR_SICK "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n"
#define ERROR_BAD  "data: {\"error\":{\"message\":\"x\",\"type\":\"invalid_request_error\"}}\n\n"
#define BAD_DATA   "{\"error\":{\"message\":\"x\",\"type\":\"invalid_request_error\"}}"
#define ODD                                                                                    \
    ": hello\r\n\r\nevent: x\r\nid: 7\r\nretry: 1\r\n"                                         \
    "data: {\"choices\":[{\"delta\":\r\ndata: {\"content\":\"h\"}}]}\r\n\r\n"

static const struct {
    const char *name;
    struct script_answer answers[3];
    const char *story;
    int status;
    const char *body; /* up to our own error event */
    bool fails;       /* that event, and no proper end */
} rows[] = {
    {"whole", {S("a", WORD_WHOLE, COMPLETE)}, "a", 200, WORD_WHOLE, false},
    {"event by event",
     {S("a", WORD_ROLE "|" WORD_HI "|" WORD_STOP "|" WORD_DONE, COMPLETE)},
     "a",
     200,
     WORD_WHOLE,
     false},
    {"byte-exact, odd spelling",
     {S("a", ODD WORD_STOP WORD_DONE, COMPLETE)},
     "a",
     200,
     ODD WORD_STOP WORD_DONE,
     false},
    {"an event in three pieces",
     {S("a", "data: {\"choices\":[{\"delta\":|{\"content\":\"hi\"}}]}\n|\n" WORD_STOP WORD_DONE,
        COMPLETE)},
     "a",
     200,
     "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n" WORD_STOP WORD_DONE,
     false},
    /* before the first content nobody sees a failure */
    {"cut behind the role", {S("a", WORD_ROLE, CUT), B_WHOLE}, "a b", 200, WORD_WHOLE, false},
    {"comments, then cut",
     {S("a", ": one\n\n|: two\n\n", CUT), B_WHOLE},
     "a b",
     200,
     WORD_WHOLE,
     false},
    {"no event at all", {S("a", "", COMPLETE), B_WHOLE}, "a b", 200, WORD_WHOLE, false},
    {"malformed first event",
     {S("a", TRUNCATED, COMPLETE), B_WHOLE},
     "a b",
     200,
     WORD_WHOLE,
     false},
    {"[DONE] first", {S("a", WORD_DONE, COMPLETE), B_WHOLE}, "a b", 200, WORD_WHOLE, false},
    {"an error first", {S("a", ERROR_SICK, COMPLETE), B_WHOLE}, "a b", 200, WORD_WHOLE, false},
    {"an error behind the role",
     {S("a", WORD_ROLE ERROR_SICK, COMPLETE), B_WHOLE},
     "a b",
     200,
     WORD_WHOLE,
     false},
    {"a refusal first", {S("a", ERROR_BAD, COMPLETE), B_WHOLE}, "a", 400, BAD_DATA, false},
    {"a refusal behind the role",
     {S("a", WORD_ROLE ERROR_BAD, COMPLETE), B_WHOLE},
     "a",
     400,
     BAD_DATA,
     false},
    {"framing broken behind the role",
     {S("a", WORD_ROLE, UPSTREAM_FRAMING), B_WHOLE},
     "a b",
     200,
     WORD_WHOLE,
     false},
    /* after it everybody does */
    {"cut", {S("a", WORD_ROLE WORD_HI, CUT), B_WHOLE}, "a", 200, WORD_ROLE WORD_HI, true},
    {"cut within an event",
     {S("a", WORD_HI "data: {\"cho", CUT), B_WHOLE},
     "a",
     200,
     WORD_HI,
     true},
    {"malformed event",
     {S("a", WORD_HI TRUNCATED WORD_STOP, COMPLETE)},
     "a",
     200,
     WORD_HI,
     true},
    {"error event", {S("a", WORD_HI ERROR_SICK WORD_STOP, COMPLETE)}, "a", 200, WORD_HI, true},
    {"clean end, no finish reason", {S("a", WORD_HI, COMPLETE)}, "a", 200, WORD_HI, true},
    {"[DONE], no finish reason",
     {S("a", WORD_HI WORD_DONE, COMPLETE)},
     "a",
     200,
     WORD_HI,
     true},
    {"framing broken", {S("a", WORD_HI, UPSTREAM_FRAMING)}, "a", 200, WORD_HI, true},
    {"reset", {S("a", WORD_HI, UPSTREAM_RESET)}, "a", 200, WORD_HI, true},
    {"finish, then half an event",
     {S("a", WORD_HI WORD_STOP "data: {", COMPLETE)},
     "a",
     200,
     WORD_HI WORD_STOP WORD_DONE,
     false},
    {"cut within [DONE]",
     {S("a", WORD_HI WORD_STOP "data: [DO", CUT)},
     "a",
     200,
     WORD_HI WORD_STOP WORD_DONE,
     false},
    /* [DONE] is added where a finish reason was seen, and only there */
    {"[DONE] forgotten",
     {S("a", WORD_HI WORD_STOP, COMPLETE)},
     "a",
     200,
     WORD_HI WORD_STOP WORD_DONE,
     false},
    {"cut between finish and [DONE]",
     {S("a", WORD_HI WORD_STOP, CUT)},
     "a",
     200,
     WORD_HI WORD_STOP WORD_DONE,
     false},
    {"finish without content",
     {S("a", WORD_STOP, COMPLETE)},
     "a",
     200,
     WORD_STOP WORD_DONE,
     false},
    /* no stream: played as one */
    {"a plain answer",
     {{.region = "a", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER}},
     "a",
     200,
     WORD_PLAYED WORD_DONE,
     false},
};

Test(flow_stream, bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[3];
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;
        size_t n = 0, want = strlen(rows[i].body);

        memcpy(answers, rows[i].answers, sizeof(answers));
        while (n < 3 && answers[n].region != NULL)
            n++;
        flow_start(&f, "'retry':{'backoff':'0s'}," OFF);
        script_set(f.w.up, answers, n);
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.status, rows[i].status, "row '%s': %d", rows[i].name, a.status);
        cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row '%s'", rows[i].name);
        cr_expect_eq(a.whole, !rows[i].fails, "row '%s'", rows[i].name);
        cr_assert_geq(a.body.len, want, "row '%s': %s", rows[i].name, a.body.data);
        cr_expect(memcmp(a.body.data, rows[i].body, want) == 0, "row '%s': %s", rows[i].name,
                  a.body.data);
        if (rows[i].fails) {
            const char *last = a.body.data + want;

            cr_expect(strncmp(last, "data: {\"error\":{", 16) == 0, "row '%s': %s",
                      rows[i].name, last);
            cr_expect_eq(flow_times(str_of(last), "data:"), 1, "row '%s'", rows[i].name);
            cr_expect(strstr(last, "\"code\":\"stream_broken\"}}\n\n") != NULL ||
                          strstr(last, "\"code\":\"no_finish_reason\"}}\n\n") != NULL,
                      "%s", last);
            cr_expect_eq(flow_times(buf_str(&c.in), "\r\n0\r\n\r\n"), 0, "row '%s'",
                         rows[i].name);
            cr_expect_null(strstr(a.body.data, "[DONE]"), "row '%s'", rows[i].name);
            cr_expect_eq(f.w.slot->requests[METRICS_REQ_FAILED], 1, "row '%s'", rows[i].name);
        } else {
            cr_expect_eq(a.body.len, want, "row '%s': %s", rows[i].name, a.body.data);
        }
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

#define TWO    "{\"model\":\"m\",\"n\":2,\"messages\":[{\"role\":\"user\"}],\"stream\":true}"
#define STOP_1 "data: {\"choices\":[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"

#define HI_1 "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"Hi\"}}]}\n\n"

/* One finish reason does not end a stream of two answers; [DONE] after one does, unless the
 * other has begun. */
Test(flow_stream, every_answer_asked_for_must_finish)
{
    static const struct {
        const char *body;
        bool whole;
    } two[] = {
        {WORD_HI WORD_STOP, false},
        {WORD_HI WORD_STOP STOP_1, true},
        {WORD_HI WORD_STOP WORD_DONE, true},
        {WORD_HI WORD_STOP WORD_STOP, false}, /* the same one twice */
        {WORD_HI HI_1 WORD_STOP WORD_DONE, false},
        {WORD_HI HI_1 STOP_1 WORD_DONE, false},
        {WORD_HI HI_1 STOP_1 WORD_STOP, true},
        {WORD_HI HI_1 STOP_1 WORD_STOP WORD_DONE, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(two); i++) {
        struct script_answer answer = S("a", two[i].body, CUT);
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, OFF);
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, TWO, &a);
        cr_expect_eq(a.whole, two[i].whole, "row %zu", i);
        cr_expect_eq(flow_times(buf_str(&a.body), "[DONE]"), two[i].whole, "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* Errors that look like the end of an answer, or like content, to who knows one shape only. */
Test(flow_stream, errors_of_other_shapes)
{
    static const char *const events[] = {
        "event: error\ndata: {\"message\":\"overloaded\"}\n\n",
        "event: error\ndata: overloaded\n\n",
        "data: {\"choices\":[{\"delta\":{},\"error\":{\"code\":502}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"error\"}]}\n\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        for (int late = 0; late <= 1; late++) { /* behind content, or in front */
            char first[512];
            struct script_answer answers[] = {
                S("a", first, COMPLETE),
                S("b", WORD_HI WORD_STOP WORD_DONE, COMPLETE),
            };
            struct flow_world f;
            struct flow_answer a;

            snprintf(first, sizeof(first), "%s%s%s", late ? WORD_HI : WORD_ROLE, events[i],
                     WORD_STOP WORD_DONE);
            flow_start(&f, "'retry':{'backoff':'0s'}," OFF);
            script_set(f.w.up, answers, 2);
            flow_ask(&f, NULL, WORD_STREAM, &a);
            cr_expect_eq(a.status, 200, "row %zu", i);
            cr_expect_eq(a.whole, !late, "row %zu, late %d", i, late);
            cr_expect_eq(flow_times(buf_str(&a.body), "[DONE]"), !late, "row %zu", i);
            cr_expect_eq(flow_times(buf_str(&a.body), "stream_broken"), late, "row %zu", i);
            flow_answer_release(&a);
            flow_stop(&f);
        }
}

/* Refused for what it says in mid-stream: the vendor's words, and nobody else is asked. */
Test(flow_stream, a_late_refusal_is_the_vendors)
{
#define FLAGGED "data: {\"error\":{\"message\":\"flagged\",\"code\":\"content_filter\"}}\n\n"
    struct script_answer answer = S("a", WORD_HI FLAGGED WORD_STOP WORD_DONE, COMPLETE);
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'retry':{'backoff':'0s'},'stream':{'recover':'always'}");
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, NULL, WORD_STREAM, &a);
    cr_expect_not(a.whole);
    cr_expect_str_eq(a.body.data, WORD_HI FLAGGED);
    cr_expect_eq(f.w.slot->requests[METRICS_REQ_FAILED], 1);
    cr_expect_str_eq(script_story(f.w.up), "a");
    flow_answer_release(&a);
    flow_stop(&f);
}

/* A client of HTTP/1.0 reads until the close: a failure has to be a reset. */
Test(flow_stream, failure_is_a_reset_without_chunks)
{
    for (int fails = 0; fails <= 1; fails++) {
        struct script_answer answer =
            fails ? (struct script_answer)S("a", WORD_HI, CUT)
                  : (struct script_answer)S("a", WORD_HI WORD_STOP, COMPLETE);
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;
        char text[512];

        flow_start(&f, OFF);
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &c);
        snprintf(text, sizeof(text),
                 "POST /v1/chat/completions HTTP/1.0\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
                 strlen(WORD_STREAM), WORD_STREAM);
        flow_write(&c, str_of(text));
        flow_wait_answer(&c, &a);
        cr_expect_not(a.chunked);
        cr_expect_eq(c.reset, fails == 1);
        cr_expect_eq(c.eof, fails == 0);
        cr_expect(strncmp(a.body.data, WORD_HI, strlen(WORD_HI)) == 0);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* The fields of a relayed head, and who served. */
Test(flow_stream, head_names_who_served)
{
    struct script_answer answers[] = {
        S("a", WORD_ROLE, CUT),
        {.region = "b",
         .status = 200,
         .fields = "Content-Type: text/event-stream; charset=utf-8\nx-ratelimit-remaining: 3\n"
                   "Transfer-Encoding: chunked\nSet-Cookie: a=b\n",
         .body = WORD_WHOLE}};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, answers, 2);
    flow_ask(&f, "X-Request-Id: r-1\r\n", WORD_STREAM, &a);
    cr_expect(str_eqz(flow_field(&a, "content-type"), "text/event-stream; charset=utf-8"));
    cr_expect(str_eqz(flow_field(&a, "x-ratelimit-remaining"), "3"));
    cr_expect(str_eqz(flow_field(&a, "x-sluice-region"), "b"));
    cr_expect(str_eqz(flow_field(&a, "x-sluice-attempts"), "2"));
    cr_expect(str_eqz(flow_field(&a, "x-request-id"), "r-1"));
    cr_expect_null(flow_field(&a, "set-cookie").ptr);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* Content is not waited for by anybody: the first event of it opens the answer. */
/* A proxy in front that collects an answer would hold every token until the last one. */
Test(flow_stream, says_that_nobody_may_hold_it_back)
{
    static const struct {
        const char *vendor; /* its fields behind the content type */
        size_t no_cache;    /* lines of Cache-Control */
    } heads[] = {
        {"", 1},
        {"Cache-Control: no-cache, no-transform\nX-Accel-Buffering: no\n", 1},
        {"Cache-Control: no-store\nx-accel-buffering: yes\n", 2},
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        char fields[160];
        struct script_answer answer = {
            .region = "a", .status = 200, .fields = fields, .body = WORD_WHOLE};
        struct flow_world f;
        struct flow_answer a;

        snprintf(fields, sizeof(fields), WORD_SSE "%s", heads[i].vendor);
        flow_start(&f, NULL);
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        cr_expect(a.whole);
        cr_expect(str_eqz(flow_field(&a, "x-accel-buffering"), "no"), "row %zu", i);
        cr_expect_not_null(strstr(a.head.data, "no-cache"), "row %zu", i);
        cr_expect_eq(flow_times(buf_str(&a.head), "-Buffering: ") +
                         flow_times(buf_str(&a.head), "-buffering: "),
                     1, "row %zu", i);
        cr_expect_eq(flow_times(buf_str(&a.head), "Cache-Control: "), heads[i].no_cache,
                     "row %zu: %s", i, a.head.data);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

Test(flow_stream, is_held_until_content_only)
{
    struct script_answer answer =
        S("a", WORD_ROLE "|~|" WORD_HI "|~|" WORD_STOP WORD_DONE, COMPLETE);
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_calls(&f, 1));
    flow_drain_loop(&f, 20);
    cr_expect_eq(c.in.len, 0, "shown before the first content: %s", c.in.data);
    script_release(f.w.up);
    cr_expect(flow_wait_text(&c, "\"content\":\"hi\""));
    cr_expect_null(strstr(c.in.data, "stop"));
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    cr_expect(a.whole);
    cr_expect_str_eq(a.body.data, WORD_WHOLE);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

/* One event up to the limit passes; one byte more ends the stream visibly. */
Test(flow_stream, event_size_limit)
{
    for (int over = -1; over <= 1; over++) {
        char event[2048], body[4096];
        struct script_answer answer = S("a", body, COMPLETE);
        struct flow_world f;
        struct flow_answer a;
        int n = snprintf(event, sizeof(event),
                         "data: {\"choices\":[{\"delta\":{\"content\":\"%0*d\"}}]}\n\n",
                         1024 + over - 46, 0);

        cr_assert_eq(n, 1024 + over);
        snprintf(body, sizeof(body), "%s%s%s%s", WORD_HI, event, WORD_STOP, WORD_DONE);
        flow_start(&f, "'stream':{'event_max':'1KiB','recover':'off'}");
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        cr_expect_eq(a.whole, over <= 0, "%d bytes", n);
        cr_expect_eq(strstr(a.body.data, event) != NULL, over <= 0, "%d bytes", n);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
