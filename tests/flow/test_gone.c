/* test_gone.c - a client that leaves: its attempt is cancelled at once, and is no evidence. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRIPS "'breaker':{'failure_threshold':1,'last_resort':'off'}"

static bool has_left(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.requests == NULL;
}

/* Where the request stands when its client leaves. */
static const struct {
    const char *name, *extra, *ask;
    struct script_answer answer;
    const char *wait; /* bytes the client has by then; NULL: the call was made */
    bool running;     /* a call was, and must be cancelled */
} phases[] = {
    {"plain, no head", TRIPS, WORD_ASK, {.region = "a", .hangs = true}, NULL, true},
    {"plain, half a body",
     TRIPS,
     WORD_ASK,
     {.region = "a", .status = 200, .body = "{\"choi", .hangs = true},
     NULL,
     true},
    {"stream, no head", TRIPS, WORD_STREAM, {.region = "a", .hangs = true}, NULL, true},
    {"stream, held",
     TRIPS,
     WORD_STREAM,
     {.region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_ROLE, .hangs = true},
     NULL,
     true},
    {"stream, flowing",
     TRIPS,
     WORD_STREAM,
     {.region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_HI, .hangs = true},
     "hi",
     true},
    {"stream, finished and not done",
     TRIPS,
     WORD_STREAM,
     {.region = "a",
      .status = 200,
      .fields = WORD_SSE,
      .body = WORD_HI WORD_STOP,
      .hangs = true},
     "stop",
     true},
    {"stream, committed",
     TRIPS ",'stream':{'commit':'100ms'}",
     WORD_STREAM,
     {.region = "a", .hangs = true},
     "keep-alive",
     true},
    {"body not read",
     TRIPS,
     WORD_ASK,
     {.region = "a", .status = 200, .body = "{", .hangs = true, .unread = true},
     NULL,
     true},
    {"between two attempts",
     "'retry':{'wait':'60s','backoff':'0s'},'models':{'m':{'targets':[{'region':'a'}]}}",
     WORD_ASK,
     {.region = "a", .status = 429, .fields = "Retry-After: 30\n"},
     NULL,
     false},
};

static void leave(size_t i, bool by_reset)
{
    struct script_answer answer = phases[i].answer;
    struct flow_world f;
    struct flow_client c;

    flow_start(&f, phases[i].extra);
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, phases[i].ask);
    cr_assert(flow_wait_calls(&f, 1));
    if (phases[i].wait != NULL)
        cr_assert(flow_wait_text(&c, phases[i].wait), "row '%s'", phases[i].name);
    else
        flow_drain_loop(&f, 20);
    cr_expect_eq(script_running(f.w.up), phases[i].running, "row '%s'", phases[i].name);
    cr_assert_not_null(f.w.requests, "row '%s'", phases[i].name);
    if (by_reset)
        flow_kill(&c);
    else
        flow_close(&c);
    cr_expect(flow_until(&f, has_left, &f), "row '%s': the request stayed", phases[i].name);
    cr_expect_eq(script_running(f.w.up), 0, "row '%s'", phases[i].name);
    cr_expect_eq(script_call(f.w.up, 0)->cancelled, phases[i].running, "row '%s'",
                 phases[i].name);
    cr_expect_eq(f.w.slot->requests[METRICS_REQ_GONE], 1, "row '%s'", phases[i].name);
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_ABORTED], phases[i].running,
                 "row '%s'", phases[i].name);
    cr_expect_eq(script_count(f.w.up), 1, "row '%s'", phases[i].name);
    flow_drain_loop(&f, 10);
    if (phases[i].running)
        cr_expect_eq(permit_check(f.w.fleet, 0, PERMIT_ASKER_NEW, clock_mono_ms()),
                     PICKER_USABLE, "row '%s': counted against the region", phases[i].name);
    flow_stop(&f);
}

Test(flow_gone, by_reset)
{
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        leave(i, true);
}

Test(flow_gone, by_close)
{
    for (size_t i = 0; i < ARRAY_LEN(phases); i++)
        leave(i, false);
}

/* The server goes while requests are in every phase: nothing is left, nobody is called. */
Test(flow_gone, with_the_server)
{
    for (size_t i = 0; i < ARRAY_LEN(phases); i++) {
        struct script_answer answer = phases[i].answer;
        struct flow_world f;
        struct flow_client c;

        flow_start(&f, phases[i].extra);
        script_set(f.w.up, &answer, 1);
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, phases[i].ask);
        cr_assert(flow_wait_calls(&f, 1));
        flow_drain_loop(&f, 20);
        event_free(c.readable);
        flow_stop(&f);
        close(c.fd);
        buf_release(&c.in);
    }
}

/* A half-closed client still waits for its answer. */
Test(flow_gone, half_close_is_not_leaving)
{
    struct script_answer answer = {
        .region = "a", .status = 200, .body = WORD_ANSWER, .waits = true};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    flow_start(&f, NULL);
    script_set(f.w.up, &answer, 1);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_ASK);
    shutdown(c.fd, SHUT_WR);
    cr_assert(flow_wait_calls(&f, 1));
    cr_assert(flow_wait_text(&c, "100 Continue"), "the client is not looked at");
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    cr_expect(a.whole && a.status == 200);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

/* Everything the attempt still had to say comes too late: the end was noted, not told. */
Test(flow_gone, while_the_end_is_being_told)
{
    static const char *const bodies[] = {WORD_HI WORD_STOP WORD_DONE, WORD_HI "data: {x\n\n"};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
        for (int turns = 0; turns < 12; turns++) {
            struct script_answer answer = {.region = "a",
                                           .status = 200,
                                           .fields = WORD_SSE,
                                           .body = bodies[i],
                                           .waits = true};
            struct flow_world f;
            struct flow_client c;

            flow_start(&f, "'stream':{'recover':'off'}");
            script_set(f.w.up, &answer, 1);
            flow_open(&f, &c);
            flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
            cr_assert(flow_wait_calls(&f, 1));
            flow_drain_loop(&f, 5);
            script_release(f.w.up);
            flow_drain_loop(&f, turns);
            flow_kill(&c);
            cr_expect(flow_until(&f, has_left, &f));
            flow_stop(&f);
        }
}
