/* shared_state.h - the inside of store_redis*.c; nobody else includes it. */
#ifndef FLEET_SHARED_STATE_H
#define FLEET_SHARED_STATE_H

#include "base/log.h"
#include "base/rand.h"
#include "shared/evidence.h"
#include "fleet/delivery.h"
#include "shared/names.h"
#include "redis/link.h"
#include "shared/scripts.h"
#include "fleet/store_later.h"
#include "fleet/store_ops.h"

#include <event2/event.h>

enum store_redis_phase {
    PHASE_DOWN,     /* no connection; the link tries again by itself */
    PHASE_ASKING,   /* connected; attach is tried until it works */
    PHASE_ATTACHED, /* the view is the fleet's */
};

/* What the owner was told; it starts unknown, so that the first word is said either way. */
enum store_redis_mode { MODE_UNKNOWN, MODE_ATTACHED, MODE_AWAY };

struct store_redis_probe {                /* one store_probe that waits for its answer */
    struct store_redis_probe *next, **at; /* at: what points here */
    struct store_redis *s;
    size_t slot;
    uint64_t token;
};

/* Of the view that was read from disk; gone with the first attach. */
struct store_redis_file {
    char gen[VIEW_GEN_MAX + 1]; /* "": none */
    uint64_t *ver;              /* one per slot */
};

/* Whether the fleet may be about to overrule us: we failed where a doubted trip followed. */
struct store_redis_doubt {
    bool failed;  /* since our last success, in the epoch below */
    bool doubted; /* that trip was */
    uint64_t epoch;
};

struct store_redis_sub { /* one that listens */
    struct store_redis *s;
    struct redis_link *link;
};

struct store_redis {
    struct store store;
    struct event_base *base;
    struct store_events ev;
    struct store_rule *rules; /* one per slot */
    int64_t command_timeout_ms, sync_ms, started_ms;
    char *fleet, *router_id, *host, *version, *config_digest;
    struct names_text meta, push;
    struct log_ctx log;
    struct rand rand;

    struct view *view;
    bool *changed; /* one flag per slot: what a snapshot changed */
    struct store_redis_file file;
    struct store_redis_doubt *doubts; /* one per slot */
    struct redis_link *cmd;
    struct redis_owner *owner; /* of what is sent over it */
    enum store_redis_phase phase;
    enum store_redis_mode mode;
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

    struct store_redis_sub near, far; /* beside cmd, and at subscribe_url: no link without */
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
    struct store_redis_probe *probes;
    struct store_later *later;
    int load;
    struct store_stats stats;
};

/* shared_state.c */
/* Around every event: the owner may free the store from inside one. */
void store_redis_hold(struct store_redis *s);
void store_redis_drop(struct store_redis *s);
/* Sends one script with n arguments; -1: not sent. */
int store_redis_run(struct store_redis *s, enum script script, const char *const *args,
                    size_t n, redis_reply_cb *cb, void *arg) MUST_CHECK;
/* Is this reply one to read?  If not, what it means for the connection was seen to. */
bool store_redis_usable(struct store_redis *s, enum script script, const struct redisReply *r,
                        const char *why) MUST_CHECK;
/* A script's reply that is none of those it may give. */
void store_redis_rubbish(struct store_redis *s, enum script script);
/* Tells the owner that slot i changed. */
void store_redis_tell(struct store_redis *s, size_t i);
/* A line from a reply: news like a push, often earlier. */
void store_redis_apply(struct store_redis *s, const struct redisReply *line);

/* redis_report.c */
void store_redis_report(struct store *store, size_t slot, uint64_t epoch,
                        enum store_evidence what, bool slow);
void store_redis_probe(struct store *store, size_t slot, uint64_t token);
void store_redis_probe_renew(struct store *store, size_t slot, uint64_t token);
void store_redis_done(struct store *store, size_t slot, uint64_t epoch, uint64_t token,
                      enum breaker_verdict verdict);
void store_redis_cool(struct store *store, size_t slot, int64_t for_ms, enum store_cool why);
void store_redis_flush(struct store_redis *s); /* sends the reports that are due */
/* Key changed: if a doubted trip that we may have caused is over, asks whether we were
 * overruled.
 */
void store_redis_note_doubt(struct store_redis *s, size_t slot);

void store_redis_share(struct store *store, const struct store_measure *of, size_t n);

/* redis_check.c */
bool store_redis_check(struct store *store, size_t slot, int64_t lease_ms,
                       const struct store_check *seen, int64_t took_ms);

/* redis_attach.c */
/* far: of the subscriber, NULL: beside the command link. */
void store_redis_open(struct store_redis *s, const struct redis_link_conf *conf,
                      const struct redis_link_conf *far);
void store_redis_close(struct store_redis *s);
void store_redis_ask(struct store_redis *s); /* attach as soon as may be */
/* Something went wrong, but not so that we give up at once: after five in a row we are away. */
void store_redis_bad(struct store_redis *s, const char *why);
void store_redis_away(struct store_redis *s, const char *why);
/* Wakes up when ev's time has come; ms < 0 counts as 0. */
void store_redis_arm(struct store_redis *s, struct event *ev, int64_t ms);
struct event *store_redis_timer(struct store_redis *s, event_callback_fn fn);
/* Takes a snapshot from elements [from..] of r, each a line or an array that begins with one.
 * false: it makes no sense, and nothing was applied. */
bool store_redis_snapshot(struct store_redis *s, struct str gen, int64_t ver,
                          const struct redisReply *r, size_t from) MUST_CHECK;
void store_redis_tell_changed(struct store_redis *s); /* what the last snapshot changed */
void store_redis_set_live(struct store_redis *s, const struct redisReply *r);

struct store_redis_numbers {
    char pid[16], started[24], load[16], applied[24], random[20];
};
/* Writes host pid version config started load, what both attach and sync say of us; returns
 * how many.  n must live as long as args. */
size_t store_redis_about(struct store_redis *s, struct store_redis_numbers *n,
                         const char **args);
size_t store_redis_slots(struct store_redis *s, const char **args);

/* redis_reassert.c */
/* Is what attach answered a young generation that has to hear our last view first? */
bool store_redis_must_reassert(const struct store_redis *s,
                               const struct redisReply *attach) MUST_CHECK;
/* Sends our last view to generation gen; cb gets a reply laid out as attach's.  -1: not sent.
 */
int store_redis_reassert(struct store_redis *s, struct str gen, redis_reply_cb *cb) MUST_CHECK;
int store_redis_save(const struct store *store, struct buf *out);
int store_redis_restore(struct store *store, struct str text, struct err *err);
void store_redis_forget_file(struct store_redis *s);

/* redis_sync.c */
void store_redis_open_sync(struct store_redis *s);
void store_redis_poll(struct store_redis *s);      /* the next sync, while nobody listens */
void store_redis_sync_soon(struct store_redis *s); /* something was missed, perhaps */
/* The view has news: if it is an operator's word, the fleet hears soon that it was applied. */
void store_redis_acknowledge(struct store_redis *s);

/* redis_subscribe.c */
void store_redis_open_sub(struct store_redis *s, const struct redis_link_conf *conf,
                          const struct redis_link_conf *far);
void store_redis_close_sub(struct store_redis *s);
void store_redis_listen(struct store_redis *s); /* attached: listen where cmd is, or far */

#endif
