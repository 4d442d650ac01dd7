/* judge.h - holds a simulated fleet to its invariants after every step, and stops at the first
 * that is broken.
 *
 *    1 within a generation a router's versions and epochs never fall
 *    2 evidence of another generation or epoch changes nothing, nor does any twice
 *    3 never more than half_open_max_calls live leases on a slot
 *    4 closed is entered from half-open by enough probes in their leases, by a second opinion,
 *      by an operator, or because another life of the data had it so
 *    5 each change of state raises ep and ver by one and publishes one line that says so
 *    6 who has applied "down" sends nothing there
 *    7 no deadline is set further away than its cap, and a cool-down is never shortened
 *    8 routers' wall clocks are irrelevant (main.c: the same history with other ones)
 *    9 steps of Redis' clock neither run time back nor end an open time early
 *   10 an operator's word stands while the data do, and survives their loss once a live router
 *      has applied it
 *   11 a call that comes twice has no second effect
 *   12 who alone reports failures in a row trips a slot that others can use only in doubt: one
 *      of them may try it at once, and its success closes the slot and overrules the first
 *   13 an abandoned probe changes no count and frees its place
 *   14 with healthy regions every slot closes
 *   15 in the end all routers see what Redis holds
 *   16 a subscriber that hears nothing is replaced within a sync and 300 ms of the next change
 */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "server.h"
#include "fleet/delivery.h"
#include "fleet/shared_state.h"

#define JUDGE_SLOTS_MAX   4
#define JUDGE_ROUTERS_MAX 8

struct judge;

struct judge *judge_new(struct server *s, const struct breaker_conf *conf, int64_t lease_ms,
                        const char *const *slots, int n_slots, bool verbose);
void judge_free(struct judge *j);
/* NULL: nothing is broken yet. */
const char *judge_verdict(const struct judge *j);
void judge_fail(struct judge *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
void judge_say(struct judge *j, const char *fmt, ...) PRINTF_LIKE(2, 3); /* into the trace */
/* Two histories with the same changes at the same times have the same. */
uint64_t judge_digest(const struct judge *j);

/* Around each script; again: the same call a second time. */
void judge_before(struct judge *j, const char *script, int n_args, const char *const *args,
                  bool again);
void judge_after(struct judge *j, const struct redisReply *r);
void judge_publish(struct judge *j, const char *line);

/* An attempt begins under what the router knows. */
void judge_begin(struct judge *j, int router, int slot, const char *gen, uint64_t epoch);
/* A router starts anew. */
void judge_router(struct judge *j, int router);
/* After each step of a router. */
void judge_view(struct judge *j, int router, const struct shared_state *s);
/* A change was published: this router's subscriber, if it listens, hears of it soon. */
void judge_await(struct judge *j, int router, const struct delivery *d, uint64_t ver);
/* After each step of a router.  excused: it cannot reach Redis. */
void judge_delivery(struct judge *j, int router, const struct delivery *d, bool excused,
                    int64_t limit_us);
/* An operator's word was accepted: it is known by its reason. */
void judge_word(struct judge *j, int slot, const char *word, const char *why);
/* The data are empty or older now: what was said to them may be lost. */
void judge_lost(struct judge *j);
/* Redis' clock leapt, and with it went each key that Redis itself ends. */
void judge_leapt(struct judge *j);
/* One key is gone, or is not what it was. */
void judge_lost_key(struct judge *j, const char *key);
/* A router that heard of these data too late to say what it knew: until its view is theirs,
 * what it sees is of an earlier life. */
void judge_excuse(struct judge *j, int router);
/* Is everything level?  why says what is not. */
bool judge_is_level(struct judge *j, const struct shared_state *const *routers,
                    const bool *alone, int n, char why[200]);
/* At the end: invariant 10.  one_life: at most one new generation began after the first, so
 * words are in order; between views of several lives the more restrictive one may win. */
void judge_words_kept(struct judge *j, const bool *live, int n, bool one_life);

#endif
