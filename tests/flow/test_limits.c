/* test_limits.c - how long a silent region is waited for: by which limit, and what counts as a
 * sign of life. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"
#include "router/request/request_impl.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS                                                                                \
    {                                                                                          \
        .region = "b", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER                 \
    }
#define STREAMS(r, text)                                                                       \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text)                       \
    }
#define TARGETS "'targets':[{'region':'a'},{'region':'b'}]"

/* The model's own, else the region's; the config's would be waited for longer than a test. */
Test(flow_limits, of_models_and_regions)
{
    static const struct {
        const char *extra;
        bool stream, region; /* region: the limit is the region's */
    } rows[] = {
        {"'models':{'m':{" TARGETS ",'timeouts':{'first_byte':'300ms'}}}", true, false},
        {"'models':{'m':{" TARGETS ",'timeouts':{'answer':'300ms'}}}", false, false},
        {"'models':{'m':{" TARGETS ",'timeouts':{'first_byte':'300ms'}},'n':{" TARGETS "}}",
         true, false},
        {"'models':{'m':{'targets':[{'region':'a'}],'fallbacks':['n'],"
         "'timeouts':{'first_byte':'300ms'}},'n':{'targets':[{'region':'b'}]}}",
         true, false},
        {"'workers':1", true, true},
        {"'workers':1", false, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[] = {{.region = "a", .hangs = true}, ANSWERS};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, rows[i].extra);
        if (rows[i].region) {
            f.conf->regions[0].timeouts.first_byte_ms = 300;
            f.conf->regions[0].timeouts.answer_ms = 300;
        }
        if (rows[i].stream)
            answers[1] = (struct script_answer)STREAMS("b", WORD_WHOLE);
        script_set(f.w.up, answers, 2);
        flow_ask(&f, NULL, rows[i].stream ? WORD_STREAM : WORD_ASK, &a);
        cr_expect_eq(a.status, 200, "row %zu", i);
        cr_expect_str_eq(script_story(f.w.up), "a b", "row %zu", i);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1, "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

/* ---- what counts as a sign of life ---- */

#define PIECES 200

/* first, and then more PIECES times, each of them at a release. */
static char *make_stream(const char *first, const char *more)
{
    struct buf text;

    buf_init(&text, 1 << 20);
    cr_assert_eq(buf_append_str(&text, str_of(first)), 0);
    for (int i = 0; i < PIECES; i++)
        cr_assert_eq(buf_appendf(&text, "|~|%s", more), 0);
    return buf_take(&text);
}

static void on_every(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    script_release(arg);
}

/* Asks while the vendor says a piece every 20 ms. */
static void ask_while_it_talks(struct flow_world *f, const char *body, struct flow_answer *a)
{
    struct event *every = event_new(f->base, -1, EV_PERSIST, on_every, f->w.up);
    struct timeval tv = {.tv_usec = 20000};

    event_add(every, &tv);
    flow_ask(f, NULL, body, a);
    event_free(every);
}

/* The answer is whole: nothing that its vendor still says or keeps back is waited for. */
Test(flow_limits, a_finished_stream_ends_soon)
{
    static const char *const behind[] = {": ping\n\n", WORD_ROLE};

    for (size_t i = 0; i < ARRAY_LEN(behind); i++) {
        char *body = make_stream(WORD_HI WORD_STOP, behind[i]);
        struct script_answer answer = STREAMS("a", body);
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, "'timeouts':{'idle':'10m'},'stream':{'heartbeat':'0s'}");
        script_set(f.w.up, &answer, 1);
        ask_while_it_talks(&f, WORD_STREAM, &a);
        cr_expect(a.whole, "row %zu", i);
        cr_expect(strncmp(a.body.data, WORD_HI WORD_STOP, strlen(WORD_HI WORD_STOP)) == 0);
        cr_assert_gt(a.body.len, strlen(WORD_DONE));
        cr_expect_str_eq(a.body.data + a.body.len - strlen(WORD_DONE), WORD_DONE, "row %zu", i);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_OK], 1, "row %zu", i);
        cr_expect(script_call(f.w.up, 0)->cancelled, "row %zu: the connection stays open", i);
        flow_answer_release(&a);
        flow_stop(&f);
        free(body);
    }
}

