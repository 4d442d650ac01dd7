/* shared_state_parts.h - the inside of struct shared_state; for shared_state.c, redis_*.c and
 * the simulator alone.
 *
 * What all parts need is here.  What one of them owns, its timer included, is a struct of its
 * own file: the others ask by its functions.  An event may free the owner's handle: the parts
 * then stop, and go with the last reference. */
#ifndef FLEET_SHARED_STATE_PARTS_H
#define FLEET_SHARED_STATE_PARTS_H

#include "base/log.h"
#include "base/rand.h"
#include "fleet/delivery.h"
#include "fleet/shared_state.h"
#include "redis/args.h"
#include "redis/link.h"
#include "shared/names.h"
#include "shared/scripts.h"

#include <event2/event.h>

struct shared_state {
    struct event_base *base;
    struct shared_state_events ev;
    struct breakers_rule *rules; /* one per slot */
    int64_t command_timeout_ms, sync_ms, started_ms;
    char *fleet, *router_id, *host, *version, *config_digest;
    int load;
    struct names_text meta, push;
    int db; /* of the server */
    struct log_ctx log;
    struct rand rand;
    struct shared_state_stats stats;

    struct view *view;
    bool *changed;                /* one flag per slot: what a snapshot changed */
    struct shared_state_own *own; /* one per slot */
    struct redis_link *cmd;
    struct redis_owner *owner; /* of what is sent over it */
    int refs;                  /* one of the owner, one per event that runs */
    bool freed;                /* by the owner: no event any more */

    struct redis_attach *attach;
    struct redis_reassert *reassert;
    struct redis_sync *sync;
    struct redis_subscribe *subscribe;
    struct redis_report *report;
    struct redis_probe *probe;
};

/* ---- shared_state.c ---- */

/* Around every event: the owner may free it from inside one. */
void shared_state_hold(struct shared_state *s);
void shared_state_drop(struct shared_state *s);
struct event *shared_state_timer(struct shared_state *s, event_callback_fn fn);
/* Wakes up when ev's time has come; ms < 0 counts as 0. */
void shared_state_arm(struct shared_state *s, struct event *ev, int64_t ms);
/* Begins the arguments of a script about slot: room for max, of which two are taken. */
void shared_state_args(const struct shared_state *s, size_t slot, size_t max,
                       struct redis_args *a);
/* Sends one script and releases a (NULL: no arguments); -1: not sent. */
int shared_state_run(struct shared_state *s, enum script script, struct redis_args *a,
                     redis_reply_cb *cb, void *arg) MUST_CHECK;
/* Is this reply one to read?  If not, what it means for the connection was seen to. */
bool shared_state_usable(struct shared_state *s, enum script script, const struct redisReply *r,
                         const char *why) MUST_CHECK;
/* A script's reply that is none of those it may give. */
void shared_state_rubbish(struct shared_state *s, enum script script);
/* Tells the owner that slot i changed. */
void shared_state_tell(struct shared_state *s, size_t i);
void shared_state_tell_changed(struct shared_state *s); /* what the last snapshot changed */
/* A line from a reply: news like a push, often earlier. */
void shared_state_apply(struct shared_state *s, const struct redisReply *line);
/* Takes a snapshot from elements [from..] of r, each a line or an array that begins with one.
 * false: it makes no sense, and nothing was applied. */
bool shared_state_take_snapshot(struct shared_state *s, struct str gen, int64_t ver,
                                const struct redisReply *r, size_t from) MUST_CHECK;
/* How many routers the fleet has, as a reply says. */
void shared_state_set_live(struct shared_state *s, const struct redisReply *r);
/* Adds host pid version config started load, what both attach and sync say of us. */
#define SHARED_STATE_ABOUT 6
void shared_state_add_about(const struct shared_state *s, struct redis_args *a);
/* Adds the name of each slot. */
void shared_state_add_slots(const struct shared_state *s, struct redis_args *a);

/* ---- redis_attach.c ---- */

/* replica: of the subscriber, NULL: beside the command link. */
void redis_attach_open(struct shared_state *s, const struct redis_link_conf *conf,
                       const struct redis_link_conf *replica);
void redis_attach_close(struct shared_state *s);
void redis_attach_free(struct shared_state *s);
bool redis_attach_is_attached(const struct shared_state *s); /* as the owner was told */
/* Is the view the fleet's at this moment?  Between two connections it is not, though the owner
 * need not know. */
