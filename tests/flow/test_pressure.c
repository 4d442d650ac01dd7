/* test_pressure.c - a client that reads slowly slows its vendor down, and nobody's memory
 * grows.
 */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define EVENT_BYTES 8192
#define EVENTS      4096 /* 32 MiB: more than two loopback sockets hold */

/* One content event of EVENT_BYTES; the caller frees it. */
static char *make_event(void)
{
    static const char head[] = "data: {\"choices\":[{\"delta\":{\"content\":\"",
                      tail[] = "\"}}]}\n\n";
    char *event = xcalloc(1, EVENT_BYTES + 1);

    memset(event, 'x', EVENT_BYTES);
    memcpy(event, head, sizeof(head) - 1);
    memcpy(event + EVENT_BYTES - (sizeof(tail) - 1), tail, sizeof(tail));
    return event;
}

static bool is_paused(void *arg)
{
    const struct flow_world *f = arg;

    return script_call(f->w.up, 0)->pauses > 0;
}

struct slow {
    struct flow_world f;
    struct flow_client c;
    struct script_answer answer;
    char *event;
};

/* Up to the first pause; plain: an answer too large to be held. */
static void slow_start(struct slow *s, const char *extra, bool plain)
{
    s->event = make_event();
    s->answer = (struct script_answer){.region = "a",
                                       .status = 200,
                                       .fields = plain ? WORD_JSON : WORD_SSE,
                                       .body = s->event,
                                       .repeat = EVENTS};
    flow_start(&s->f, extra);
    script_set(s->f.w.up, &s->answer, 1);
    flow_open(&s->f, &s->c);
    flow_post(&s->c, "/v1/chat/completions", NULL, plain ? WORD_ASK : WORD_STREAM);
    flow_set_reading(&s->c, false);
    cr_assert(flow_wait_calls(&s->f, 1));
    cr_assert(flow_until(&s->f, is_paused, &s->f), "the vendor is never paused");
}

static void slow_stop(struct slow *s)
{
    flow_stop(&s->f);
    free(s->event);
}

#define SMALL                                                                                  \
    "'upstream':{'max_answer_bytes':'1KiB'},"                                                  \
    "'breaker':{'failure_threshold':1,'last_resort':'off'},"
#define OUTPUT "'http':{'max_output_bytes':'64KiB'}"

Test(flow_pressure, pauses_and_resumes)
{
    for (int plain = 0; plain <= 1; plain++) {
        struct slow s;
        struct flow_answer a;
        size_t before;

        slow_start(&s, SMALL OUTPUT, plain);
        before = script_call(s.f.w.up, 0)->data_bytes;
        cr_expect_lt(before, 24u << 20, "%zu bytes were taken", before);
        flow_drain_loop(&s.f, 100);
        cr_expect_eq(script_call(s.f.w.up, 0)->data_bytes, before, "more came while paused");
        flow_set_reading(&s.c, true);
        flow_wait_answer(&s.c, &a);
        cr_expect_gt(script_call(s.f.w.up, 0)->resumes, 0);
        cr_expect_eq(flow_times(buf_str(&a.body), s.event), EVENTS, "a byte is lost");
        cr_expect_eq(a.whole, plain == 1, "no finish reason was said");
        flow_answer_release(&a);
        flow_close(&s.c);
        slow_stop(&s);
    }
}

static bool has_left(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.requests == NULL;
}

static void expect_no_evidence(struct slow *s)
{
    cr_expect(flow_until(&s->f, has_left, &s->f));
    cr_expect(script_call(s->f.w.up, 0)->cancelled || script_call(s->f.w.up, 0)->ended);
    cr_expect_eq(s->f.w.slot->fleet->slot[0].attempts[OUTCOME_ABORTED], 1);
    flow_drain_loop(&s->f, 10);
    cr_expect_eq(permit_check(s->f.w.fleet, 0, PERMIT_ASKER_NEW, clock_mono_ms()),
                 PICKER_USABLE);
}

Test(flow_pressure, a_paused_client_that_leaves)
{
    struct slow s;

    slow_start(&s, SMALL OUTPUT, false);
    flow_kill(&s.c);
    expect_no_evidence(&s);
    slow_stop(&s);
}

Test(flow_pressure, a_client_that_stalls_is_dropped)
{
    struct slow s;

    slow_start(&s, SMALL "'http':{'max_output_bytes':'64KiB','write_timeout':'500ms'}", false);
    expect_no_evidence(&s);
    cr_expect_eq(s.f.w.slot->requests[METRICS_REQ_GONE], 1);
    flow_close(&s.c);
    slow_stop(&s);
}

/* The time is the client's: the region is not blamed for a total limit it never had a chance
 * to keep, nor for the silence while nobody read. */
Test(flow_pressure, time_of_a_slow_client)
{
    static const char *const limits[] = {
        "'timeouts':{'connect':'1s','first_byte':'1s','first_content':'1s','idle':'1s',"
        "'total':'1s'}",
        "'timeouts':{'idle':'400ms'},'http':{'max_output_bytes':'64KiB','write_timeout':'1s'"
        "}"};

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct slow s;
        char extra[512];

        snprintf(extra, sizeof(extra), "%s%s%s", SMALL, limits[i], i == 0 ? "," OUTPUT : "");
        slow_start(&s, extra, false);
        expect_no_evidence(&s);
        flow_close(&s.c);
        slow_stop(&s);
    }
}
