/* test_choose.c - the targets of a model, their order, and the last resort. */
#include "router/request/choose.h"

#include "base/clock.h"
#include "base/log.h"
#include "fleet/fleet.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONF(more)                                                                             \
    "{\"regions\":["                                                                           \
    "{\"name\":\"a\",\"base_url\":\"http://a/v1\",\"priority\":2},"                            \
    "{\"name\":\"b\",\"base_url\":\"http://b/v1\",\"priority\":1},"                            \
    "{\"name\":\"c\",\"base_url\":\"http://c/v1\",\"priority\":1}],"                           \
    "\"breaker\":{\"failure_threshold\":1,\"recovery_timeout\":\"60s\"}" more "}"
#define MODELS                                                                                 \
    ",\"models\":{\"m\":{\"targets\":[{\"region\":\"a\",\"context_window\":1000},"             \
    "{\"region\":\"b\",\"model\":\"m-b\",\"priority\":3,\"context_window\":2000}],"            \
    "\"fallbacks\":[\"f\"]},"                                                                  \
    "\"f\":{\"targets\":[{\"region\":\"c\"},{\"region\":\"a\",\"model\":\"f-a\"}],"            \
    "\"context_window\":4000}}"

struct choosing {
    struct event_base *base;
    struct config *conf;
    struct fleet_counters *counters;
    struct rand rand;
    struct fleet *fleet;
    struct choose *choose;
    bool tried[8];
    struct choose_state st;
};

static void no_line(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void start(struct choosing *c, const char *text)
{
    struct err err = {0};

    memset(c, 0, sizeof(*c));
    log_set_sink(no_line);
    rand_init(&c->rand, 1);
    c->base = event_base_new();
    c->conf = config_parse("t", str_of(text), &err);
    cr_assert_not_null(c->conf, "%s", err.msg);
    c->counters =
        xcalloc(1, sizeof(*c->counters) + c->conf->n_slots * sizeof(c->counters->slot[0]));
    c->fleet = fleet_new(c->base, c->conf, "me", &c->rand, c->counters, &err);
    c->choose = choose_new(c->conf);
    c->st.tried = c->tried;
}

static void stop(struct choosing *c)
{
    fleet_free(c->fleet);
    choose_free(c->choose);
    free(c->counters);
    config_free(c->conf);
    event_base_free(c->base);
}

static int pick(struct choosing *c, const char *model, bool allow_last, bool *last)
{
    return choose_pick(choose_find(c->choose, model), &c->st, -1, c->fleet, allow_last,
                       clock_mono_ms(), last);
}

/* One attempt of region that ends as o. */
static void attempt(struct choosing *c, size_t region, enum outcome o, int64_t cool_ms)
{
    struct permit p;
    int64_t due_ms = clock_mono_ms() + 30000;

    permit_begin(c->fleet, region, false, clock_mono_ms(), &p);
    permit_end(c->fleet, &p, o, cool_ms);
    while (permit_check(c->fleet, region, PERMIT_ASKER_NEW, clock_mono_ms()) == PICKER_USABLE &&
           clock_mono_ms() < due_ms)
        event_base_loop(c->base, EVLOOP_ONCE);
    cr_assert_neq(permit_check(c->fleet, region, PERMIT_ASKER_NEW, clock_mono_ms()),
                  PICKER_USABLE);
}

Test(choose, plan_of_a_model)
{
    static const struct {
        size_t region;
        const char *model;
        int tier, priority;
        int64_t window;
    } want[] = {{0, NULL, 0, 2, 1000},
                {1, "m-b", 0, 3, 2000},
                {2, "f", 1, 1, 4000},
                {0, "f-a", 1, 2, 4000}};
    struct choosing c;
    const struct choose_plan *p;

    start(&c, CONF(MODELS));
    p = choose_find(c.choose, "m");
    cr_assert_eq(p->n, ARRAY_LEN(want));
    for (size_t i = 0; i < p->n; i++) {
        const struct choose_target *t = &p->targets[i];

        cr_expect_eq(t->region, want[i].region, "target %zu", i);
        cr_expect_eq(t->tier, want[i].tier, "target %zu", i);
        cr_expect_eq(t->priority, want[i].priority, "target %zu", i);
        cr_expect_eq(t->context_window, want[i].window, "target %zu", i);
        cr_expect((t->model == NULL) == (want[i].model == NULL) &&
                      (t->model == NULL || strcmp(t->model, want[i].model) == 0),
                  "target %zu", i);
    }
    cr_expect_null(choose_find(c.choose, "M"));
    cr_expect_null(choose_find(c.choose, ""));
    stop(&c);
}

Test(choose, without_models_every_region_by_priority)
{
    struct choosing c;
    bool last;

    start(&c, CONF(""));
    cr_assert_eq(choose_find(c.choose, "anything")->n, 3);
    cr_expect_eq(pick(&c, "x", true, &last), 1);
    c.tried[1] = true;
    cr_expect_eq(pick(&c, "x", true, &last), 2);
    c.tried[2] = true;
    cr_expect_eq(pick(&c, "x", true, &last), 0);
    c.tried[0] = true;
    cr_expect_eq(pick(&c, "x", true, &last), -1);
    cr_expect_not(last);
    stop(&c);
}

/* Only a larger window than the one that was too small; an unknown one is no promise. */
Test(choose, except_is_passed_over_this_once)
{
    struct choosing c;
    const struct choose_plan *p;
    bool last;
    int first, other;

    start(&c, CONF(MODELS));
    p = choose_find(c.choose, "m");
    first = pick(&c, "m", false, &last);
    cr_assert_geq(first, 0);
    other = choose_pick(p, &c.st, first, c.fleet, false, clock_mono_ms(), &last);
    cr_expect_geq(other, 0);
    cr_expect_neq(other, first);
    cr_expect_eq(pick(&c, "m", false, &last), first);
    stop(&c);
}

Test(choose, context_window)
{
    static const struct {
        int64_t over;
        int want;
    } rows[] = {{0, 0},    {1, 0},    {999, 0},  {1000, 1},  {1001, 1},
                {1999, 1}, {2000, 2}, {3999, 2}, {4000, -1}, {4001, -1}};
    struct choosing c;
    bool last;

    start(&c, CONF(MODELS));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        c.st.window_over = rows[i].over;
        cr_expect_eq(pick(&c, "m", true, &last), rows[i].want, "over %lld",
                     (long long)rows[i].over);
    }
    stop(&c);
    start(&c, CONF(""));
    c.st.window_over = 1;
    cr_expect_eq(pick(&c, "m", true, &last), -1);
    stop(&c);
}