/* The usage block comes behind the finish, and is waited for. */
Test(flow_limits, usage_behind_the_finish_is_not_lost)
{
    struct script_answer answer =
        STREAMS("a", WORD_HI WORD_STOP "|~|: ping\n\n|~|: ping\n\n|~|" WORD_USAGE WORD_DONE);
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'timeouts':{'idle':'10m'}");
    script_set(f.w.up, &answer, 1);
    ask_while_it_talks(&f, WORD_STREAM, &a);
    cr_expect(a.whole);
    cr_expect_eq(flow_times(buf_str(&a.body), WORD_USAGE WORD_DONE), 1, "%s", a.body.data);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* Behind the first content a stream goes on by what it says, not by saying anything. */
Test(flow_limits, comments_do_not_keep_a_stream_alive)
{
    static const struct {
        const char *first, *more;
        bool cut;
    } rows[] = {
        {WORD_HI, ": ping\n\n", true},
        {WORD_HI, WORD_ROLE, true}, /* an event that says nothing */
        {WORD_HI, WORD_HI, false},  /* 200 times 20 ms: ten silences long */
        {WORD_HI "data: {\"choices\":[],\"x\":\"", "y", false}, /* one event in many pieces */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *body = make_stream(rows[i].first, rows[i].more);
        struct script_answer answer = STREAMS("a", body);
        struct flow_world f;
        struct flow_answer a;

        answer.hangs = true;
        flow_start(&f,
                   "'timeouts':{'idle':'400ms'},'stream':{'heartbeat':'0s','recover':'off'}");
        script_set(f.w.up, &answer, 1);
        ask_while_it_talks(&f, WORD_STREAM, &a);
        cr_expect(strstr(a.body.data, "stream_broken") != NULL, "row %zu", i);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1, "row %zu", i);
        cr_expect_eq(script_call(f.w.up, 0)->data_bytes <
                         strlen(rows[i].first) + PIECES / 2 * strlen(rows[i].more),
                     rows[i].cut, "row %zu: after %zu bytes", i,
                     script_call(f.w.up, 0)->data_bytes);
        flow_answer_release(&a);
        flow_stop(&f);
        free(body);
    }
}

static bool is_old(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.requests == NULL || clock_mono_ms() - f->w.requests->ready_ms > 5500;
}

/* A stream that flows for seconds is a success before it ends; one that only comments is not. */
Test(flow_limits, comments_are_no_success)
{
    char *body = make_stream(WORD_HI, ": ping\n\n");
    struct script_answer answer = STREAMS("a", body);
    struct timeval tv = {.tv_usec = 40000}; /* for eight seconds */
    struct flow_world f;
    struct flow_client c;
    struct event *every;

    flow_start(&f, "'timeouts':{'idle':'1m'}");
    every = event_new(f.base, -1, EV_PERSIST, on_every, f.w.up);
    event_add(every, &tv);
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_text(&c, WORD_HI));
    cr_assert(flow_until(&f, is_old, &f));
    cr_assert_not_null(f.w.requests);
    cr_expect_not(f.w.requests->tries[0].pass.flowing);
    event_free(every);
    flow_close(&c);
    flow_stop(&f);
    free(body);
}

/* However many: what is held of a stream before its content is bounded, and comments behind the
 * bound are no content. */
