/* shared_state_parts.h - the inside of struct shared_state; for shared_state.c, redis_*.c and
 * the simulator alone. */
#ifndef FLEET_SHARED_STATE_PARTS_H
#define FLEET_SHARED_STATE_PARTS_H

#include "base/log.h"
#include "base/rand.h"
#include "shared/evidence.h"
#include "fleet/delivery.h"
#include "shared/names.h"
#include "redis/link.h"
#include "shared/scripts.h"
#include "fleet/shared_state.h"

#include <event2/event.h>

enum shared_state_phase {
    PHASE_DOWN,     /* no connection; the link tries again by itself */
    PHASE_ASKING,   /* connected; attach is tried until it works */
    PHASE_ATTACHED, /* the view is the fleet's */
};

/* What the owner was told; it starts unknown, so that the first word is said either way. */
enum shared_state_mode { MODE_UNKNOWN, MODE_ATTACHED, MODE_AWAY };

struct shared_state_probe_asked {                /* one probe that waits for its answer */
    struct shared_state_probe_asked *next, **at; /* at: what points here */
    struct shared_state *s;
    size_t slot;
    uint64_t token;
};

/* Of the view that was read from disk; gone with the first attach. */
struct shared_state_file {
    char gen[VIEW_GEN_MAX + 1]; /* "": none */
    uint64_t *ver;              /* one per slot */
};

/* Whether the fleet may be about to overrule us: we failed where a doubted trip followed. */
struct shared_state_doubt {
    bool failed;  /* since our last success, in the epoch below */
    bool doubted; /* that trip was */
    uint64_t epoch;
};

struct shared_state_subscriber { /* one that listens */
    struct shared_state *s;
    struct redis_link *link;
};

struct shared_state {
    struct event_base *base;
    struct shared_state_events ev;
    struct breakers_rule *rules; /* one per slot */
    int64_t command_timeout_ms, sync_ms, started_ms;
    char *fleet, *router_id, *host, *version, *config_digest;
    struct names_text meta, push;
    struct log_ctx log;
    struct rand rand;

    struct view *view;
    bool *changed; /* one flag per slot: what a snapshot changed */
    struct shared_state_file file;
    struct shared_state_doubt *doubts; /* one per slot */
    struct redis_link *cmd;
    struct redis_owner *owner; /* of what is sent over it */
    enum shared_state_phase phase;
    enum shared_state_mode mode;
    int refs;   /* one of the owner, one per event that runs */
    bool freed; /* by the owner: no event any more */

    struct event *tick;  /* the next sync */
    struct event *ask;   /* the next attach */
    struct event *flush; /* the next report */
    struct event *check; /* of the delivery */
    struct event *grace; /* a lost connection may come back this long before we are away */
    char down_why[256];
    bool asking, syncing, sync_again, reads_go_on;
    unsigned sync_number; /* the subscription under which the running sync was sent */
    unsigned ask_tries;
    int bad_row;   /* commands late or failed in a row */
    int bad_syncs; /* snapshots in a row that made no sense */
    int64_t sync_sent_ms, ask_sent_ms, attached_ms;
    int64_t tick_ms;       /* when the next sync is due, while tick is pending */
    uint64_t applied_said; /* in the last sync of this generation */
    uint64_t sync_seen;    /* the newest version heard of when the running sync was sent */
    uint64_t
        override_heard; /* the operator's word for which the next sync was brought forward */
    unsigned n_syncs;
    size_t n_shared; /* rows in each share */

    struct shared_state_subscriber near,
        far; /* beside cmd, and at subscribe_url: no link without */
    struct redis_link_conf near_conf;
    struct redis_link_ops sub_ops;
    bool near_carries;     /* else near is idle */
    unsigned far_failures; /* since far's last push */
    uint64_t near_ver;     /* the newest that near has pushed, and when */
    int64_t near_ms;

    struct delivery delivery;
    bool sub_denied; /* said once */
    struct evidence *batch;
    uint64_t seq; /* of the last report */
    struct shared_state_probe_asked *probes;
    struct breakers_later *later;
    int load;
    struct shared_state_stats stats;
};

/* shared_state.c */
/* Around every event: the owner may free it from inside one. */
void shared_state_hold(struct shared_state *s);
void shared_state_drop(struct shared_state *s);
/* Sends one script with n arguments; -1: not sent. */
int shared_state_run(struct shared_state *s, enum script script, const char *const *args,
                     size_t n, redis_reply_cb *cb, void *arg) MUST_CHECK;