Test(choose, last_resort_is_what_returns_first)
{
    struct choosing c;
    struct permit p[PERMIT_LAST_RESORTS_MAX];
    int64_t until[3];
    size_t first = 0;
    bool last;
    int at;

    start(&c, CONF(""));
    for (size_t r = 0; r < 3; r++) {
        attempt(&c, r, OUTCOME_SERVER_ERROR, -1);
        cr_assert(permit_may_last_resort(c.fleet, r, &until[r]));
        if (until[r] < until[first])
            first = r;
    }
    cr_expect_eq(pick(&c, "x", false, &last), -1, "it is switched off");
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        at = pick(&c, "x", true, &last);
        cr_expect_eq(at, (int)first);
        cr_expect(last);
        permit_begin(c.fleet, first, true, clock_mono_ms(), &p[i]);
    }
    at = pick(&c, "x", true, &last);
    cr_expect(at >= 0 && at != (int)first, "it has as many as it may");
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        permit_end(c.fleet, &p[i], OUTCOME_OK, -1);
    cr_expect_eq(pick(&c, "x", true, &last), (int)first);
    c.tried[first] = true;
    at = pick(&c, "x", true, &last);
    cr_expect(at >= 0 && at != (int)first);
    stop(&c);
}

/* A region that asked for quiet is left alone, also as a last resort. */
Test(choose, cooling_is_no_last_resort)
{
    struct choosing c;
    bool last;

    start(&c, CONF(""));
    for (size_t r = 0; r < 3; r++)
        attempt(&c, r, OUTCOME_THROTTLED, 60000);
    cr_expect_eq(pick(&c, "x", true, &last), -1);
    stop(&c);
}

static char said[1024];

static void keep_line(enum log_level level, const char *line)
{
    if (level == LOG_DEBUG)
        snprintf(said, sizeof(said), "%s", line);
}

/* With log.level debug a line tells what each target was; else nothing is put together. */
Test(choose, says_why_targets_are_passed_over)
{
    struct log_ctx log = {.where = "request"};
    struct choosing c;
    bool last;

    start(&c, CONF(MODELS));
    log_set_sink(keep_line);
    c.st.log = &log;
    c.tried[0] = true;
    c.st.window_over = 2500;
    cr_expect_eq(pick(&c, "m", true, &last), 2);
    cr_expect_str_eq(said, "");
    log_set_level(LOG_DEBUG);
    cr_expect_eq(pick(&c, "m", true, &last), 2);
    cr_expect_not_null(
        strstr(said, "target choice=c targets=\"a=tried b=too_small c=usable a=usable\""), "%s",
        said);
    attempt(&c, 2, OUTCOME_SERVER_ERROR, -1);
    attempt(&c, 0, OUTCOME_SERVER_ERROR, -1);
    cr_expect_geq(pick(&c, "m", true, &last), 2);
    cr_expect_not_null(
        strstr(said, " last_resort targets=\"a=tried b=too_small c=open a=open\""), "%s", said);
    said[0] = '\0';
    c.st.log = NULL;
    pick(&c, "m", true, &last);
    cr_expect_str_eq(said, "");
    log_set_level(LOG_INFO);
    stop(&c);
}
