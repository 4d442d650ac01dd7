/* test_probe.c - what a check asks, what it makes of the answer, and what follows. */
#include "flow_words.h"
#include "flow_world.h"

#include "base/clock.h"
#include "router/health_check.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define EVERY "'interval':'100ms','timeout':'300ms'"
#define BREAKER                                                                                \
    "'retry':{'num_retries':0},'breaker':{'failure_threshold':1,"                              \
    "'recovery_timeout':'100ms','success_threshold':1,'last_resort':'off'}"
#define MODELS "'models':{'one':{'targets':[{'region':'a'}]}}"
#define ONE    "{\"model\":\"one\",\"messages\":[1]}"
#define FINE(r)                                                                                \
    {                                                                                          \
        .region = (r), .status = 200, .body = "{}", .for_ever = true                           \
    }

static bool is_checked(void *arg)
{
    const struct flow_world *f = arg;

    for (size_t i = 0; i < f->conf->n_regions; i++)
        if (f->w.slot->region[i].checks_ok + f->w.slot->region[i].checks_failed == 0)
            return false;
    return true;
}

static const struct script_call *call_of(const struct flow_world *f, const char *host)
{
    for (size_t i = 0; i < script_count(f->w.up); i++)
        if (strstr(script_call(f->w.up, i)->url, host) != NULL)
            return script_call(f->w.up, i);
    return NULL;
}

Test(flow_probe, each_region_is_asked_with_its_own_credentials)
{
    static const struct {
        const char *url, *auth;
    } rows[] = {
        {"http://a.test/v1/models", "Authorization: Bearer key-a\n"},
        {"http://b.test/v1/models", "x-api-key: key-b\n"},
        {"http://c.test/v1/models", "X-Region: moon\n"},
    };
    struct script_answer answers[] = {FINE("a"), FINE("b"), FINE("c")};
    struct flow_world f;

    flow_start(&f, "'health':{" EVERY "}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    cr_assert(flow_until(&f, is_checked, &f));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct script_call *c = call_of(&f, rows[i].url);

        cr_assert_not_null(c, "%s", rows[i].url);
        cr_expect_str_eq(c->method, "GET");
        cr_expect_eq(c->total_ms, 300);
        cr_expect_not_null(strstr(c->headers.data, rows[i].auth), "%s", c->headers.data);
        cr_expect_eq(f.w.slot->fleet->slot[i].inflight, 0);
        for (int o = 0; o < N_OUTCOMES; o++)
            cr_expect_eq(f.w.slot->fleet->slot[i].attempts[o], 0, "a check is no attempt");
    }
    flow_stop(&f);
}

static const struct {
    const char *name, *health; /* after EVERY */
    struct script_answer answer;
    bool ok;
    const char *seen;
} verdicts[] = {
    /* clang-format off */
    {"any 2xx", "", {.region = "a", .status = 204, .for_ever = true}, true, "status 204"},
    {"199 and less never come, 300 is none", "", {.region = "a", .status = 300, .for_ever = true}, false, "status 300"},
    {"the status that is asked for", ",'status':401", {.region = "a", .status = 401, .for_ever = true}, true, "status 401"},
    {"another than that", ",'status':204", {.region = "a", .status = 200, .for_ever = true}, false, "status 200"},
    {"refused", "", {.region = "a", .status = 404, .for_ever = true}, false, "status 404"},
    {"sick", "", {.region = "a", .status = 503, .for_ever = true}, false, "status 503"},
    {"no connection", "", {.region = "a", .end = UPSTREAM_CONNECT, .for_ever = true}, false, "connect: "},
    {"cut", "", {.region = "a", .status = 200, .body = "{", .end = UPSTREAM_CUT, .for_ever = true}, false, "cut: "},
    {"too large to wait for", "", {.region = "a", .status = 200, .body = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef|",
     .repeat = 20000, .for_ever = true}, true, "status 200"},
    /* clang-format on */
};

static bool is_known(void *arg)
{
    const struct flow_world *f = arg;
    struct shared_state_check c;

    health_check_last(f->w.checks, 0, clock_mono_ms(), &c);
    return c.known;
}

