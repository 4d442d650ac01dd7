/* store_world.h - two routers in one process and one private Redis, for the tests of
 * shared_state. */
#ifndef TESTS_UNIT_FLEET_STORE_WORLD_H
#define TESTS_UNIT_FLEET_STORE_WORLD_H

#include "base/clock.h"
#include "tests/unit/redis/redis_server.h"
#include "fleet/shared_state.h"

#include <criterion/criterion.h>

#define STORE_WORLD_WAIT_MS 30000

struct event_base;

struct store_peer { /* a router, and what its store told it */
    struct shared_state *s;
    int modes, slots, probes;
    bool attached;
    char why[256];
    struct breakers_probe_answer last;
    int alone; /* how often it was told so */
    size_t alone_slot;
    int64_t alone_ms;
    bool free_on_mode, free_on_slot; /* the store, from inside its event */
};

struct store_world {
    struct event_base *base;
    struct redis_server server;
    struct store_peer A, B;
};

/* Both attached, listening and level. */
void store_world_open(struct store_world *w);
void store_world_close(struct store_world *w);
/* url NULL: the world's Redis. */
void store_world_join(struct store_world *w, struct store_peer *p, const char *id,
                      const char *url);
void store_world_turn(struct store_world *w); /* the loop, at most 2 ms */
void store_world_run(struct store_world *w, int64_t ms);
int store_world_log_lines(void); /* since the world opened */

struct shared_state_stats store_world_stats(const struct store_peer *p);
void store_world_command(struct store_world *w, const char *text); /* must not be refused */
long long store_world_number(struct store_world *w, const char *command);
long long store_world_subscribers(struct store_world *w);
/* An operator's word over key a, without an end. */
void store_world_force(struct store_world *w, const char *word, const char *id);
void store_world_fail(struct store_peer *p, size_t slot, int times);

/* Runs the loop until cond or the deadline; that it then holds is asserted. */
#define STORE_WAIT(w, cond)                                                                    \
    do {                                                                                       \
        int64_t wait_end_ms = clock_mono_ms() + STORE_WORLD_WAIT_MS;                           \
        while (!(cond) && clock_mono_ms() < wait_end_ms)                                       \
            store_world_turn(w);                                                               \
        cr_assert((cond), "waited %d ms for: %s", STORE_WORLD_WAIT_MS, #cond);                 \
    } while (0)

#endif
