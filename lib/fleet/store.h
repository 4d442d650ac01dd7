/* store.h - what routers share: evidence goes in, verdicts are pushed out.
 *
 * Two implementations: store_redis (the fleet) and store_mem (one process, the same rules by
 * lib/policy/breaker.c; it decides while Redis is away and when there is none).  No call here
 * blocks, and no completion runs inside the call that started it. */
#ifndef FLEET_STORE_H
#define FLEET_STORE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "policy/breaker.h"
#include "redis/tls.h"
#include "shared/view.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct store;

enum store_evidence { STORE_OK, STORE_FAIL };
enum store_cool { STORE_COOL_THROTTLED, STORE_COOL_QUOTA, STORE_COOL_AUTH };

struct store_probe_answer {
    size_t slot;
    uint64_t token;
    enum breaker_grant grant;
    uint64_t epoch;  /* GRANTED: the epoch the probe runs under */
    int64_t wait_ms; /* WAIT, BUSY: when asking again makes sense */
};

struct store_check { /* what the fleet's checker of a slot saw */
    bool known, ok;
    int64_t ago_ms;
    char what[VIEW_WORD_MAX + 1];
};

struct store_check_answer {
    size_t slot;
    bool held;                /* the caller is the fleet's checker of this slot */
    int64_t wait_ms;          /* not held: when the lease may fall free */
    struct store_check other; /* not held: what the one who is saw last */
};

#define STORE_WEIGHT_MAX 100 /* of what one router says */

struct store_measure {          /* how a slot does for this router */
    int64_t first_us, total_us; /* times of an attempt */
    int weight;                 /* of the times; 0: none of late */
    int health, health_weight;  /* 0..100 */
    int64_t inflight;
};

struct store_measured {         /* and for the fleet */
    int64_t first_us, total_us; /* -1: nobody knows */
    int health;                 /* -1: nobody knows */
    int64_t inflight;
};

/* All from the event loop.  Indexes are those of conf.slots. */
struct store_events {
    void *arg;
    void (*on_slot)(void *arg, size_t slot);                    /* store_get(slot) changed */
    void (*on_mode)(void *arg, bool attached, const char *why); /* once per change of mode */
    void (*on_probe)(void *arg, const struct store_probe_answer *a); /* once per store_probe */
    void (*on_check)(void *arg, const struct store_check_answer *a); /* may be NULL */
    /* The fleet can use slot although we cannot: what we see of it is our own matter for
     * for_ms. May be NULL; comes again as long as we report. */
    void (*on_alone)(void *arg, size_t slot, int64_t for_ms);
    void (*on_share)(void *arg, size_t slot, const struct store_measured *m); /* may be NULL */
};

struct store_rule { /* of one slot */
    struct breaker_conf breaker;
    int64_t probe_lease_ms;
    const char *trip_confirm; /* "none", "second_opinion", "quorum:N" */
};

struct store_conf {
    const char *fleet;
    const char *router_id, *host, *version, *config_digest; /* announced to the fleet */
    const char *const *slots;                               /* regions, or region/model */
    const struct store_rule *rules;                         /* one per slot */
    size_t n_slots;
    /* redis only */
    const char *url;
    const char *subscribe_url; /* where to listen for news, a replica; NULL: at url */
    struct redis_tls_conf tls; /* for a rediss URL */
    int64_t command_timeout_ms, connect_timeout_ms, sync_ms;
};

/* Copies what it needs of conf, except the words of its rules; ev is copied.  NULL with err
 * only for a conf that can never work (a URL that does not parse): a Redis that is away is no
 * error. */
struct store *store_redis_new(struct event_base *base, const struct store_conf *conf,
                              const struct store_events *ev, struct err *err);
struct store *local_breakers_new(struct event_base *base, const struct store_conf *conf,
                                 const struct store_events *ev);
/* Leaves the fleet (announced when attached) and frees; no event comes any more. */
void store_free(struct store *s);

bool store_is_attached(const struct store *s); /* store_mem: always */
size_t store_count(const struct store *s);
/* The last view, also while away. */
const struct view_slot *store_get(const struct store *s, size_t slot);
uint64_t store_ver(const struct store *s);
const char *store_gen(const struct store *s);

/* Evidence of one finished attempt that started under epoch.  A failure leaves at once, those
 * of the next 10 ms together, successes within 100 ms; batched per slot.  While away it is
 * dropped.
 */
void store_report(struct store *s, size_t slot, uint64_t epoch, enum store_evidence what,
                  bool slow);
/* Asks for the right to one probe; the answer comes by on_probe (away: as BUSY). */
void store_probe(struct store *s, size_t slot, uint64_t token);
/* Lengthens a granted lease; call every third of its lease while the probe runs. */
void store_probe_renew(struct store *s, size_t slot, uint64_t token);
void store_done(struct store *s, size_t slot, uint64_t epoch, uint64_t token,
                enum breaker_verdict verdict);
/* Takes or lengthens the lease to check slot from outside; what was seen goes along (NULL:
 * nothing yet; what: a short sentence for people).  The answer comes by on_check, or never
 * when Redis fails.  false: not sent.  store_mem: false. */
bool store_check(struct store *s, size_t slot, int64_t lease_ms, const struct store_check *seen,
                 int64_t took_ms);
/* Says how the first n slots do for this router, a row per slot; what the fleet knows comes by
 * on_share, a call per slot, or never when Redis fails.  store_mem: nothing happens. */
void store_share(struct store *s, const struct store_measure *of, size_t n);
/* Keeps everybody away from slot for for_ms (the longer of two wins). */
void store_cool(struct store *s, size_t slot, int64_t for_ms, enum store_cool why);
/* Said in the next sync: requests in flight. */
void store_set_load(struct store *s, int inflight);

/* Appends the view as view_file.h writes it.  -1: no shared view yet (store_mem: ever). */
int store_save(const struct store *s, struct buf *out) MUST_CHECK;
/* Takes a saved view of an earlier run as the last one, before the first attach.  -1 with err:
 * the text is not one; nothing is changed.  store_mem refuses. */
int store_restore(struct store *s, struct str text, struct err *err) MUST_CHECK;

/* store_mem only: opens slot for its recovery time, unless it is open; counts as a trip. */
void local_breakers_trip(struct store *mem, size_t slot, const char *why);
/* store_mem only: starts from another store's last view (when Redis goes away). */
void local_breakers_adopt(struct store *mem, const struct store *from);

struct store_stats { /* counters since start; for /metrics and /state */
    uint64_t commands, errors, late, dropped, pushes, syncs, bad_messages, reconnects;
    uint64_t live_routers; /* of the fleet, this one included, as last heard */
    int64_t last_sync_ms;  /* monotonic; 0: never */
};
void store_get_stats(const struct store *s, struct store_stats *out);

#endif