Test(flow_probe, verdicts)
{
    for (size_t i = 0; i < ARRAY_LEN(verdicts); i++) {
        struct script_answer answers[] = {verdicts[i].answer, FINE("b"), FINE("c")};
        struct flow_world f;
        struct shared_state_check c;
        char extra[200];

        snprintf(extra, sizeof(extra), "'health':{" EVERY "%s}", verdicts[i].health);
        flow_start(&f, extra);
        script_set(f.w.up, answers, ARRAY_LEN(answers));
        cr_assert(flow_until(&f, is_known, &f), "row '%s'", verdicts[i].name);
        health_check_last(f.w.checks, 0, clock_mono_ms(), &c);
        cr_expect_eq(c.ok, verdicts[i].ok, "row '%s'", verdicts[i].name);
        cr_expect_eq(strncmp(c.what, verdicts[i].seen, strlen(verdicts[i].seen)), 0,
                     "row '%s': %s", verdicts[i].name, c.what);
        cr_expect_eq(f.w.slot->fleet->slot[0].state, BREAKER_CLOSED, "row '%s'",
                     verdicts[i].name);
        flow_stop(&f);
    }
}

static bool is_closed(void *arg)
{
    struct flow_world *f = arg;

    return f->w.slot->fleet->slot[0].state == BREAKER_CLOSED;
}

static bool is_not_open(void *arg)
{
    struct flow_world *f = arg;

    return f->w.slot->fleet->slot[0].state != BREAKER_OPEN;
}

static bool is_half_open(void *arg)
{
    struct flow_world *f = arg;

    return f->w.slot->fleet->slot[0].state == BREAKER_HALF_OPEN;
}

/* Opens region a; from then on answers are what its checks find. */
static void trip(struct flow_world *f, struct script_answer *answers, size_t n)
{
    struct script_answer sick[] = {
        {.region = "a", .status = 503, .for_ever = true}, FINE("b"), FINE("c")};
    struct flow_answer a;

    flow_start(f, "'health':{" EVERY "}," BREAKER "," MODELS);
    script_set(f->w.up, sick, ARRAY_LEN(sick));
    flow_ask(f, NULL, ONE, &a);
    cr_expect_eq(a.status, 503, "%d", a.status);
    flow_answer_release(&a);
    script_set(f->w.up, answers, n);
}

Test(flow_probe, closes_an_open_region_that_nobody_asks)
{
    struct script_answer answers[] = {
        {.region = "a", .status = 503}, FINE("a"), FINE("b"), FINE("c")};
    struct flow_world f;

    trip(&f, answers, ARRAY_LEN(answers));
    cr_expect(flow_until(&f, is_not_open, &f));
    cr_expect(flow_until(&f, is_closed, &f));
    cr_expect_eq(f.w.slot->fleet->slot[0].probes, 0, "no request was one");
    flow_stop(&f);
}

static bool is_checked_often(void *arg)
{
    const struct flow_world *f = arg;

    return f->w.slot->region[0].checks_failed >= 8;
}

Test(flow_probe, an_answer_that_is_no_verdict_leaves_it_half_open)
{
    struct script_answer answers[] = {
        {.region = "a", .status = 404, .for_ever = true}, FINE("b"), FINE("c")};
    struct flow_world f;

    trip(&f, answers, ARRAY_LEN(answers));
    cr_expect(flow_until(&f, is_half_open, &f));
    cr_expect(flow_until(&f, is_checked_often, &f));
    cr_expect(is_half_open(&f), "neither closed nor opened by it");
    flow_stop(&f);
}

Test(flow_probe, a_check_under_way_at_the_end_is_let_go)
{
    struct script_answer answers[] = {
        {.region = "a", .waits = true, .for_ever = true}, FINE("b"), FINE("c")};
    struct flow_world f;

    flow_start(&f, "'health':{" EVERY "}");
    script_set(f.w.up, answers, ARRAY_LEN(answers));
    cr_assert(flow_wait_running(&f, 1));
    flow_stop(&f);
}
