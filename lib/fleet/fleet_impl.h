/* fleet_impl.h - the inside of fleet*.c; nobody else includes it. */
#ifndef FLEET_FLEET_IMPL_H
#define FLEET_FLEET_IMPL_H

#include "base/log.h"
#include "policy/ewma.h"
#include "policy/health.h"
#include "fleet/cooling.h"
#include "fleet/fleet.h"

struct event;

enum probe_lease_state { PROBE_LEASE_NONE, PROBE_LEASE_ASKED, PROBE_LEASE_GRANTED };

struct probe_lease {
    enum probe_lease_state state;
    bool local; /* which store granted it */
    uint64_t token, epoch;
    int64_t since_ms, ask_again_ms;
};

struct region_state {
    struct probe_lease lease;
    struct cooling cooling;
    int last_resorts;       /* in flight */
    int last_resort_room;   /* that many more may be: successes in a row */
    int auths;              /* our key was refused that often in a row */
    int64_t ok_ms;          /* our last success there; 0: none */
    int64_t doubt_until_ms; /* of a trip that may be overruled; 0: none */
    bool was_out;           /* alone and not closed, while adopting */
    int64_t local_until_ms; /* not 0: our own breaker decides; see local_verdict.c */
    enum picker_why logged;
    struct health health;     /* see fleet/averages.c */
    struct ewma first, total; /* times of attempts that went well */
    int times_new, times_weight, health_new, health_weight;
    struct store_measured fleets;
};

struct state_file { /* see state_file.c */
    char *path;     /* NULL: none */
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver; /* of the view that was written last */
    int64_t written_ms;
    bool failing; /* and said so */
};

struct fleet {
    const struct config *conf;
    struct rand *rand;
    struct fleet_counters *counters;
    struct log_ctx log;
    struct store *shared, *local;
    bool attached, dead;
    uint64_t life;
    char gen[VIEW_GEN_MAX + 1];
    struct event *tick;
    struct permit *probes;       /* in flight */
    struct region_state *places; /* one per slot */
    struct state_file file;
    void (*on_check)(void *arg, const struct store_check_answer *a);
    void *check_arg;
    int64_t share_ms; /* when the next rows go out */
};

/* Whose verdict on slot counts now. */
struct store *fleet_decider(const struct fleet *f, size_t slot);
static inline const struct view_slot *fleet_slot(const struct fleet *f, size_t slot)
{
    return store_get(fleet_decider(f, slot), slot);
}

/* fleet/scope.c: what is said of a region goes for its models. */
size_t fleet_region_of(const struct fleet *f, size_t slot);
const struct config_breaker *fleet_rule(const struct fleet *f, size_t slot);
/* Whose word is in force: slot's own view or its region's; kept while Redis is away. */
const struct view_slot *fleet_override(const struct fleet *f, size_t slot, int64_t now_ms);
enum view_forced fleet_forced(const struct fleet *f, size_t slot, int64_t now_ms);
int64_t fleet_cools_until_ms(const struct fleet *f, size_t slot);
void fleet_note_state(struct fleet *f, size_t slot); /* for /metrics */

/* Number of the shared data's life, as far as this worker has seen; a flush begins a new one
 * without a change of mode. */
uint64_t fleet_life(struct fleet *f);

void probe_lease_ask(struct fleet *f, size_t slot, int64_t now_ms);
/* In fleet/permit.c: makes *p a probe with the granted lease; gives its outcome to the store.
 */
void probe_lease_take(struct fleet *f, struct permit *p);
void permit_end_probe(struct fleet *f, struct permit *p, const struct outcome_traits *t);
void fleet_take_check(void *arg, const struct store_check_answer *a); /* in fleet/checks.c */
void probe_lease_drop(struct fleet *f, size_t slot);

/* The fleet can use slot, we cannot: our own breaker opens and decides for for_ms at least.
 * Again: only the time is renewed. */
void local_verdict_begin(struct fleet *f, size_t slot, int64_t for_ms);
/* Redis is away: the local store starts from its last view, except where we were alone. */
void local_verdict_adopt(struct fleet *f);
void local_verdict_tick(struct fleet *f, size_t slot, int64_t now_ms);

/* fleet/averages.c */
void averages_start(struct fleet *f);
void averages_note_health(struct fleet *f, size_t region, const struct outcome_traits *t);
void averages_tick(struct fleet *f, int64_t now_ms);
void averages_take(void *arg, size_t region, const struct store_measured *m);

void state_file_tick(struct fleet *f, int64_t now_ms);
void state_file_close(struct fleet *f); /* writes a last time */

#endif