bool redis_attach_is_level(const struct shared_state *s);
void redis_attach_ask(struct shared_state *s);  /* attach as soon as may be */
void redis_attach_good(struct shared_state *s); /* a reply made sense */
/* Something went wrong, but not so that we give up at once: after five in a row we are away. */
void redis_attach_bad(struct shared_state *s, const char *why);
void redis_attach_away(struct shared_state *s, const char *why);
/* Away, because writes alone are refused: reads keep the view fresh. */
void redis_attach_refused(struct shared_state *s, const char *why);

/* ---- redis_reassert.c ---- */

void redis_reassert_open(struct shared_state *s);
void redis_reassert_free(struct shared_state *s);
/* Is what attach answered a young generation that has to hear our last view first? */
bool redis_reassert_is_due(const struct shared_state *s,
                           const struct redisReply *attach) MUST_CHECK;
/* Sends our last view to generation gen; cb gets a reply laid out as attach's.  -1: not sent.
 */
int redis_reassert_send(struct shared_state *s, struct str gen, redis_reply_cb *cb) MUST_CHECK;
int redis_reassert_save(const struct shared_state *s, struct buf *out);
int redis_reassert_restore(struct shared_state *s, struct str text, struct err *err);
void redis_reassert_forget_file(struct shared_state *s);

/* ---- redis_sync.c ---- */

void redis_sync_open(struct shared_state *s);
void redis_sync_close(struct shared_state *s);
void redis_sync_free(struct shared_state *s);
void redis_sync_begin(struct shared_state *s); /* attached: the first one is due now */
void redis_sync_stop(struct shared_state *s);  /* until it begins again */
void redis_sync_lost(struct shared_state *s);  /* the same, and no answer comes any more */
void redis_sync_poll(struct shared_state *s);  /* nobody listens: the next one is due soon */
void redis_sync_soon(struct shared_state *s);  /* something was missed, perhaps */
/* The view has news: if it is an operator's word, the fleet hears soon that it was applied. */
void redis_sync_acknowledge(struct shared_state *s);

/* ---- redis_subscribe.c ---- */

void redis_subscribe_open(struct shared_state *s, const struct redis_link_conf *conf,
                          const struct redis_link_conf *replica);
void redis_subscribe_close(struct shared_state *s);
void redis_subscribe_free(struct shared_state *s);
void redis_subscribe_begin(struct shared_state *s); /* attached: listen */
void redis_subscribe_stop(struct shared_state *s); /* away: what is not pushed proves nothing */
const struct delivery *redis_subscribe_delivery(const struct shared_state *s); /* to read */
/* A sync that was sent under subscription `number` showed ver, which must have been pushed. */
void redis_subscribe_expect(struct shared_state *s, unsigned number, uint64_t ver);

/* ---- redis_report.c ---- */

void redis_report_open(struct shared_state *s);
void redis_report_close(struct shared_state *s);
void redis_report_free(struct shared_state *s);
void redis_report_add(struct shared_state *s, size_t slot, uint64_t epoch,
                      enum breakers_evidence what, bool slow);
void redis_report_begin(struct shared_state *s); /* attached: what waits is sent */
void redis_report_stop(struct shared_state *s);  /* not connected: they wait */
void redis_report_clear(struct shared_state *s); /* nobody wants to hear them any more */
void redis_report_set_live(struct shared_state *s, int64_t n_routers);
/* Slot changed: if a doubted trip that we may have caused is over, asks whether we were
 * overruled. */
void redis_report_note_doubt(struct shared_state *s, size_t slot);
void redis_report_cool(struct shared_state *s, size_t slot, int64_t for_ms, int times,
                       enum cooling_why why);

/* ---- redis_probe.c ---- */

void redis_probe_open(struct shared_state *s);
void redis_probe_close(struct shared_state *s);
void redis_probe_free(struct shared_state *s);
void redis_probe_ask(struct shared_state *s, size_t slot, uint64_t token);
void redis_probe_renew(struct shared_state *s, size_t slot, uint64_t token);
void redis_probe_done(struct shared_state *s, size_t slot, uint64_t epoch, uint64_t token,
                      enum breaker_verdict verdict);

/* ---- redis_averages.c ---- */

void redis_averages_send(struct shared_state *s, const struct shared_state_measure *of,
                         size_t n);

/* ---- redis_check.c ---- */

bool redis_check_lease(struct shared_state *s, size_t slot, int64_t lease_ms,
                       const struct shared_state_check *seen, int64_t took_ms);

#endif
