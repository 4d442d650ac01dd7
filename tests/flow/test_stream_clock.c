/* test_stream_clock.c - a stream's limits of time, its commit and its heartbeats. */
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define SHORT                                                                                  \
    "'timeouts':{'first_byte':'400ms','first_content':'400ms','idle':'400ms'},"                \
    "'stream':{'heartbeat':'0s','recover':'off'}"
#define BEAT ": keep-alive\n\n"
#define SSE(r, text)                                                                           \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text)                       \
    }
#define SILENT(r, text)                                                                        \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text), .hangs = true        \
    }

static const struct {
    const char *name;
    struct script_answer answers[2];
    const char *story, *body;
    bool fails;
    enum outcome outcome;
} rows[] = {
    {"no head",
     {{.region = "a", .hangs = true}, SSE("b", WORD_WHOLE)},
     "a b",
     WORD_WHOLE,
     false,
     OUTCOME_TIMEOUT},
    {"no event",
     {SILENT("a", ""), SSE("b", WORD_WHOLE)},
     "a b",
     WORD_WHOLE,
     false,
     OUTCOME_TIMEOUT},
    {"no content",
     {SILENT("a", WORD_ROLE), SSE("b", WORD_WHOLE)},
     "a b",
     WORD_WHOLE,
     false,
     OUTCOME_TIMEOUT},
    {"silence after content",
     {SILENT("a", WORD_HI), SSE("b", WORD_WHOLE)},
     "a",
     WORD_HI,
     true,
     OUTCOME_TIMEOUT},
    {"silence after the finish",
     {SILENT("a", WORD_HI WORD_STOP)},
     "a",
     WORD_HI WORD_STOP WORD_DONE,
     false,
     OUTCOME_OK},
    {"a plain answer that stops",
     {{.region = "a", .status = 200, .body = "{\"cho", .hangs = true}, SSE("b", WORD_WHOLE)},
     "a b",
     WORD_WHOLE,
     false,
     OUTCOME_TIMEOUT},
};

Test(flow_stream_clock, limits)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[2];
        struct flow_world f;
        struct flow_answer a;

        memcpy(answers, rows[i].answers, sizeof(answers));
        flow_start(&f, SHORT);
        script_set(f.w.up, answers, answers[1].region != NULL ? 2 : 1);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row '%s'", rows[i].name);
        cr_expect_eq(a.whole, !rows[i].fails, "row '%s'", rows[i].name);
        cr_expect(strncmp(a.body.data, rows[i].body, strlen(rows[i].body)) == 0, "row '%s': %s",
                  rows[i].name, a.body.data);
        cr_expect_eq(strstr(a.body.data, "stream_broken") != NULL, rows[i].fails, "row '%s'",
                     rows[i].name);
        cr_expect(script_call(f.w.up, 0)->cancelled, "row '%s'", rows[i].name);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[rows[i].outcome], 1, "row '%s'",
                     rows[i].name);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* A vendor that comments for ever behind a whole answer: the deadline ends it, as whole. */
Test(flow_stream_clock, the_deadline_behind_the_finish)
{
    struct script_answer answers[] = {SILENT("a", WORD_HI WORD_STOP)};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'timeouts':{'connect':'500ms','idle':'10s','total':'600ms'},"
                   "'stream':{'heartbeat':'0s'}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    flow_ask(&f, NULL, WORD_STREAM, &a);
    cr_expect(a.whole);
    cr_expect_str_eq(a.body.data, WORD_HI WORD_STOP WORD_DONE);
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_OK], 1);
    cr_expect_eq(f.w.slot->requests[METRICS_REQ_OK], 1);
    flow_answer_release(&a);
    flow_stop(&f);
}

Test(flow_stream_clock, silence_of_a_plain_answer)
{
    static const char *const bodies[] = {NULL, "", "{\"cho"}; /* no head, no body, a part */

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct script_answer answers[] = {
            {.region = "a",
             .status = bodies[i] != NULL ? 200 : 0,
             .fields = WORD_JSON,
             .body = bodies[i],
             .hangs = true},
            {.region = "b", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER}};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, "'timeouts':{'answer':'300ms'}");
        script_set(f.w.up, answers, ARRAY_LEN(answers));
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_eq(a.status, 200, "row %zu", i);
        cr_expect_str_eq(script_story(f.w.up), "a b", "row %zu", i);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1, "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* What an earlier region left of the time is no measure of a later one. */
Test(flow_stream_clock, a_late_attempt_is_no_evidence)
{
    struct script_answer answers[] = {{.region = "a", .hangs = true},
                                      {.region = "b", .hangs = true}};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'timeouts':{'connect':'1s','answer':'1s','total':'1500ms'}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 504, "%d: %.*s", a.status, (int)a.body.len, a.body.data);
    cr_expect_str_eq(script_story(f.w.up), "a b");
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1);
    cr_expect_eq(f.w.slot->fleet->slot[1].attempts[OUTCOME_ABORTED], 1);
    flow_answer_release(&a);
    flow_stop(&f);
}

