/* test_unfit.c - our own limits and our strictness are no evidence against a region, and neither
 * is what one client alone provokes. */
#include "base/clock.h"
#include "fleet/permit.h"
#include "flow_words.h"
#include "flow_world.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define LONG_EVENT                                                                             \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" X256 X256 X256 X256           \
    "\"}}]}\n\n"
#define X16       "xxxxxxxxxxxxxxxx"
#define X64       X16 X16 X16 X16
#define X256      X64 X64 X64 X64
#define STOP_DATA "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}"
#define S(text)                                                                                \
    {                                                                                          \
        .region = "a", .status = 200, .fields = WORD_SSE, .body = (text)                       \
    }

static const struct unfit_case {
    const char *name;
    bool stream;
    struct script_answer answer; /* of a, twice; b answers well */
    enum outcome outcome;
    int status;        /* of the client's answer when a is alone */
    const char *code;  /* x-sluice-error, or of the error event; NULL: there is none */
    const char *story; /* when b is there */
} cases[] = {
    /* clang-format off */
    {"an event above the limit", true, S(LONG_EVENT WORD_STOP WORD_DONE), OUTCOME_UNFIT, 502, "event_too_large", "a b"},
    {"an event above the limit, behind content", true, S(WORD_HI LONG_EVENT WORD_STOP WORD_DONE), OUTCOME_UNFIT, 200, "event_too_large", "a b"},
    {"[DONE] but no finish reason", true, S(WORD_HI WORD_DONE), OUTCOME_UNFIT, 200, "no_finish_reason", "a b"},
    {"a plain answer above the limit", true,
     {.region = "a", .status = 200, .fields = WORD_JSON, .body = "{\"x\":\"" X256 X256 X256 X256 "\"}"}, OUTCOME_UNFIT, 502, "answer_too_large", "a b"},
    {"a head above the limit", false,
     {.region = "a", .end = UPSTREAM_LIMIT}, OUTCOME_UNFIT, 502, "head_too_large", "a b"},
    {"a length too large on a 400", false,
     {.region = "a", .status = 400, .fields = WORD_JSON, .body = WORD_BAD, .end = UPSTREAM_CUT}, OUTCOME_CLIENT_FAULT, 400, NULL, "a"},
    {"the last event without its blank line", true, S(WORD_HI STOP_DATA "\n"), OUTCOME_OK, 200, NULL, "a"},
    {"the last event without its line end", true, S(WORD_HI STOP_DATA), OUTCOME_OK, 200, NULL, "a"},
    {"[DONE] without its blank line", true, S(WORD_HI WORD_STOP "data: [DONE]\n"), OUTCOME_OK, 200, NULL, "a"},
    {"[DONE] without its line end", true, S(WORD_HI WORD_STOP "data: [DONE]"), OUTCOME_OK, 200, NULL, "a"},
    {"a byte order mark", false,
     {.region = "a", .status = 200, .fields = WORD_JSON, .body = "\xEF\xBB\xBF" WORD_ANSWER}, OUTCOME_OK, 200, NULL, "a"},
    {"NaN in a stream", true,
     S("data: {\"choices\":[{\"delta\":{\"content\":\"hi\"},\"logprobs\":NaN}]}\n\n" WORD_STOP WORD_DONE), OUTCOME_OK, 200, NULL, "a"},
    /* clang-format on */
};

static bool is_open(struct flow_world *f)
{
    return permit_check(f->w.fleet, 0, PERMIT_ASKER_NEW, clock_mono_ms()) == PICKER_OPEN;
}

static void play(const struct unfit_case *c, bool alone)
{
    struct script_answer answers[] = {
        c->answer, {.region = "b", .status = 200, .fields = WORD_SSE, .body = WORD_WHOLE}};
    struct flow_world f;
    struct flow_answer a;
    char extra[300];

    answers[1].fields = c->stream ? WORD_SSE : WORD_JSON;
    answers[1].body = c->stream ? WORD_WHOLE : WORD_ANSWER;
    snprintf(extra, sizeof(extra),
             "'stream':{'event_max':'1KiB'},'upstream':{'max_answer_bytes':'1KiB'},"
             "'breaker':{'failure_threshold':1},'models':{'m':{'targets':[{'region':'a'}%s]}}",
             alone ? "" : ",{'region':'b'}");
    flow_start(&f, extra);
    script_set(f.w.up, answers, 2);
    flow_ask(&f, NULL, c->stream ? WORD_STREAM : WORD_ASK, &a);
    cr_expect_str_eq(script_story(f.w.up), alone ? "a" : c->story, "row '%s'", c->name);
    cr_expect_eq(f.w.slot->fleet->slot[0].attempts[c->outcome], 1, "row '%s'", c->name);
    if (alone) {
        cr_expect_eq(a.status, c->status, "row '%s': %d", c->name, a.status);
        cr_expect_eq(a.whole, c->code == NULL || c->status != 200, "row '%s'", c->name);
        if (c->code != NULL)
            cr_expect_not_null(strstr(a.body.data, c->code), "row '%s': %s", c->name,
                               a.body.data);
        else
            cr_expect_null(strstr(a.body.data, "\"server_error\""), "row '%s'", c->name);
    } else if (strcmp(c->story, "a b") == 0) {
        cr_expect_eq(a.status, 200, "row '%s'", c->name);
    }
    flow_drain_loop(&f, 10);
    cr_expect_not(is_open(&f), "row '%s' is evidence", c->name);
    flow_answer_release(&a);
    flow_stop(&f);
}

