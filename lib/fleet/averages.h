/* averages.h - how regions do: this worker's own score and times, and the fleet's. */
#ifndef FLEET_AVERAGES_H
#define FLEET_AVERAGES_H

#include "base/rand.h"
#include "policy/ewma.h"
#include "policy/health.h"
#include "policy/outcome.h"
#include "fleet/shared_state.h"

struct decider;

struct averages_region {
    int64_t inflight;
    struct health health;
    struct ewma first, total; /* times of attempts that went well */
    int times_new, times_weight, health_new, health_weight;
    struct shared_state_measured fleets;
};

struct averages {
    size_t n;
    struct averages_region *regions;
    int64_t next_ms; /* when they go out */
};

void averages_init(struct averages *a, size_t n_regions);
void averages_release(struct averages *a);

void averages_note_start(struct averages *a, size_t region);
void averages_note_end(struct averages *a, size_t region, const struct outcome_traits *t);
/* Times of an attempt that went well: to its first byte, to its end. */
void averages_note_times(struct averages *a, size_t region, int64_t first_us, int64_t total_us);
void averages_note_fleets(struct averages *a, size_t region,
                          const struct shared_state_measured *m);

/* Says them to the fleet when it is time; d's rules, rand for the jitter. */
void averages_tick(struct averages *a, struct decider *d, struct rand *rand, int64_t now_ms);

#endif
