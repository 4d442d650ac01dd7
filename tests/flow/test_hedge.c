/* test_hedge.c - a second target for a silent first, and what extra attempts may cost. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <string.h>

#define HEDGE "'hedge':{'after':'200ms','max_share':100}"
#define SSE(r, text)                                                                           \
    {                                                                                          \
        .region = (r), .status = 200, .fields = WORD_SSE, .body = (text)                       \
    }
#define PLAIN(r, code, text)                                                                   \
    {                                                                                          \
        .region = (r), .status = (code), .fields = WORD_JSON, .body = (text)                   \
    }

static const struct {
    const char *name, *config;
    bool stream;
    struct script_answer answers[3];
    const char *story, *region, *attempts;
    uint64_t hedges;
    enum outcome a, b; /* N_OUTCOMES: never asked */
} rows[] = {
    {"a quick first needs no second",
     HEDGE,
     true,
     {SSE("a", WORD_WHOLE)},
     "a",
     "a",
     "1",
     0,
     OUTCOME_OK,
     N_OUTCOMES},
    {"the second's content wins over silence",
     HEDGE,
     true,
     {{.region = "a", .hangs = true}, SSE("b", WORD_WHOLE)},
     "a b",
     "b",
     "2",
     1,
     OUTCOME_ABORTED,
     OUTCOME_OK},
    {"a preamble is not content",
     HEDGE,
     true,
     {{.region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_ROLE, .hangs = true},
      SSE("b", WORD_WHOLE)},
     "a b",
     "b",
     "2",
     1,
     OUTCOME_ABORTED,
     OUTCOME_OK},
    {"a plain answer wins complete",
     HEDGE,
     false,
     {{.region = "a", .hangs = true}, PLAIN("b", 200, WORD_ANSWER)},
     "a b",
     "b",
     "2",
     1,
     OUTCOME_ABORTED,
     OUTCOME_OK},
    {"the share is kept", /* one request earns a twentieth of a hedge */
     "'hedge':{'after':'200ms','max_share':5},'timeouts':{'first_byte':'500ms'}",
     true,
     {{.region = "a", .hangs = true}, SSE("b", WORD_WHOLE)},
     "a b",
     "b",
     "2",
     0,
     OUTCOME_TIMEOUT,
     OUTCOME_OK},
    {"p95 is silent without samples",
     "'hedge':{'after':'p95','max_share':100},'timeouts':{'first_byte':'500ms'}",
     true,
     {{.region = "a", .hangs = true}, SSE("b", WORD_WHOLE)},
     "a b",
     "b",
     "2",
     0,
     OUTCOME_TIMEOUT,
     OUTCOME_OK},
    {"one budget of attempts",
     HEDGE ",'retry':{'num_retries':0},'timeouts':{'first_byte':'500ms'}",
     true,
     {{.region = "a", .hangs = true}},
     "a",
     NULL,
     NULL,
     0,
     OUTCOME_TIMEOUT,
     N_OUTCOMES},
    {"a retry took the attempt that the first could have hedged with",
     HEDGE ",'retry':{'num_retries':1},'timeouts':{'first_byte':'500ms'}",
     true,
     {PLAIN("a", 503, WORD_SICK), {.region = "b", .hangs = true}, SSE("c", WORD_WHOLE)},
     "a b",
     NULL,
     NULL,
     0,
     OUTCOME_SERVER_ERROR,
     OUTCOME_TIMEOUT},
};

static void expect_outcome(const struct flow_world *f, size_t region, enum outcome want,
                           const char *row)
{
    for (int o = 0; o < N_OUTCOMES; o++)
        cr_expect_eq(f->w.slot->fleet->slot[region].attempts[o], (uint64_t)(o == (int)want),
                     "row '%s': region %zu ended as %s", row, region,
                     outcome_traits((enum outcome)o)->name);
}

