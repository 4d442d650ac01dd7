/* shared_state.h - what routers share through Redis: evidence goes in, verdicts are pushed out.
 *
 * No call here blocks, and no completion runs inside the call that started it. */
#ifndef FLEET_SHARED_STATE_H
#define FLEET_SHARED_STATE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "fleet/breakers.h"
#include "redis/tls.h"
#include "shared/view.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct shared_state;

struct shared_state_check { /* what the fleet's checker of a slot saw */
    bool known, ok;
    int64_t ago_ms;
    char what[VIEW_WORD_MAX + 1];
};

struct shared_state_check_answer {
    size_t slot;
    bool held;                       /* the caller is the fleet's checker of this slot */
    int64_t wait_ms;                 /* not held: when the lease may fall free */
    struct shared_state_check other; /* not held: what the one who is saw last */
};

#define SHARED_STATE_WEIGHT_MAX 100 /* of what one router says */

struct shared_state_measure {   /* how a slot does for this router */
    int64_t first_us, total_us; /* times of an attempt */
    int weight;                 /* of the times; 0: none of late */
    int health, health_weight;  /* 0..100 */
    int64_t inflight;
};

struct shared_state_measured {  /* and for the fleet */
    int64_t first_us, total_us; /* -1: nobody knows */
    int health;                 /* -1: nobody knows */
    int64_t inflight;
};

/* All from the event loop.  Indexes are those of conf.slots. */
struct shared_state_events {
    void *arg;
    void (*on_slot)(void *arg, size_t slot); /* shared_state_get(slot) changed */
    void (*on_mode)(void *arg, bool attached, const char *why); /* once per change of mode */
    void (*on_probe)(void *arg, const struct breakers_probe_answer *a);     /* once per probe */
    void (*on_check)(void *arg, const struct shared_state_check_answer *a); /* may be NULL */
    /* The fleet can use slot although we cannot: what we see of it is our own matter for
     * for_ms. May be NULL; comes again as long as we report. */
    void (*on_overruled)(void *arg, size_t slot, int64_t for_ms);
    void (*on_averages)(void *arg, size_t slot,
                        const struct shared_state_measured *m); /* may be NULL */
};

struct shared_state_conf {
    const char *fleet;
    const char *router_id, *host, *version, *config_digest; /* announced to the fleet */
    const char *const *slots;                               /* regions, or region/model */
    const struct breakers_rule *rules;                      /* one per slot */
    size_t n_slots;
    const char *url;
    const char *subscribe_url; /* where to listen for news, a replica; NULL: at url */
    struct redis_tls_conf tls; /* for a rediss URL */
    int64_t command_timeout_ms, connect_timeout_ms, sync_ms;
};

/* Copies what it needs of conf, except the words of its rules; ev is copied.  NULL with err
 * only for a conf that can never work (a URL that does not parse): a Redis that is away is no
 * error. */
struct shared_state *shared_state_new(struct event_base *base,
                                      const struct shared_state_conf *conf,
                                      const struct shared_state_events *ev, struct err *err);
/* Leaves the fleet (announced when attached) and frees; no event comes any more.  NULL is
 * fine. */
void shared_state_free(struct shared_state *s);

bool shared_state_is_attached(const struct shared_state *s);
size_t shared_state_count(const struct shared_state *s);
/* The last view, also while away. */
const struct view_slot *shared_state_get(const struct shared_state *s, size_t slot);
uint64_t shared_state_ver(const struct shared_state *s);
const char *shared_state_gen(const struct shared_state *s);

struct shared_state_own { /* what this router's own breaker makes of a slot */
    bool has_left;      /* it keeps us away, though the fleet's is closed; said in each sync */
    bool failing, slow; /* our attempts are part of a rate, if one trips; said with reports */
};
void shared_state_set_own(struct shared_state *s, size_t slot,
                          const struct shared_state_own *own);

/* Evidence of one finished attempt that started under epoch.  A failure leaves at once, those
 * of the next 10 ms together, successes within 100 ms; batched per slot.  While away it is
 * dropped.
 */
void shared_state_report(struct shared_state *s, size_t slot, uint64_t epoch,
                         enum breakers_evidence what, bool slow);
/* Asks for the right to one probe; the answer comes by on_probe (away: as BUSY). */
void shared_state_probe(struct shared_state *s, size_t slot, uint64_t token);
/* Lengthens a granted lease; call every third of its lease while the probe runs. */
void shared_state_probe_renew(struct shared_state *s, size_t slot, uint64_t token);
void shared_state_done(struct shared_state *s, size_t slot, uint64_t epoch, uint64_t token,
                       enum breaker_verdict verdict);
/* Takes or lengthens the lease to check slot from outside; what was seen goes along (NULL:
 * nothing yet; what: a short sentence for people).  The answer comes by on_check, or never
 * when Redis fails.  false: not sent. */
bool shared_state_check(struct shared_state *s, size_t slot, int64_t lease_ms,
                        const struct shared_state_check *seen, int64_t took_ms);
/* Says how the first n slots do for this router, a row per slot; what the fleet knows comes by
 * on_averages, a call per slot, or never when Redis fails. */
void shared_state_average(struct shared_state *s, const struct shared_state_measure *of,
                          size_t n);
/* Keeps everybody away from slot for for_ms (the longer of two wins), after so many refusals in
 * a row.  Said until Redis has answered, at the next attach again; times 0: said once, it is no
 * decision of ours yet. */
void shared_state_cool(struct shared_state *s, size_t slot, int64_t for_ms, int times,
                       enum cooling_why why);
/* Said in the next sync: requests in flight. */
void shared_state_set_load(struct shared_state *s, int inflight);

/* Appends the view as view_file.h writes it.  -1: no shared view yet. */
int shared_state_save(const struct shared_state *s, struct buf *out) MUST_CHECK;
/* Takes a saved view of an earlier run as the last one, before the first attach.  -1 with err:
 * the text is not one; nothing is changed. */
int shared_state_restore(struct shared_state *s, struct str text, struct err *err) MUST_CHECK;

struct shared_state_stats { /* counters since start; for /metrics and /state */
    uint64_t commands, errors, late, dropped, pushes, syncs, bad_messages, reconnects;
    uint64_t live_routers; /* of the fleet, this one included, as last heard */
    int64_t last_sync_ms;  /* monotonic; 0: never */
};
void shared_state_get_stats(const struct shared_state *s, struct shared_state_stats *out);

#endif