Test(flow_limits, comments_are_no_first_content)
{
    static char comment[8192];
    struct script_answer answers[] = {STREAMS("a", comment), STREAMS("b", WORD_WHOLE)};
    struct flow_world f;
    struct flow_answer a;

    memset(comment, ':', sizeof(comment) - 3);
    memcpy(comment + sizeof(comment) - 3, "\n\n", 3);
    answers[0].repeat = 64; /* 512 KiB */
    answers[0].hangs = true;
    flow_start(&f, "'timeouts':{'first_content':'300ms','idle':'300ms'}");
    script_set(f.w.up, answers, 2);
    flow_ask(&f, NULL, WORD_STREAM, &a);
    cr_expect_str_eq(script_story(f.w.up), "a b");
    cr_expect_str_eq(a.body.data, WORD_WHOLE);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* ---- plain answers ---- */

static bool is_past(void *arg)
{
    return clock_mono_ms() >= *(const int64_t *)arg;
}

static void run_for(struct flow_world *f, int64_t ms)
{
    int64_t end_ms = clock_mono_ms() + ms;

    (void)flow_until(f, is_past, &end_ms);
}

/* A silent target is left for another one, not for nobody: until the deadline it may answer. */
Test(flow_limits, a_plain_answer_is_waited_for_where_nobody_is_left)
{
#define ANSWER "'timeouts':{'connect':'1s','answer':'150ms'}"
    static const struct {
        const char *extra, *story;
    } rows[] = {
        {ANSWER ",'models':{'m':{" TARGETS "}}", "a b"},
        {ANSWER ",'models':{'m':{'targets':[{'region':'a'}]}}", "a"},
        {ANSWER ",'models':{'m':{" TARGETS "}},'retry':{'num_retries':0}", "a"},
        {ANSWER ",'models':{'m':{'targets':[{'region':'a'}],'fallbacks':['n']},"
                "'n':{'targets':[{'region':'b'}]}}",
         "a b"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[] = {
            {.region = "a", .status = 200, .fields = WORD_JSON, .body = WORD_ANSWER}, ANSWERS};
        bool waits = strcmp(rows[i].story, "a") == 0;
        struct flow_world f;
        struct flow_answer a;
        struct flow_client c;

        answers[0].waits = true;
        flow_start(&f, rows[i].extra);
        script_set(f.w.up, answers, 2);
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, WORD_ASK);
        cr_assert(flow_wait_calls(&f, waits ? 1 : 2), "row %zu", i);
        if (waits) { /* for two limits and more */
            run_for(&f, 400);
            script_release(f.w.up);
        }
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.status, 200, "row %zu: %.*s", i, (int)a.body.len, a.body.data);
        cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row %zu", i);
        cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], !waits, "row %zu", i);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}

/* One whose deadline comes first has failed all the same. */
Test(flow_limits, a_plain_answer_that_never_comes_is_evidence)
{
    struct script_answer answer = {.region = "a", .hangs = true};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'timeouts':{'connect':'300ms','answer':'100ms','total':'300ms'},"
                   "'models':{'m':{'targets':[{'region':'a'}]}}");
    script_set(f.w.up, &answer, 1);
    flow_ask(&f, NULL, WORD_ASK, &a);
    cr_expect_eq(a.status, 504);
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1);
    flow_answer_release(&a);
    flow_stop(&f);
}

/* The whole request's limit is the asked model's own as well, whoever answers in the end. */
Test(flow_limits, of_a_whole_request)
{
#define MODELS(total) ",'models':{'m':{'targets':[{'region':'a'}]," total "}}"
    static const struct {
        const char *extra;
        int status;
    } rows[] = {
        {"'timeouts':{'connect':'300ms','total':'300ms'}" MODELS("'timeouts':{'total':'1m'}"),
         200},
        {"'timeouts':{'connect':'300ms'}" MODELS("'timeouts':{'total':'300ms'}"), 504},
        {"'timeouts':{'connect':'300ms','total':'300ms'}" MODELS("'context_window':9"), 504},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answer = {.region = "a",
                                       .status = 200,
                                       .fields = WORD_JSON,
                                       .body = WORD_ANSWER,
                                       .waits = true};
        struct flow_world f;
        struct flow_answer a;
        struct flow_client c;

        flow_start(&f, rows[i].extra);
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, WORD_ASK);
        cr_assert(flow_wait_calls(&f, 1));
        if (rows[i].status == 200) {
            run_for(&f, 500);
            script_release(f.w.up);
        }
        flow_wait_answer(&c, &a);
        cr_expect_eq(a.status, rows[i].status, "row %zu: %.*s", i, (int)a.body.len,
                     a.body.data);
        flow_answer_release(&a);
        flow_close(&c);
        flow_stop(&f);
    }
}
