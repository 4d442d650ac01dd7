/* averages.c - how regions do: this worker's own score and times, and the fleet's.
 *
 * Every fifth sync's time a row per region goes to the fleet and the fleet's average comes
 * back.  A row weighs as much as it is news: half of the last weight and one per new sample, so
 * a worker without traffic soon says nothing, and its numbers do not outweigh fresh ones.
 * Models have no rows of their own: their breakers are what keeps a bad one away. */
#include "fleet/fleet_impl.h"

#include <stdlib.h>

#define SHARE_EVERY_SYNCS 5
#define ROWS_PER_STRETCH  20000 /* of all workers, that Redis takes without noticing */
#define TIME_MAX_US       INT64_C(86400000000)

void averages_note_times(struct fleet *f, size_t region, int64_t first_us, int64_t total_us)
{
    struct region_state *place = &f->places[region];

    ewma_add(&place->first, first_us < TIME_MAX_US ? first_us : TIME_MAX_US);
    ewma_add(&place->total, total_us < TIME_MAX_US ? total_us : TIME_MAX_US);
    place->times_new++;
}

void averages_note_health(struct fleet *f, size_t region, const struct outcome_traits *t)
{
    struct region_state *place = &f->places[region];

    if (!t->hurts && !t->heals)
        return;
    health_note(&place->health, t->heals);
    place->health_new++;
    f->counters->slot[region].health = health_score(&place->health);
}

/* The weight of a row from its last one and what is new, which is taken. */
static int next_weight(int *weight, int *news)
{
    int sum = *news < STORE_WEIGHT_MAX ? *weight / 2 + *news : STORE_WEIGHT_MAX;

    *news = 0;
    *weight = sum < STORE_WEIGHT_MAX ? sum : STORE_WEIGHT_MAX;
    return *weight;
}

static void share(struct fleet *f)
{
    struct store_measure *rows = xcalloc(f->conf->n_regions, sizeof(*rows));

    for (size_t i = 0; i < f->conf->n_regions; i++) {
        struct region_state *place = &f->places[i];
        int64_t inflight = f->counters->slot[i].inflight;

        rows[i] = (struct store_measure){
            .first_us = ewma_us(&place->first, 0),
            .total_us = ewma_us(&place->total, 0),
            .weight = next_weight(&place->times_weight, &place->times_new),
            .health = health_score(&place->health),
            .health_weight = next_weight(&place->health_weight, &place->health_new),
            .inflight = inflight > 0 ? inflight : 0,
        };
    }
    store_share(f->shared, rows, f->conf->n_regions);
    free(rows);
}

void averages_tick(struct fleet *f, int64_t now_ms)
{
    struct store_stats st;
    int64_t every_ms = f->conf->redis.sync_ms * SHARE_EVERY_SYNCS;

    if (!f->attached || now_ms < f->share_ms)
        return;
    store_get_stats(f->shared, &st);
    every_ms *= 1 + (int64_t)(st.live_routers * f->conf->n_regions / ROWS_PER_STRETCH);
    f->share_ms =
        now_ms + every_ms * 4 / 5 + (int64_t)rand_below(f->rand, (uint64_t)every_ms * 2 / 5);
    share(f);
}

void averages_take(void *arg, size_t region, const struct store_measured *m)
{
    struct fleet *f = arg;

    if (!f->dead)
        f->places[region].fleets = *m;
}

void averages_start(struct fleet *f)
{
    for (size_t i = 0; i < f->conf->n_regions; i++) {
        f->places[i].fleets =
            (struct store_measured){.first_us = -1, .total_us = -1, .health = -1};
        f->counters->slot[i].health = health_score(&f->places[i].health);
    }
}