static void on_every(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    script_release(arg);
}

/* A vendor that only comments must not put off the limit of the first content; one that talks
 * must not run into that of silence. */
Test(flow_stream_clock, what_counts_as_silence)
{
    static const struct {
        const char *body;
        int repeat;
        const char *story;
    } talk[] = {{"~|: ping\n\n", 100000, "a b"}, {"~|" WORD_HI, 40, "a"}};

    for (size_t i = 0; i < ARRAY_LEN(talk); i++) {
        struct script_answer answers[] = {SSE("a", talk[i].body), SSE("b", WORD_WHOLE)};
        struct timeval tv = {0, 20000};
        struct flow_world f;
        struct flow_answer a;
        struct event *every;

        answers[0].repeat = talk[i].repeat;
        flow_start(&f, SHORT);
        script_set(f.w.up, answers, 2);
        every = event_new(f.base, -1, EV_PERSIST, on_every, f.w.up);
        event_add(every, &tv);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        cr_expect_str_eq(script_story(f.w.up), talk[i].story);
        if (i == 1) /* 40 times 20 ms: two silences long, and never one */
            cr_expect_eq(flow_times(buf_str(&a.body), WORD_HI), 40);
        event_free(every);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* ---- commit: after some silence the head goes out, and errors are in-band ---- */

#define COMMIT "'stream':{'commit':'100ms','heartbeat':'100ms'},'retry':{'backoff':'0s'}"

static const struct {
    const char *name;
    struct script_answer answers[2];
    const char *story, *last; /* what the body ends with */
    bool whole;
    enum metrics_request result;
} commits[] = {
    {"then the stream", {SSE("a", WORD_WHOLE)}, "a", BEAT WORD_WHOLE, true, METRICS_REQ_OK},
    /* Readers skip a byte order mark in front of the stream alone: behind the comment it would
     * be a part of the first line's name, and the event be lost. */
    {"then a byte order mark",
     {SSE("a", "\xEF\xBB\xBF" WORD_HI WORD_STOP WORD_DONE)},
     "a",
     BEAT WORD_HI WORD_STOP WORD_DONE,
     true,
     METRICS_REQ_OK},
    {"then a byte order mark that comes in pieces",
     {SSE("a", "\xEF|\xBB|\xBF" WORD_ROLE WORD_HI WORD_STOP WORD_DONE)},
     "a",
     BEAT WORD_ROLE WORD_HI WORD_STOP WORD_DONE,
     true,
     METRICS_REQ_OK},
    {"then another's stream",
     {{.region = "a", .status = 503, .body = WORD_SICK}, SSE("b", WORD_WHOLE)},
     "a b",
     WORD_WHOLE,
     true,
     METRICS_REQ_OK},
    {"then a refusal",
     {{.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_BAD}},
     "a",
     BEAT "data: " WORD_BAD "\n\n",
     false,
     METRICS_REQ_VENDOR_4XX},
    {"then too long a prompt",
     {{.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_LONG}},
     "a",
     BEAT "data: " WORD_LONG "\n\n",
     false,
     METRICS_REQ_VENDOR_4XX},
    {"then a refusal on several lines",
     {{.region = "a", .status = 400, .body = "{\n\"error\":\r\n{\"code\":\"x\"}}\n"}},
     "a",
     BEAT "data: { \"error\":  {\"code\":\"x\"}} \n\n",
     false,
     METRICS_REQ_VENDOR_4XX},
    {"then a refusal as an event",
     {SSE("a", WORD_ROLE "data: {\"error\":{\"code\":\"content_filter\"}}\n\n" WORD_DONE)},
     "a",
     BEAT "data: {\"error\":{\"code\":\"content_filter\"}}\n\n",
     false,
     METRICS_REQ_VENDOR_4XX},
    {"then a refusal without an error",
     {{.region = "a", .status = 400, .body = "{\"message\":\"no\"}"}},
     "a",
     "\"code\":\"vendor_refused\"}}\n\n",
     false,
     METRICS_REQ_VENDOR_4XX},
    {"then a refusal that is no JSON",
     {{.region = "a", .status = 400, .body = "data: [DONE]\n\n"}},
     "a",
     "\"code\":\"vendor_refused\"}}\n\n",
     false,
     METRICS_REQ_VENDOR_4XX},
    {"then no region",
     {{.region = "a", .status = 429, .body = WORD_SICK},
      {.region = "b", .status = 503, .body = WORD_SICK}},
     "a b",
     "\"code\":\"no_region_available\"}}\n\n",
     false,
     METRICS_REQ_FAILED},
    {"then a plain answer",
     {{.region = "a", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER}},
     "a",
     BEAT WORD_PLAYED WORD_DONE,
     true,
     METRICS_REQ_OK},
};

Test(flow_stream_clock, commit)
{
    for (size_t i = 0; i < ARRAY_LEN(commits); i++) {
        struct script_answer answers[2];
        struct flow_world f;
        struct flow_client c;
        struct flow_answer a;
        size_t want = strlen(commits[i].last);

        memcpy(answers, commits[i].answers, sizeof(answers));
        answers[0].waits = true;
        flow_start(&f, COMMIT ",'models':{'m':{'targets':[{'region':'a'},{'region':'b'}]}}");
        script_set(f.w.up, answers, answers[1].region != NULL ? 2 : 1);
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", "X-Request-Id: r-2\r\n", WORD_STREAM);
        cr_assert(flow_wait_text(&c, BEAT), "row '%s': no head after the commit",
                  commits[i].name);
        flow_read(&c, &a);
        cr_expect_eq(a.status, 200);
        cr_expect(str_eqz(flow_field(&a, "x-request-id"), "r-2"));
        cr_expect(str_starts(flow_field(&a, "content-type"), "text/event-stream"));
        cr_expect(str_eqz(flow_field(&a, "cache-control"), "no-cache"));
        cr_expect(str_eqz(flow_field(&a, "x-accel-buffering"), "no"));
        flow_answer_release(&a);
        script_release(f.w.up);
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.whole, commits[i].whole, "row '%s'", commits[i].name);
        cr_expect_str_eq(script_story(f.w.up), commits[i].story, "row '%s'", commits[i].name);
        cr_assert_geq(a.body.len, want, "row '%s'", commits[i].name);
        cr_expect_str_eq(a.body.data + a.body.len - want, commits[i].last, "row '%s'",
                         commits[i].name);
        cr_expect_eq(flow_times(buf_str(&a.body), "\"error\""), !commits[i].whole, "row '%s'",
                     commits[i].name);
        cr_expect_eq(f.w.slot->requests[commits[i].result], 1, "row '%s'", commits[i].name);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* An event whose line end is split: no comment comes between its CR and its LF. */
Test(flow_stream_clock, no_heartbeat_inside_a_line_end)
{
    static const char head[] = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}";
    char body[400];
    struct script_answer answer = {
        .region = "a", .status = 200, .fields = WORD_SSE, .body = body};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    snprintf(body, sizeof(body), "%s\r\n\r|~|\n|~|" WORD_STOP WORD_DONE, head);
    flow_start(&f, "'stream':{'heartbeat':'100ms'}");
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_text(&c, "\r\n\r"));
    struct event *later = evtimer_new(f.base, on_every, f.w.up);
    struct timeval tv = {0, 350000}; /* three beats were due */

    evtimer_add(later, &tv);
    cr_assert(flow_wait_text(&c, BEAT));
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    event_free(later);
    cr_expect_eq(strncmp(a.body.data, head, strlen(head)), 0);
    cr_expect_eq(strncmp(a.body.data + strlen(head), "\r\n\r\n" BEAT, 4 + strlen(BEAT)), 0,
                 "%s", a.body.data);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

/* A committed stream's failure goes out as events only: the head of another answer behind it
 * would be read as a part of the stream. */
Test(flow_stream_clock, huge_plain_answer_after_commit)
{
    char body[3000];
    struct script_answer answer = {
        .region = "a", .status = 200, .fields = WORD_JSON, .body = body, .waits = true};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    snprintf(body, sizeof(body), "{\"choices\":[\"%02000d\"]}", 0);
    flow_start(&f, COMMIT ",'upstream':{'max_answer_bytes':'1KiB'},"
                          "'models':{'m':{'targets':[{'region':'a'}]}}");
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_text(&c, BEAT));
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    cr_expect_not(a.whole);
    cr_expect_null(strstr(a.body.data, "choices"));
    cr_expect_not_null(strstr(a.body.data, "data: {\"error\""));
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

/* Comments fall between events, never into one, and stop with the stream. */
Test(flow_stream_clock, heartbeats_in_silence)
{
    struct script_answer answer =
        SSE("a", WORD_HI
            "data: {\"choices\":[{\"del|~|ta\":{\"content\":\"x\"}}]}\n\n" WORD_STOP WORD_DONE);
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    flow_start(&f, "'stream':{'heartbeat':'100ms'}");
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_text(&c, BEAT));
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    cr_expect(a.whole);
    cr_expect(strncmp(a.body.data, WORD_HI BEAT, strlen(WORD_HI BEAT)) == 0, "%s", a.body.data);
    cr_expect_not_null(strstr(
        a.body.data,
        BEAT "data: {\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n" WORD_STOP WORD_DONE));
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}
