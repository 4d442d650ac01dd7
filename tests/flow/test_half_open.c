/* test_half_open.c - a tripped region: nobody goes there, then bounded probes, then everybody.
 */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define BREAKER(open_time, more)                                                               \
    "'retry':{'backoff':'0s'},'models':{'m':{'targets':[{'region':'a'},{'region':'b'}]},"      \
    "'one':{'targets':[{'region':'a'}]}},"                                                     \
    "'breaker':{'failure_threshold':2,'recovery_timeout':'" open_time                          \
    "','recovery_ramp':'0s','success_threshold':2," more "}"
#define ONE "{\"model\":\"one\",\"messages\":[1]}"
#define SICK                                                                                   \
    {                                                                                          \
        .region = "a", .status = 503, .body = WORD_SICK                                        \
    }
#define WELL                                                                                   \
    {                                                                                          \
        .region = "a", .status = 200, .body = WORD_ANSWER                                      \
    }
#define OTHER                                                                                  \
    {                                                                                          \
        .region = "b", .status = 200, .body = WORD_ANSWER, .for_ever = true                    \
    }

static enum picker_why ask(struct flow_world *f)
{
    int64_t now_ms = clock_mono_ms();
    enum picker_why why = permit_check(f->w.fleet, 0, PERMIT_ASKER_NEW, now_ms);

    if (why == PICKER_OPEN)
        permit_want(f->w.fleet, 0, now_ms);
    return why;
}

static bool is_open(void *arg)
{
    struct flow_world *f = arg;

    return f->w.slot->fleet->slot[0].state == BREAKER_OPEN;
}

static bool is_closed(void *arg)
{
    struct flow_world *f = arg;

    return f->w.slot->fleet->slot[0].state == BREAKER_CLOSED;
}

static bool is_usable(void *arg)
{
    return ask(arg) == PICKER_USABLE;
}

/* One request; its answer's status, and which region served it. */
static int one(struct flow_world *f, const char *body, char *region)
{
    struct flow_answer a;
    struct str name;
    int status;

    flow_ask(f, NULL, body, &a);
    status = a.status;
    name = flow_field(&a, "x-sluice-region");
    *region = name.ptr != NULL ? name.ptr[0] : '-';
    flow_answer_release(&a);
    return status;
}

static void trip(struct flow_world *f)
{
    char region;

    for (int i = 0; i < 2; i++) {
        cr_assert_eq(one(f, WORD_ASK, &region), 200);
        cr_assert_eq(region, 'b');
    }
    cr_assert(flow_until(f, is_open, f));
}

Test(flow_half_open, open_region_is_left_alone_until_its_time)
{
    struct script_answer answers[] = {SICK, SICK, WELL, WELL, WELL, OTHER};
    struct flow_world f;
    char region;

    flow_start(&f, BREAKER("1s", "'half_open_max_calls':1,'last_resort':'off'"));
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    trip(&f);
    cr_expect_eq(one(&f, WORD_ASK, &region), 200);
    cr_expect_str_eq(script_story(f.w.up), "a b a b b", "asked while open");
    cr_assert(flow_until(&f, is_usable, &f), "no ticket after the open time");
    cr_expect_eq(one(&f, WORD_ASK, &region), 200);
    cr_expect_eq(region, 'a', "the ticket is for the next request");
    cr_expect_eq(f.w.slot->fleet->slot[0].probes, 1);
    cr_expect_neq(f.w.slot->fleet->slot[0].state, BREAKER_CLOSED, "one success of two");
    cr_assert(flow_until(&f, is_usable, &f));
    cr_expect_eq(one(&f, WORD_ASK, &region), 200);
    cr_expect_eq(region, 'a');
    cr_assert(flow_until(&f, is_closed, &f), "two successes close it");
    cr_expect_eq(one(&f, WORD_ASK, &region), 200);
    cr_expect_eq(region, 'a');
    cr_expect_eq(f.w.slot->fleet->slot[0].probes, 2, "no probe when closed");
    flow_stop(&f);
}

static int share_percent(struct flow_world *f)
{
    struct fleet_region r;

    fleet_describe(f->w.fleet, 0, clock_mono_ms(), &r);
    return r.share_percent;
}

