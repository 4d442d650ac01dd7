/* test_permit.c - what one attempt tells the breakers. */
#include "fleet/fleet.h"

#include "base/clock.h"
#include "base/log.h"
#include "fleet/permit.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct passing {
    struct event_base *base;
    struct config *conf;
    struct fleet_counters *counters;
    struct rand rand;
    struct fleet *fleet;
};

static void no_line(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void start(struct passing *p, const char *breaker)
{
    char text[600];
    struct err err = {0};

    memset(p, 0, sizeof(*p));
    log_set_sink(no_line);
    rand_init(&p->rand, 1);
    snprintf(text, sizeof(text),
             "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a/v1\"}],\"breaker\":{%s}}",
             breaker);
    p->base = event_base_new();
    p->conf = config_parse("t", str_of(text), &err);
    cr_assert_not_null(p->conf, "%s", err.msg);
    p->counters = xcalloc(1, sizeof(*p->counters) + sizeof(p->counters->slot[0]));
    p->fleet = fleet_new(p->base, p->conf, "me", &p->rand, p->counters, &err);
    cr_assert_not_null(p->fleet, "%s", err.msg);
}

static void stop(struct passing *p)
{
    fleet_free(p->fleet);
    free(p->counters);
    config_free(p->conf);
    event_base_free(p->base);
}

static bool is_open(struct passing *p)
{
    struct fleet_region r;

    fleet_describe(p->fleet, 0, clock_mono_ms(), &r);
    return r.state == BREAKER_OPEN;
}

Test(permit, slow_attempts_trip_where_they_are_asked_to)
{
    static const struct {
        const char *name, *breaker;
        int64_t took_ms;
        bool flows; /* a stream that counted while it ran */
        bool opens;
    } rows[] = {
#define SLOW "\"slow_rate\":50,\"minimum_requests\":4,\"slow_threshold\":"
        {"within the threshold", SLOW "\"20ms\"", 20, false, false},
        {"just over it", SLOW "\"20ms\"", 21, false, true},
        {"a stream, over it", SLOW "\"20ms\"", 21, true, true},
        {"nothing counts as slow", SLOW "\"0s\"", 100000, false, false},
        {"the rule is off", "\"minimum_requests\":4,\"slow_threshold\":\"20ms\"", 21, false,
         false},
#undef SLOW
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct passing p;

        start(&p, rows[i].breaker);
        for (int k = 0; k < 4; k++) {
            struct permit pass;

            cr_assert_not(is_open(&p), "row '%s': too early", rows[i].name);
            permit_begin(p.fleet, 0, false, clock_mono_ms(), &pass);
            pass.took_ms = rows[i].took_ms;
            if (rows[i].flows)
                permit_flowing(p.fleet, &pass);
            permit_end(p.fleet, &pass, OUTCOME_OK, -1);
        }
        cr_expect_eq(is_open(&p), rows[i].opens, "row '%s'", rows[i].name);
        stop(&p);
    }
}

Test(permit, a_slow_last_resort_counts_for_nothing)
{
    struct passing p;

    start(&p, "\"slow_rate\":1,\"minimum_requests\":1,\"slow_threshold\":\"20ms\"");
    for (int k = 0; k < 4; k++) {
        struct permit pass;

        permit_begin(p.fleet, 0, true, clock_mono_ms(), &pass);
        pass.took_ms = 21;
        permit_end(p.fleet, &pass, OUTCOME_OK, -1);
    }
    cr_expect_not(is_open(&p));
    stop(&p);
}

static void end(struct passing *p, enum outcome o)
{
    struct permit pass;

    permit_begin(p->fleet, 0, false, clock_mono_ms(), &pass);
    permit_end(p->fleet, &pass, o, -1);
}

static bool is_cooling(struct passing *p)
{
    return permit_check(p->fleet, 0, PERMIT_ASKER_NEW, clock_mono_ms()) == PICKER_COOLING;
}

Test(permit, a_refused_key_counts_from_the_third_time_in_a_row)
{
    struct passing p;

    start(&p, "");
    end(&p, OUTCOME_AUTH);
    end(&p, OUTCOME_AUTH);
    cr_expect_not(is_cooling(&p), "perhaps the vendor's slip");
    end(&p, OUTCOME_OK);
    end(&p, OUTCOME_AUTH);
    end(&p, OUTCOME_AUTH);
    cr_expect_not(is_cooling(&p), "a success starts anew");
    end(&p, OUTCOME_AUTH);
    cr_expect(is_cooling(&p));
    stop(&p);
}

static int share_after(const char *breaker, bool last_resorts, enum outcome bad)
{
    struct passing p;
    struct fleet_region r;

    start(&p, breaker);
    for (int i = 0; i < 20; i++) {
        struct permit pass;

        permit_begin(p.fleet, 0, last_resorts, clock_mono_ms(), &pass);
        permit_end(p.fleet, &pass, i % 4 == 3 ? bad : OUTCOME_OK, -1);
    }
    fleet_describe(p.fleet, 0, clock_mono_ms(), &r);
    cr_expect_eq(r.state, BREAKER_CLOSED);
    stop(&p);
    return r.share_percent;
}

Test(permit, frequent_failures_take_from_a_share)
{
#define AN_HOUR "\"recovery_ramp\":\"1h\""
    cr_expect_leq(share_after(AN_HOUR, false, OUTCOME_SERVER_ERROR), 50);
    cr_expect_eq(share_after(AN_HOUR, false, OUTCOME_OK), 100);
    cr_expect_eq(share_after(AN_HOUR, false, OUTCOME_ABORTED), 100,
                 "no failure of the region's");
    cr_expect_eq(share_after(AN_HOUR, true, OUTCOME_SERVER_ERROR), 100, "a last resort's");
    cr_expect_eq(share_after("\"recovery_ramp\":\"0s\"", false, OUTCOME_SERVER_ERROR), 100,
                 "off");
#undef AN_HOUR
}