/* Is this reply one to read?  If not, what it means for the connection was seen to. */
bool shared_state_usable(struct shared_state *s, enum script script, const struct redisReply *r,
                         const char *why) MUST_CHECK;
/* A script's reply that is none of those it may give. */
void shared_state_rubbish(struct shared_state *s, enum script script);
/* Tells the owner that slot i changed. */
void shared_state_tell(struct shared_state *s, size_t i);
/* A line from a reply: news like a push, often earlier. */
void shared_state_apply(struct shared_state *s, const struct redisReply *line);

/* redis_report.c */
void redis_report_add(struct shared_state *s, size_t slot, uint64_t epoch,
                      enum breakers_evidence what, bool slow);
void redis_report_probe(struct shared_state *s, size_t slot, uint64_t token);
void redis_report_probe_renew(struct shared_state *s, size_t slot, uint64_t token);
void redis_report_done(struct shared_state *s, size_t slot, uint64_t epoch, uint64_t token,
                       enum breaker_verdict verdict);
void redis_report_cool(struct shared_state *s, size_t slot, int64_t for_ms,
                       enum breakers_cool why);
void redis_report_flush(struct shared_state *s); /* sends the reports that are due */
/* Slot changed: if a doubted trip that we may have caused is over, asks whether we were
 * overruled.
 */
void redis_report_note_doubt(struct shared_state *s, size_t slot);

void redis_report_averages(struct shared_state *s, const struct shared_state_measure *of,
                           size_t n);

/* redis_check.c */
bool redis_check_lease(struct shared_state *s, size_t slot, int64_t lease_ms,
                       const struct shared_state_check *seen, int64_t took_ms);

/* redis_attach.c */
/* far: of the subscriber, NULL: beside the command link. */
void redis_attach_open(struct shared_state *s, const struct redis_link_conf *conf,
                       const struct redis_link_conf *far);
void redis_attach_close(struct shared_state *s);
void redis_attach_ask(struct shared_state *s); /* attach as soon as may be */
/* Something went wrong, but not so that we give up at once: after five in a row we are away. */
void redis_attach_bad(struct shared_state *s, const char *why);
void redis_attach_away(struct shared_state *s, const char *why);
/* Wakes up when ev's time has come; ms < 0 counts as 0. */
void redis_attach_arm(struct shared_state *s, struct event *ev, int64_t ms);
struct event *redis_attach_timer(struct shared_state *s, event_callback_fn fn);
/* Takes a snapshot from elements [from..] of r, each a line or an array that begins with one.
 * false: it makes no sense, and nothing was applied. */
bool redis_attach_snapshot(struct shared_state *s, struct str gen, int64_t ver,
                           const struct redisReply *r, size_t from) MUST_CHECK;
void redis_attach_tell_changed(struct shared_state *s); /* what the last snapshot changed */
void redis_attach_set_live(struct shared_state *s, const struct redisReply *r);

struct shared_state_numbers {
    char pid[16], started[24], load[16], applied[24], random[20];
};
/* Writes host pid version config started load, what both attach and sync say of us; returns
 * how many.  n must live as long as args. */
size_t redis_attach_about(struct shared_state *s, struct shared_state_numbers *n,
                          const char **args);
size_t redis_attach_slots(struct shared_state *s, const char **args);

/* redis_reassert.c */
/* Is what attach answered a young generation that has to hear our last view first? */
bool redis_reassert_is_due(const struct shared_state *s,
                           const struct redisReply *attach) MUST_CHECK;
/* Sends our last view to generation gen; cb gets a reply laid out as attach's.  -1: not sent.
 */
int redis_reassert_send(struct shared_state *s, struct str gen, redis_reply_cb *cb) MUST_CHECK;
int redis_reassert_save(const struct shared_state *s, struct buf *out);
int redis_reassert_restore(struct shared_state *s, struct str text, struct err *err);
void redis_reassert_forget_file(struct shared_state *s);

/* redis_sync.c */
void redis_sync_open(struct shared_state *s);
void redis_sync_poll(struct shared_state *s); /* the next sync, while nobody listens */
void redis_sync_soon(struct shared_state *s); /* something was missed, perhaps */
/* The view has news: if it is an operator's word, the fleet hears soon that it was applied. */
void redis_sync_acknowledge(struct shared_state *s);

/* redis_subscribe.c */
void redis_subscribe_open(struct shared_state *s, const struct redis_link_conf *conf,
                          const struct redis_link_conf *far);
void redis_subscribe_close(struct shared_state *s);
void redis_subscribe_listen(struct shared_state *s); /* attached: listen where cmd is, or far */

#endif