Test(flow_half_open, traffic_comes_back_by_shares)
{
    struct script_answer answers[] = {
        SICK,
        SICK,
        OTHER,
        {.region = "a", .status = 200, .body = WORD_ANSWER, .for_ever = true}};
    struct flow_world f;
    int to_a = 0;
    char region;

    flow_start(&f, "'retry':{'backoff':'0s'},'models':{'m':{'targets':[{'region':'a'},"
                   "{'region':'b'}]},'one':{'targets':[{'region':'a'}]}},"
                   "'breaker':{'failure_threshold':2,'recovery_timeout':'200ms',"
                   "'success_threshold':1,'half_open_max_calls':1,'recovery_ramp':'1h'}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    trip(&f);
    cr_expect_eq(share_percent(&f), 100, "only what is closed ramps");
    cr_assert(flow_until(&f, is_usable, &f));
    cr_expect_eq(one(&f, WORD_ASK, &region), 200);
    cr_expect_eq(region, 'a', "the probe is no matter of turns");
    cr_assert(flow_until(&f, is_closed, &f));
    cr_expect_eq(share_percent(&f), 10);
    for (int i = 0; i < 2000; i++) {
        enum picker_why why = ask(&f);

        cr_assert(picker_may(why));
        to_a += why == PICKER_USABLE;
    }
    cr_expect(to_a >= 100 && to_a <= 320, "about a tenth of 2000: %d", to_a);
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(one(&f, WORD_ASK, &region), 200);
        cr_assert(region == 'a' || region == 'b');
    }
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(one(&f, ONE, &region), 200, "where nothing else is usable it is");
        cr_assert_eq(region, 'a');
    }
    flow_stop(&f);
}

/* While one probe is under way nobody else goes; how it ends decides. */
static const struct {
    const char *name;
    struct script_answer probe;
    bool leaves; /* the probe's client does */
    bool reopens;
} probes[] = {
    {"succeeds",
     {.region = "a", .status = 200, .body = WORD_ANSWER, .waits = true},
     false,
     false},
    {"fails", {.region = "a", .status = 503, .body = WORD_SICK, .waits = true}, false, true},
    {"is cut",
     {.region = "a", .status = 200, .body = "{", .end = UPSTREAM_CUT, .waits = true},
     false,
     true},
    {"is the client's fault",
     {.region = "a", .status = 400, .body = WORD_BAD, .waits = true},
     false,
     false},
    {"is left", {.region = "a", .waits = true}, true, false},
};

Test(flow_half_open, probes_are_bounded)
{
    for (size_t i = 0; i < ARRAY_LEN(probes); i++) {
        struct script_answer answers[] = {SICK, SICK, probes[i].probe, WELL, OTHER};
        struct flow_world f;
        struct flow_client c;
        size_t calls;
        char region;

        flow_start(&f, BREAKER("200ms", "'half_open_max_calls':1,'last_resort':'off'"));
        script_set(f.w.up, answers, ARRAY_LEN(answers));
        trip(&f);
        cr_assert(flow_until(&f, is_usable, &f));
        calls = script_count(f.w.up);
        flow_open(&f, &c);
        flow_post(&c, "/v1/chat/completions", NULL, WORD_ASK);
        cr_assert(flow_wait_calls(&f, calls + 1));
        for (int k = 0; k < 3; k++) {
            cr_expect_eq(one(&f, WORD_ASK, &region), 200);
            cr_expect_eq(region, 'b', "row '%s': a second probe", probes[i].name);
        }
        if (probes[i].leaves) {
            flow_kill(&c);
        } else {
            script_release(f.w.up);
            flow_wait_text(&c, "\r\n\r\n");
            flow_close(&c);
        }
        cr_expect(flow_wait_running(&f, 0));
        if (probes[i].reopens) {
            cr_expect(flow_until(&f, is_open, &f), "row '%s'", probes[i].name);
        } else {
            flow_drain_loop(&f, 5);
            cr_expect_not(is_open(&f), "row '%s'", probes[i].name);
        }
        cr_assert(flow_until(&f, is_usable, &f), "row '%s': its slot is lost", probes[i].name);
        cr_expect_eq(one(&f, WORD_ASK, &region), 200);
        cr_expect_eq(region, 'a', "row '%s'", probes[i].name);
        flow_stop(&f);
    }
}

