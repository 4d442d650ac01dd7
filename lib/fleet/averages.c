/* averages.c - how regions do: this worker's own score and times, and the fleet's.
 *
 * Every fifth sync's time a row per region goes to the fleet and the fleet's average comes
 * back.  A row weighs as much as it is news: half of the last weight and one per new sample, so
 * a worker without traffic soon says nothing, and its numbers do not outweigh fresh ones.
 * Models have no rows of their own: their breakers are what keeps a bad one away. */
#include "fleet/averages.h"

#include "fleet/decider.h"

#include <stdlib.h>

#define SEND_EVERY_SYNCS 5
#define ROWS_PER_STRETCH 20000 /* of all workers, that Redis takes without noticing */
#define TIME_MAX_US      INT64_C(86400000000)

void averages_init(struct averages *a, size_t n_regions)
{
    *a = (struct averages){.n = n_regions};
    a->regions = xcalloc(n_regions, sizeof(*a->regions));
    for (size_t i = 0; i < n_regions; i++)
        a->regions[i].fleets =
            (struct shared_state_measured){.first_us = -1, .total_us = -1, .health = -1};
}

void averages_release(struct averages *a)
{
    free(a->regions);
    a->regions = NULL;
}

void averages_note_start(struct averages *a, size_t region)
{
    a->regions[region].inflight++;
}

void averages_note_end(struct averages *a, size_t region, const struct outcome_traits *t)
{
    struct averages_region *r = &a->regions[region];

    r->inflight--;
    if (!t->hurts && !t->heals)
        return;
    health_note(&r->health, t->heals);
    r->health_new++;
}

void averages_note_times(struct averages *a, size_t region, int64_t first_us, int64_t total_us)
{
    struct averages_region *r = &a->regions[region];

    ewma_add(&r->first, first_us < TIME_MAX_US ? first_us : TIME_MAX_US);
    ewma_add(&r->total, total_us < TIME_MAX_US ? total_us : TIME_MAX_US);
    r->times_new++;
}

void averages_note_fleets(struct averages *a, size_t region,
                          const struct shared_state_measured *m)
{
    a->regions[region].fleets = *m;
}

/* The weight of a row from its last one and what is new, which is taken. */
static int next_weight(int *weight, int *news)
{
    int sum = *news < SHARED_STATE_WEIGHT_MAX ? *weight / 2 + *news : SHARED_STATE_WEIGHT_MAX;

    *news = 0;
    *weight = sum < SHARED_STATE_WEIGHT_MAX ? sum : SHARED_STATE_WEIGHT_MAX;
    return *weight;
}

static void send(struct averages *a, struct decider *d)
{
    struct shared_state_measure *rows = xcalloc(a->n, sizeof(*rows));

    for (size_t i = 0; i < a->n; i++) {
        struct averages_region *r = &a->regions[i];

        rows[i] = (struct shared_state_measure){
            .first_us = ewma_us(&r->first, 0),
            .total_us = ewma_us(&r->total, 0),
            .weight = next_weight(&r->times_weight, &r->times_new),
            .health = health_score(&r->health),
            .health_weight = next_weight(&r->health_weight, &r->health_new),
            .inflight = r->inflight,
        };
    }
    decider_average(d, rows, a->n);
    free(rows);
}

void averages_tick(struct averages *a, struct decider *d, struct rand *rand, int64_t now_ms)
{
    struct shared_state_stats st;
    int64_t every_ms = d->conf->redis.sync_ms * SEND_EVERY_SYNCS;

    if (!decider_is_attached(d) || now_ms < a->next_ms)
        return;
    decider_get_stats(d, &st);
    every_ms *= 1 + (int64_t)(st.live_routers * a->n / ROWS_PER_STRETCH);
    a->next_ms =
        now_ms + every_ms * 4 / 5 + (int64_t)rand_below(rand, (uint64_t)every_ms * 2 / 5);
    send(a, d);
}