Test(flow_hedge, the_first_content_wins)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct script_answer answers[3];
        struct flow_world f;
        struct flow_answer a;
        size_t n = 0;

        memcpy(answers, rows[i].answers, sizeof(answers));
        while (n < ARRAY_LEN(answers) && answers[n].region != NULL)
            n++;
        flow_start(&f, rows[i].config);
        script_set(f.w.up, answers, n);
        flow_ask(&f, NULL, rows[i].stream ? WORD_STREAM : WORD_ASK, &a);
        cr_expect_str_eq(script_story(f.w.up), rows[i].story, "row '%s'", rows[i].name);
        cr_expect_eq(a.status, rows[i].region != NULL ? 200 : 503, "row '%s'", rows[i].name);
        if (rows[i].region != NULL) {
            cr_expect(str_eqz(flow_field(&a, "x-sluice-region"), rows[i].region), "row '%s'",
                      rows[i].name);
            cr_expect(str_eqz(flow_field(&a, "x-sluice-attempts"), rows[i].attempts),
                      "row '%s'", rows[i].name);
            cr_expect_str_eq(a.body.data, rows[i].stream ? WORD_WHOLE : WORD_ANSWER);
        }
        cr_expect_eq(f.w.slot->hedges, rows[i].hedges, "row '%s'", rows[i].name);
        expect_outcome(&f, 0, rows[i].a, rows[i].name);
        expect_outcome(&f, 1, rows[i].b, rows[i].name);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

static bool has_failed(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.slot->fleet->slot[0].attempts[OUTCOME_CONNECT] +
               f->w.slot->fleet->slot[1].attempts[OUTCOME_CONNECT] >
           0;
}

/* Both run when one fails: what is left decides. */
static void race_with_an_error(size_t failing)
{
    struct script_answer answers[] = {SSE("a", "~|" WORD_WHOLE), SSE("b", "~|" WORD_WHOLE)};
    struct flow_world f;
    struct flow_client c;
    struct flow_answer a;

    answers[failing].status = 0;
    answers[failing].end = UPSTREAM_RESET;
    answers[failing].body = NULL;
    answers[0].waits = answers[1].waits = true;
    flow_start(&f, "'hedge':{'after':'1ms','max_share':100},'retry':{'num_retries':1}");
    script_set(f.w.up, answers, 2);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_calls(&f, 2));
    script_release(f.w.up); /* one fails, the other shows its head */
    cr_assert(flow_until(&f, has_failed, &f));
    cr_expect_eq(script_running(f.w.up), 1u);
    script_release(f.w.up);
    flow_wait_answer(&c, &a);
    cr_expect_eq(a.status, 200);
    cr_expect(str_eqz(flow_field(&a, "x-sluice-region"), failing == 0 ? "b" : "a"));
    cr_expect_str_eq(a.body.data, WORD_WHOLE);
    flow_answer_release(&a);
    flow_close(&c);
    flow_stop(&f);
}

Test(flow_hedge, an_error_never_wins)
{
    race_with_an_error(0);
    race_with_an_error(1);
}

Test(flow_hedge, a_client_that_leaves_ends_both)
{
    struct script_answer answers[] = {{.region = "a", .hangs = true},
                                      {.region = "b", .hangs = true}};
    struct flow_world f;
    struct flow_client c;

    flow_start(&f, HEDGE);
    script_set(f.w.up, answers, 2);
    flow_open(&f, &c);
    flow_post(&c, "/v1/chat/completions", NULL, WORD_STREAM);
    cr_assert(flow_wait_calls(&f, 2));
    flow_kill(&c);
    cr_expect(flow_wait_running(&f, 0));
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_ABORTED], 1);
    cr_expect_eq(f.w.slot->fleet->slot[1].attempts[OUTCOME_ABORTED], 1);
    cr_expect_eq(f.w.slot->requests[METRICS_REQ_GONE], 1);
    flow_stop(&f);
}