/* With one region left, trying it beats refusing everything: two at a time. */
Test(flow_half_open, last_resort)
{
    struct script_answer answers[] = {
        SICK,
        SICK,
        {.region = "a", .status = 200, .body = WORD_ANSWER, .waits = true},
        {.region = "a", .status = 503, .body = WORD_SICK, .waits = true},
        OTHER};
    struct flow_world f;
    struct flow_client c[2];
    struct flow_answer a;
    char region;

    flow_start(&f, BREAKER("60s", "'half_open_max_calls':1"));
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    trip(&f);
    cr_assert(is_open(&f));
    for (int i = 0; i < 2; i++) {
        flow_open(&f, &c[i]);
        flow_post(&c[i], "/v1/chat/completions", NULL, ONE);
    }
    cr_assert(flow_wait_running(&f, 2));
    cr_expect_eq(f.w.slot->fleet->slot[0].last_resorts, 2);
    cr_expect_eq(one(&f, ONE, &region), 503, "a third at a time");
    script_release(f.w.up);
    flow_wait_answer(&c[0], &a);
    cr_expect_eq(a.status, 200);
    flow_answer_release(&a);
    flow_wait_answer(&c[1], &a);
    cr_expect_eq(a.status, 503);
    flow_answer_release(&a);
    flow_close(&c[0]);
    flow_close(&c[1]);
    flow_stop(&f);
}

/* Successes make room for more at a time, a failure takes it back. */
Test(flow_half_open, last_resort_grows_while_it_goes_well)
{
    static const struct {
        int status, want; /* of one more last resort; in flight at a time after it */
    } steps[] = {{200, 3}, {200, 4}, {400, 4}, {503, 2}, {200, 3}};
    struct script_answer answers[3 + ARRAY_LEN(steps)] = {SICK, SICK, OTHER};
    struct flow_world f;
    char region;
    size_t n = 3;

    flow_start(&f, "'retry':{'backoff':'0s'},'breaker':{'failure_threshold':2},"
                   "'models':{'m':{'targets':[{'region':'a'},{'region':'b'}]},"
                   "'one':{'targets':[{'region':'a'}]}}");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        answers[n++] =
            (struct script_answer){.region = "a",
                                   .status = steps[i].status,
                                   .body = steps[i].status == 200 ? WORD_ANSWER : WORD_SICK};
    script_set(f.w.up, answers, n);
    trip(&f);
    cr_assert(is_open(&f));
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct permit passes[8];
        int64_t until_ms, now_ms = clock_mono_ms();
        int held = 0;

        cr_expect_eq(one(&f, ONE, &region), steps[i].status, "step %zu", i);
        while (held < 8 && permit_may_last_resort(f.w.fleet, 0, &until_ms))
            permit_begin(f.w.fleet, 0, true, now_ms, &passes[held++]);
        cr_expect_eq(held, steps[i].want, "step %zu: %d", i, held);
        while (held > 0)
            permit_end(f.w.fleet, &passes[--held], OUTCOME_ABORTED, -1);
    }
    flow_stop(&f);
}

/* A lease nobody used yet dies with its epoch: the next probe runs under one of its own, so
 * that its success counts. */
Test(flow_half_open, lease_of_an_older_epoch)
{
    struct script_answer answers[] = {
        SICK, SICK, {.region = "a", .status = 503, .waits = true}, WELL, OTHER};
    struct flow_world f;
    struct flow_client c;
    size_t calls;
    char region;

    flow_start(&f, "'retry':{'backoff':'0s'},'breaker':{'failure_threshold':2,"
                   "'recovery_timeout':'200ms','success_threshold':1,"
                   "'half_open_max_calls':2,'last_resort':'off'}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    trip(&f);
    cr_assert(flow_until(&f, is_usable, &f));
    calls = script_count(f.w.up);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_ASK);
    cr_assert(flow_wait_calls(&f, calls + 1));
    cr_assert(flow_until(&f, is_usable, &f), "the second lease");
    script_release(f.w.up);
    cr_assert(flow_wait_text(&c, "200 OK"), "b serves it");
    flow_close(&c);
    cr_assert(flow_until(&f, is_open, &f), "the first probe failed");
    cr_assert(flow_until(&f, is_usable, &f));
    cr_expect_eq(one(&f, WORD_ASK, &region), 200);
    cr_expect_eq(region, 'a');
    cr_expect(flow_until(&f, is_closed, &f), "the probe's success was not counted");
    flow_stop(&f);
}
