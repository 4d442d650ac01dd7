/* local_breakers.h - one breaker per slot, on this process' own evidence.
 *
 * They decide while Redis is away and where there is none, by the rules of
 * lib/policy/breaker.c, and show a slot as the fleet's state does. */
#ifndef FLEET_LOCAL_BREAKERS_H
#define FLEET_LOCAL_BREAKERS_H

#include "fleet/breakers.h"
#include "shared/view.h"

struct event_base;
struct local_breakers;

struct local_breakers_conf {
    const char *router_id;             /* named as who changed what */
    const char *const *slots;          /* regions, or region/model */
    const struct breakers_rule *rules; /* one per slot */
    size_t n_slots;
};

struct local_breakers_events { /* all from the event loop */
    void *arg;
    void (*on_slot)(void *arg, size_t slot); /* it changed; may be NULL */
    void (*on_probe)(void *arg, const struct breakers_probe_answer *a); /* once per probe */
};

/* Copies what it needs of conf, except the words of its rules; ev is copied. */
struct local_breakers *local_breakers_new(struct event_base *base,
                                          const struct local_breakers_conf *conf,
                                          const struct local_breakers_events *ev);
/* No event comes any more; from inside one as well.  NULL is fine. */
void local_breakers_free(struct local_breakers *m);

size_t local_breakers_count(const struct local_breakers *m);
const struct view_slot *local_breakers_get(const struct local_breakers *m, size_t slot);
uint64_t local_breakers_ver(const struct local_breakers *m); /* counts the changes */

/* Evidence of one finished attempt that started under epoch. */
void local_breakers_report(struct local_breakers *m, size_t slot, uint64_t epoch,
                           enum breakers_evidence what, bool slow);
void local_breakers_get_part(const struct local_breakers *m, size_t slot, bool *failing,
                             bool *slow); /* breaker_get_part */
struct window_counts local_breakers_get_counts(const struct local_breakers *m,
                                               size_t slot); /* breaker_get_counts */
/* Asks for the right to one probe; the answer comes by on_probe. */
void local_breakers_probe(struct local_breakers *m, size_t slot, uint64_t token);
/* Lengthens a granted lease; call every third of its lease while the probe runs. */
void local_breakers_probe_renew(struct local_breakers *m, size_t slot, uint64_t token);
void local_breakers_done(struct local_breakers *m, size_t slot, uint64_t epoch, uint64_t token,
                         enum breaker_verdict verdict);
/* Leaves slot alone for for_ms (the longer of two wins). */
void local_breakers_cool(struct local_breakers *m, size_t slot, int64_t for_ms,
                         enum cooling_why why);

/* Opens slot for its recovery time, unless it is open; counts as a trip. */
void local_breakers_trip(struct local_breakers *m, size_t slot, const char *why);
/* Closes slot, unless it is; ramp_ms: since when its share grows, 0: it has all of it. */
void local_breakers_close(struct local_breakers *m, size_t slot, int64_t ramp_ms);
/* The operator's word, by which no probe may go. */
void local_breakers_force(struct local_breakers *m, size_t slot, enum view_forced forced,
                          int64_t until_ms);
/* Starts from what the fleet said last of the slot named from->name, when Redis goes away;
 * nothing where there is none of that name.  near: the likely index.  keep: but not from its
 * breaker's state. */
void local_breakers_adopt(struct local_breakers *m, const struct view_slot *from, size_t near,
                          bool keep);

#endif
