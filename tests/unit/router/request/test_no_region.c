/* test_no_region.c - the last word to a client: what happened, and when to come back. */
#include "router/request/no_region.h"

#include "base/clock.h"
#include "base/log.h"
#include "fleet/fleet.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

static void no_line(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

struct degrading {
    struct event_base *base;
    struct config *conf;
    struct fleet_counters *counters;
    struct rand rand;
    struct fleet *fleet;
    struct choose *choose;
};

static void start(struct degrading *d)
{
    static const char text[] = "{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a/v1\"},"
                               "{\"name\":\"b\",\"base_url\":\"http://b/v1\"}]}";
    struct err err = {0};

    log_set_sink(no_line);
    rand_init(&d->rand, 1);
    d->base = event_base_new();
    d->conf = config_parse("t", str_of(text), &err);
    d->counters =
        xcalloc(1, sizeof(*d->counters) + d->conf->n_slots * sizeof(d->counters->slot[0]));
    d->fleet = fleet_new(d->base, d->conf, "me", &d->rand, d->counters, &err);
    d->choose = choose_new(d->conf);
}

static void stop(struct degrading *d)
{
    fleet_free(d->fleet);
    choose_free(d->choose);
    free(d->counters);
    config_free(d->conf);
    event_base_free(d->base);
}

static const bool asked[2]; /* nobody was */
static const struct refusal said = {.kept = REFUSAL_NONE};

Test(no_region, says_what_happened)
{
    static const struct {
        int attempts;
        enum outcome last;
        bool out_of_time;
        int status;
        const char *code, *text;
    } rows[] = {
        {0, OUTCOME_OK, false, 503, "no_region_available",
         "no region may be used for this model now: all of them are open, cooling or forced "
         "down"},
        {1, OUTCOME_CONNECT, false, 503, "no_region_available",
         "no region gave an answer after 1 attempt, the last at region 'a' ended as connect"},
        {2, OUTCOME_SERVER_ERROR, false, 503, "no_region_available",
         "no region gave an answer after 2 attempts, the last at region 'a' ended as "
         "server_error"},
        {3, OUTCOME_TIMEOUT, true, 504, "deadline_exceeded",
         "the time limit passed after 3 attempts, the last at region 'a' ended as timeout"},
    };
    struct degrading d;

    start(&d);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct no_region_facts facts = {.plan = choose_find(d.choose, "m"),
                                        .asked = asked,
                                        .said = &said,
                                        .attempts = rows[i].attempts,
                                        .last = rows[i].last,
                                        .region = "a",
                                        .out_of_time = rows[i].out_of_time};
        struct reply_error e;
        char text[256];

        no_region_explain(&facts, d.fleet, 1000, text, sizeof(text), &e);
        cr_expect_eq(e.status, rows[i].status, "row %zu", i);
        cr_expect_str_eq(e.code, rows[i].code);
        cr_expect_str_eq(e.message, rows[i].text);
        cr_expect_eq(e.retry_after_ms, 1000, "a region may be asked now: in a second");
        cr_expect_not(e.no_retry);
    }
    stop(&d);
}

/* The earliest of the regions counts, a second at least, a stated time at most ten minutes. */
Test(no_region, earliest_return)
{
    static const struct {
        int64_t cool_ms[2]; /* 0: the region is not cooling */
        int64_t min_ms, max_ms;
    } rows[] = {
        {{0, 0}, 1000, 1000},           {{60000, 0}, 1000, 1000},
        {{60000, 30000}, 29000, 30000}, {{30000, 60000}, 29000, 30000},
        {{400, 60000}, 1000, 1000},     {{86400000, 86400000}, 599000, 600000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct degrading d;
        struct no_region_facts facts = {
            .asked = asked, .said = &said, .attempts = 1, .region = "a"};
        struct reply_error e;
        char text[256];

        start(&d);
        facts.plan = choose_find(d.choose, "m");
        for (size_t r = 0; r < 2; r++) {
            struct permit p;

            if (rows[i].cool_ms[r] == 0)
                continue;
            permit_begin(d.fleet, r, false, clock_mono_ms(), &p);
            permit_end(d.fleet, &p, OUTCOME_THROTTLED, rows[i].cool_ms[r]);
        }
        event_base_loop(d.base, EVLOOP_NONBLOCK);
        no_region_explain(&facts, d.fleet, clock_mono_ms(), text, sizeof(text), &e);
        cr_expect(e.retry_after_ms >= rows[i].min_ms && e.retry_after_ms <= rows[i].max_ms,
                  "row %zu: %lld ms", i, (long long)e.retry_after_ms);
        stop(&d);
    }
}