/* Region a answers so many streams that its times are known. */
static void make_known(struct flow_world *f)
{
    struct script_answer quick = {
        .region = "a", .status = 200, .fields = WORD_SSE, .body = WORD_WHOLE, .for_ever = true};
    struct flow_answer a;

    script_set(f->w.up, &quick, 1);
    for (int i = 0; i < LATENCY_ENOUGH; i++) {
        flow_ask(f, NULL, WORD_STREAM, &a);
        flow_answer_release(&a);
    }
    cr_expect_eq(f->w.slot->hedges, 0);
}

/* By default, and without a hedge in hand: nobody hears from the region, so waiting is vain. */
Test(flow_hedge, who_is_silent_to_all_is_overtaken)
{
    struct script_answer silent[] = {{.region = "a", .hangs = true}, SSE("b", WORD_WHOLE)};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, NULL);
    make_known(&f);
    budget_init(&f.w.hedges, 1, 10, 0);
    script_set(f.w.up, silent, 2);
    flow_ask(&f, NULL, WORD_STREAM, &a);
    cr_expect(str_eqz(flow_field(&a, "x-sluice-region"), "b"));
    cr_expect_eq(f.w.slot->hedges, 1);
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[OUTCOME_TIMEOUT], 1, "it had its time");
    flow_answer_release(&a);
    flow_stop(&f);
}

Test(flow_hedge, p95_of_a_regions_last_answers)
{
    struct script_answer slow[] = {{.region = "a", .hangs = true}, SSE("b", WORD_WHOLE)};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'hedge':{'after':'p95','max_share':100}");
    make_known(&f);
    script_set(f.w.up, slow, 2);
    flow_ask(&f, NULL, WORD_STREAM, &a);
    cr_expect(str_eqz(flow_field(&a, "x-sluice-region"), "b"));
    cr_expect_eq(f.w.slot->hedges, 1);
    flow_answer_release(&a);
    flow_stop(&f);
}

#define ALWAYS(r, s, b)                                                                        \
    {                                                                                          \
        .region = r, .status = s, .fields = WORD_JSON, .body = b, .for_ever = true             \
    }

/* retry.budget is not against a target that failed nobody: with one left, no client fails. */
Test(flow_hedge, a_well_target_is_asked_without_a_budget)
{
    struct script_answer answers[] = {ALWAYS("a", 503, WORD_SICK), ALWAYS("b", 503, WORD_SICK),
                                      ALWAYS("c", 200, WORD_ANSWER)};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'breaker':{'failure_threshold':1000,'failure_rate':0}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    budget_init(&f.w.retries, 20, 10, 0);
    for (int i = 0; i < 20; i++) {
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_eq(a.status, 200, "request %d", i);
        flow_answer_release(&a);
    }
    /* b is asked again where the share allows it: its first failure was billed */
    cr_expect_leq(script_count(f.w.up), 20u + 20 + 1 + 20 / 5);
    cr_expect_eq(f.w.slot->retries_refused, 0u);
    flow_stop(&f);
}

/* retry.budget: when everything fails, requests are not multiplied. */
Test(flow_hedge, retries_stop_with_their_budget)
{
    struct script_answer sick[] = {ALWAYS("a", 503, WORD_SICK), ALWAYS("b", 503, WORD_SICK),
                                   ALWAYS("c", 503, WORD_SICK)};
    struct flow_world f;
    struct flow_answer a;

    flow_start(&f, "'breaker':{'failure_threshold':1000,'failure_rate':0}");
    script_set(f.w.up, sick, ARRAY_LEN(sick));
    budget_init(&f.w.retries, 20, 10, 1);
    for (int i = 0; i < 20; i++) {
        flow_ask(&f, NULL, WORD_ASK, &a);
        cr_expect_eq(a.status, 503);
        flow_answer_release(&a);
    }
    cr_expect_eq(script_count(f.w.up), 20u + 1 + 20 / 5);
    cr_expect_gt(f.w.slot->retries_refused, 0u);
    flow_stop(&f);
}