Test(flow_unfit, is_no_evidence)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        play(&cases[i], true);
        play(&cases[i], false);
    }
}

/* Every answer stays what it is where the region fell short: the other side of the rows above. */
Test(flow_unfit, what_a_region_fails_to_deliver_is)
{
    static const char *const bodies[] = {WORD_HI, WORD_DONE, WORD_ROLE WORD_DONE,
                                         WORD_HI "data: {\"cho",
                                         WORD_HI "data: {\"choices\":[{\"delta\":{}}]}\n"};

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct script_answer answer = S(bodies[i]);
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, "'breaker':{'failure_threshold':1,'last_resort':'off'},"
                       "'models':{'m':{'targets':[{'region':'a'}]}}");
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        flow_drain_loop(&f, 10);
        cr_expect(is_open(&f), "row %zu is no evidence", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}

#define KEY(k) "Authorization: Bearer " k "\r\n"

/* So many 403s or 409s, by these clients in turn; whether region a is left alone afterwards. */
static const struct {
    const char *name;
    int status, n;
    const char *keys[2];
    enum picker_why why;
} provoked[] = {
    {"403, one client", 403, 4, {KEY("one"), KEY("one")}, PICKER_USABLE},
    {"403, no key", 403, 4, {"", ""}, PICKER_USABLE},
    {"403, two clients", 403, 4, {KEY("one"), KEY("two")}, PICKER_COOLING},
    {"401 is our key's matter", 401, 3, {KEY("one"), KEY("one")}, PICKER_COOLING},
    {"409, one client", 409, 6, {KEY("one"), KEY("one")}, PICKER_USABLE},
    {"409, two clients", 409, 6, {KEY("one"), KEY("two")}, PICKER_OPEN},
    {"500 is nobody's but the region's", 500, 5, {KEY("one"), KEY("one")}, PICKER_OPEN},
};

Test(flow_unfit, one_client_provokes_nothing)
{
    for (size_t i = 0; i < ARRAY_LEN(provoked); i++) {
        struct script_answer answer = {.region = "a",
                                       .status = provoked[i].status,
                                       .fields = WORD_JSON,
                                       .body = WORD_SICK,
                                       .for_ever = true};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, "'retry':{'num_retries':0},'breaker':{'failure_threshold':5},"
                       "'models':{'m':{'targets':[{'region':'a'}]}}");
        script_set(f.w.up, &answer, 1);
        for (int n = 0; n < provoked[i].n; n++) {
            flow_ask(&f, provoked[i].keys[n % 2], WORD_ASK, &a);
            flow_answer_release(&a);
            flow_drain_loop(&f, 10);
        }
        cr_expect_eq(permit_check(f.w.fleet, 0, PERMIT_ASKER_NEW, clock_mono_ms()),
                     provoked[i].why, "row '%s'", provoked[i].name);
        flow_stop(&f);
    }
}

/* A vendor that is known for it. */
Test(flow_unfit, lenient_is_a_regions_own)
{
    static const struct {
        const char *fields, *body, *want; /* want NULL: refused all the same */
    } odd[] = {
        {WORD_SSE, WORD_HI WORD_DONE, WORD_HI WORD_DONE},
        {WORD_SSE, WORD_ROLE WORD_DONE, NULL},
        {WORD_SSE, WORD_HI, NULL},
        {WORD_JSON, "{\"id\":\"1\",\"choices\":[{\"message\":{\"content\":\"hello\"}}]}",
         WORD_PLAYED_CHUNK "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":"
                           "\"hello\"},\"finish_reason\":null}]}\n\n" WORD_PLAYED_CHUNK
                           "{\"index\":0,\"delta\":{},\"finish_reason\":null}]}\n\n" WORD_DONE},
    };

    for (size_t i = 0; i < ARRAY_LEN(odd); i++) {
        struct script_answer answer = {
            .region = "a", .status = 200, .fields = odd[i].fields, .body = odd[i].body};
        struct flow_world f;
        struct flow_answer a;

        flow_start(&f, "'retry':{'num_retries':0}");
        f.conf->regions[0].lenient = CONFIG_LENIENT_NO_FINISH_REASON;
        script_set(f.w.up, &answer, 1);
        flow_ask(&f, NULL, WORD_STREAM, &a);
        if (odd[i].want != NULL)
            cr_expect_str_eq(a.body.data, odd[i].want, "row %zu", i);
        cr_expect_eq(f.w.slot->requests[METRICS_REQ_OK], odd[i].want != NULL, "row %zu", i);
        flow_answer_release(&a);
        flow_stop(&f);
    }
}
