/* test_override.c - models of a region with breakers of their own, without a Redis. */
#include "fleet/fleet.h"

#include "base/clock.h"
#include "base/log.h"
#include "fleet/permit.h"
#include "router/metrics_text.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <string.h>

#define CONF                                                                                   \
    "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\"},"                                \
    "{\"name\":\"b\",\"base_url\":\"http://b\",\"breaker\":{\"failure_threshold\":3}}],"       \
    "\"models\":{\"big\":{\"targets\":[{\"region\":\"a\"},{\"region\":\"b\"}]},"               \
    "\"small\":{\"targets\":[{\"region\":\"a\"}]}},"                                           \
    "\"breaker\":{\"scope\":\"model\",\"failure_threshold\":1}}"

enum { A, B, A_BIG, A_SMALL, B_BIG }; /* the keys */

static struct event_base *base;
static struct config *conf;
static struct metrics *metrics;
static struct rand dice;
static struct fleet *fleet;

static void no_line(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void setup(void)
{
    struct err err = {0};

    log_set_sink(no_line);
    rand_init(&dice, 1);
    base = event_base_new();
    conf = config_parse("t", str_of(CONF), &err);
    cr_assert_not_null(conf, "%s", err.msg);
    metrics = metrics_new();
    cr_assert_eq(metrics_add(metrics, conf, 1), 0);
    fleet = fleet_new(base, conf, "me", &dice, metrics_claim(metrics, 0, 0)->fleet, &err);
}

static void teardown(void)
{
    fleet_free(fleet);
    metrics_free(metrics);
    config_free(conf);
    event_base_free(base);
}

TestSuite(fleet_scope, .init = setup, .fini = teardown);

static void attempt(size_t slot, enum outcome o)
{
    struct permit p;

    permit_begin(fleet, slot, false, clock_mono_ms(), &p);
    permit_end(fleet, &p, o, -1);
    event_base_loop(base, EVLOOP_NONBLOCK);
}

static enum picker_why ask(size_t slot)
{
    return permit_check(fleet, slot, PERMIT_ASKER_NEW, clock_mono_ms());
}

static bool usable(size_t region)
{
    return fleet_region_usable(fleet, region, clock_mono_ms());
}

Test(fleet_scope, a_model_trips_alone)
{
    attempt(A_BIG, OUTCOME_SERVER_ERROR);
    cr_expect_eq(ask(A_BIG), PICKER_OPEN);
    cr_expect_eq(ask(A_SMALL), PICKER_USABLE);
    cr_expect_eq(ask(B_BIG), PICKER_USABLE);
    cr_expect(usable(A) && usable(B));
    attempt(A_SMALL, OUTCOME_SERVER_ERROR);
    cr_expect(!usable(A) && usable(B));
}

Test(fleet_scope, regions_have_their_own_rules)
{
    attempt(B_BIG, OUTCOME_SERVER_ERROR);
    attempt(B_BIG, OUTCOME_SERVER_ERROR);
    cr_expect_eq(ask(B_BIG), PICKER_USABLE, "its third failure trips it");
    attempt(B_BIG, OUTCOME_SERVER_ERROR);
    cr_expect_eq(ask(B_BIG), PICKER_OPEN);
}

Test(fleet_scope, throttling_is_a_models_own)
{
    attempt(A_BIG, OUTCOME_THROTTLED);
    cr_expect_eq(ask(A_BIG), PICKER_COOLING);
    cr_expect_eq(ask(A_SMALL), PICKER_USABLE);
}

Test(fleet_scope, refusals_are_a_models_own)
{
    for (int i = 0; i < 3; i++)
        attempt(A_BIG, OUTCOME_AUTH);
    cr_expect_eq(ask(A_BIG), PICKER_COOLING);
    cr_expect_eq(ask(A_SMALL), PICKER_USABLE);
}

Test(fleet_scope, quota_is_the_regions)
{
    attempt(A_BIG, OUTCOME_QUOTA);
    cr_expect_eq(ask(A_BIG), PICKER_COOLING);
    cr_expect_eq(ask(A_SMALL), PICKER_COOLING);
    cr_expect_eq(ask(B_BIG), PICKER_USABLE);
    cr_expect(!usable(A) && usable(B));
}

static int64_t metric(const char *name)
{
    struct buf text;
    const char *at;
    int64_t n = -1;

    buf_init(&text, 1 << 20);
    cr_assert_eq(metrics_text_render(metrics, &text), 0);
    at = strstr(text.data, name);
    if (at != NULL)
        n = strtoll(at + strlen(name), NULL, 10);
    buf_release(&text);
    return n;
}

/* A region's gauge is the worst of its models'; attempts count for the region. */
Test(fleet_scope, metrics_name_both)
{
    attempt(A_BIG, OUTCOME_SERVER_ERROR);
    cr_expect_eq(metric("sluice_model_breaker_state{region=\"a\",model=\"big\"} "), 1);
    cr_expect_eq(metric("sluice_model_breaker_state{region=\"a\",model=\"small\"} "), 0);
    cr_expect_eq(metric("sluice_region_breaker_state{region=\"a\"} "), 1);
    cr_expect_eq(metric("sluice_region_breaker_state{region=\"b\"} "), 0);
    cr_expect_eq(metric("sluice_region_attempts_total{region=\"a\",outcome=\"server_error\"} "),
                 1);
}
