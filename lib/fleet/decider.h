/* decider.h - whose verdict on a slot counts: the fleet's, or this worker's own.
 *
 * Two breakers hear the same evidence: the fleet's, whose state is shared through Redis, and
 * this process' own.  While we are attached, either of them takes a slot from us: what is open
 * for the fleet is open here, and so is what is closed for the fleet but not by our own
 * evidence (we have left it); then our own probes decide when we are back.  Who asks for a
 * verdict need not know whose it is.
 *
 * What both of them say is asked here: which one a router has is known to decider.c alone. */
#ifndef FLEET_DECIDER_H
#define FLEET_DECIDER_H

#include "base/log.h"
#include "config/config.h"
#include "fleet/local_breakers.h"
#include "fleet/shared_state.h"

struct decider { /* the body is decider.c's and the simulator's, but for conf */
    const struct config *conf;
    struct log_ctx log;
    struct shared_state *shared;  /* the fleet's; NULL: no Redis is configured */
    struct local_breakers *local; /* this process' own */
    bool attached;
    bool heard;    /* shared_state has said once whether we are */
    bool restored; /* the view began with a state file */
    uint64_t life; /* of the shared data, as far as this worker has seen, and its name */
    char gen[VIEW_GEN_MAX + 1];
    struct decider_slot *slots; /* one per slot */
};

struct decider_slot {
    int64_t own_until_ms; /* not 0: our own breaker decides, whatever the fleet says */
    uint64_t ep;          /* of the fleet's breaker, as last heard while attached */
};

struct decider_epochs { /* what an attempt began under; an epoch of 0: not to be reported to */
    uint64_t shared, local;
    uint64_t life; /* evidence never crosses lives */
};

void decider_init(struct decider *d, const struct config *conf); /* borrows conf */
/* Makes both breakers, with a rule per slot; -1 with err: the Redis URL cannot work. */
int decider_open(struct decider *d, struct event_base *base, const char *router_id,
                 const struct local_breakers_events *local,
                 const struct shared_state_events *shared, struct err *err);
void decider_release(struct decider *d); /* leaves the fleet, frees both breakers */

/* ---- the fleet's shared state, as far as there is one ---- */

const char *decider_mode(const struct decider *d); /* "alone", "attached" or "away" */
bool decider_has_shared(const struct decider *d);
bool decider_is_attached(const struct decider *d);
/* Is there a verdict of the fleet to start with, or none to wait for? */
bool decider_is_informed(const struct decider *d);
/* Whose view decides: "fleet" (as it is or was last heard), "file" or "own". */
const char *decider_view(const struct decider *d);
/* shared_state said so.  Away: our own breakers start from its last view, except where they
 * decided. */
void decider_set_attached(struct decider *d, bool attached);
/* Of what is announced: the shared data's version and generation; alone our own version, "". */
uint64_t decider_version(const struct decider *d);
const char *decider_generation(const struct decider *d);
/* Zeroes where there is none. */
void decider_get_stats(const struct decider *d, struct shared_state_stats *out);
int decider_save(const struct decider *d, struct buf *out) MUST_CHECK; /* shared_state_save */
/* shared_state_restore; our own breakers start from it too. */
int decider_restore(struct decider *d, struct str text, struct err *err) MUST_CHECK;
/* To the fleet, as in shared_state.h; not sent unless attached. */
void decider_set_load(struct decider *d, int inflight);
void decider_average(struct decider *d, const struct shared_state_measure *of, size_t n);
bool decider_check_lease(struct decider *d, size_t slot, int64_t lease_ms,
                         const struct shared_state_check *seen, int64_t took_ms);

/* ---- verdicts ---- */

const struct config_breaker *decider_rule(const struct decider *d, size_t slot);

bool decider_is_local(const struct decider *d, size_t slot);
/* Our own breaker keeps us away from what the fleet can use. */
bool decider_has_left(const struct decider *d, size_t slot);
/* What our own breaker has seen of slot in its window. */
struct window_counts decider_own_counts(const struct decider *d, size_t slot);
/* To call now and then: the fleet hears what our own breaker makes of slot. */
void decider_note_own(struct decider *d, size_t slot);
/* The fleet's state of slot changed: where that is a new closed time, ours begins one too. */
void decider_heard(struct decider *d, size_t slot);
/* The verdict that counts. */
const struct view_slot *decider_get(const struct decider *d, size_t slot);
/* What the fleet said last, also while Redis is away; without a Redis our own. */
const struct view_slot *decider_announced(const struct decider *d, size_t slot);
/* Until when slot cools, by what anybody said of it or of its region. */
int64_t decider_cools_until_ms(const struct decider *d, size_t slot);
/* Why: of what lasts longest. */
enum cooling_why decider_cools_why(const struct decider *d, size_t slot);
/* Number of the shared data's life; a flush begins a new one without a change of mode. */
uint64_t decider_life(struct decider *d);

/* Evidence goes to both, each under its own epoch, and never into another life of the shared
 * data.  What hurts a slot that we have left is no news to the fleet: it would add up there to
 * the verdict of one host. */
void decider_begin(struct decider *d, size_t slot, struct decider_epochs *out);
void decider_report(struct decider *d, size_t slot, const struct decider_epochs *began,
                    enum breakers_evidence what, bool slow);
/* Slot is left alone for for_ms, after so many refusals in a row; 0: only said to the fleet,
 * which counts them. */
void decider_cool(struct decider *d, size_t slot, int64_t for_ms, int times,
                  enum cooling_why why);

/* Asks the one who decides for a probe lease; returns whether that is the local one. */
bool decider_probe(struct decider *d, size_t slot, uint64_t token);
/* For leases, by whom granted them. */
void decider_probe_renew(struct decider *d, bool local, size_t slot, uint64_t token);
void decider_probe_done(struct decider *d, bool local, size_t slot, uint64_t epoch,
                        uint64_t token, enum breaker_verdict verdict);

/* The fleet can use slot, we cannot: our own breaker opens and decides for for_ms at least.
 * Again: only the time is renewed. */
void decider_trust_own(struct decider *d, size_t slot, int64_t for_ms, int64_t now_ms);
bool decider_trusts_own(const struct decider *d, size_t slot);
/* Is the time over, and has our breaker closed?  Then decider_trust_fleet is due. */
bool decider_may_trust_fleet(const struct decider *d, size_t slot, int64_t now_ms);
void decider_trust_fleet(struct decider *d, size_t slot);

#endif
