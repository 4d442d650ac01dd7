/* breaker.h - circuit breaker for one slot; breaker.c explains the rules. */
#ifndef POLICY_BREAKER_H
#define POLICY_BREAKER_H

#include "policy/window.h"

#include <stdbool.h>
#include <stdint.h>

#define BREAKER_LEASES_MAX 64 /* upper bound of half_open_max_calls */

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN, N_BREAKER_STATES };

/* "closed", "open", "half-open": the only place these words stand. */
const char *breaker_state_name(enum breaker_state st);

struct breaker_conf {
    int failure_threshold;   /* hard failures in a row that open it; >= 1 */
    int failure_rate;        /* percent of the window's attempts; 0 switches the rule off */
    int minimum_requests;    /* attempts in the window before the rate rule may speak */
    int slow_rate;           /* percent of slow attempts; 0 switches the rule off */
    int64_t window_ms;       /* the window, in 10 buckets */
    int64_t recovery_ms;     /* d(1): time spent open before a probe may pass */
    int64_t recovery_max_ms; /* cap of the doubled time */
    int64_t forgive_ms;      /* each clean period of this length forgives one trip */
    int half_open_max_calls; /* unexpired probe leases; 1..BREAKER_LEASES_MAX */
    int success_threshold;   /* in-lease successes that close it; >= 1 */
};

/* What finished attempts showed since the last report.  All of them started under the
 * epoch passed beside it. */
struct breaker_evidence {
    int ok, fail, slow;
    int hard_since_ok; /* failures after the last ok, in order of arrival */
};

enum breaker_reported { BREAKER_COUNTED, BREAKER_STALE, BREAKER_TRIPPED };
enum breaker_grant { BREAKER_GRANTED, BREAKER_WAIT, BREAKER_BUSY, BREAKER_NOT_NEEDED };
enum breaker_verdict { BREAKER_PROBE_OK, BREAKER_PROBE_FAIL, BREAKER_PROBE_ABANDON };
enum breaker_done {
    BREAKER_DONE_OK,
    BREAKER_DONE_MOVED,
    BREAKER_DONE_STALE,
    BREAKER_DONE_EXPIRED
};

struct breaker; /* opaque: its fields live in breaker.c */

struct breaker *breaker_new(const struct breaker_conf *conf); /* copies *conf */
void breaker_free(struct breaker *b);                         /* NULL is fine */

enum breaker_state breaker_get_state(const struct breaker *b);
uint64_t breaker_get_epoch(const struct breaker *b); /* starts at 1, +1 per transition */
int64_t
breaker_get_until(const struct breaker *b); /* end of the open time; meaningful while open */
int breaker_get_trips(const struct breaker *b); /* n of d(n) */

/* Counts only if epoch is current and the state closed (else STALE).  jitter 0..65535
 * spreads the open time: half fixed, half jitter. */
enum breaker_reported breaker_report(struct breaker *b, uint64_t epoch,
                                     const struct breaker_evidence *e, int64_t now_ms,
                                     uint16_t jitter);

/* Does half of what the rate rules allow hold for what it has seen in the window, whatever
 * minimum_requests says?  What is not closed fails and is slow.  For the fleet, to know whose
 * attempts make up its own rates. */
void breaker_get_part(const struct breaker *b, int64_t now_ms, bool *failing, bool *slow);

/* What it has seen in the window, under its present epoch. */
struct window_counts breaker_get_counts(const struct breaker *b, int64_t now_ms);

/* Asks for the right to send one probe.  An open breaker whose time has come moves to
 * half-open.  The same live token gets the same answer and its lease is renewed.
 * WAIT: *wait_ms says how long; BUSY: every slot is taken; NOT_NEEDED: closed. */
enum breaker_grant breaker_probe(struct breaker *b, uint64_t token, int64_t lease_ms,
                                 int64_t now_ms, int64_t *wait_ms);

/* Lengthens a live lease to lease_ms from now.  false: it is gone, and stays so: a late renewal
 * must not take a slot, nor start half-open by itself. */
bool breaker_renew(struct breaker *b, uint64_t token, int64_t lease_ms, int64_t now_ms);

/* Ends a probe.  Only a live lease of the current epoch counts. */
enum breaker_done breaker_done(struct breaker *b, uint64_t epoch, uint64_t token,
                               enum breaker_verdict verdict, int64_t now_ms, uint16_t jitter);

/* Takes over a state decided elsewhere (the fleet's last view): a transition. */
void breaker_adopt(struct breaker *b, enum breaker_state st, int64_t until_ms, int trips,
                   int64_t now_ms);

/* d(n) in ms: min(recovery * 2^(n-1), max), half of it fixed and half scaled by jitter. */
int64_t breaker_open_ms(const struct breaker_conf *conf, int n, uint16_t jitter);

#endif
