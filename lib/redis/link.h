/* link.h - one connection to Redis on a bufferevent, with hiredis' reader and formatter.
 *
 * Connects, authenticates, selects the database, reconnects with full jitter, and bounds
 * everything a server can do to us: a deadline per command, caps on output and on each owner's
 * commands in flight, caps on a reply's size and nesting.  A connection that misbehaves is
 * closed, never trusted again half-way.  The program must ignore SIGPIPE. */
#ifndef REDIS_LINK_H
#define REDIS_LINK_H

#include "base/base.h"
#include "base/err.h"
#include "redis/error.h"
#include "redis/owner.h"
#include "redis/tls.h"
#include "redis/url.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct redisReply;
struct redis_link;

/* A late reply is swallowed when it comes, so no command ever gets another one's.  A connection
 * with more than this many late ones, or one this late, is closed: "no answer for 2050 ms". */
#define REDIS_LINK_LATE_MAX    1000
#define REDIS_LINK_LATE_MAX_MS 2000

struct redis_link_conf {
    struct redis_url url;
    struct redis_tls *tls; /* held; NULL will do for a URL without TLS */
    const char *name;      /* CLIENT SETNAME, copied; NULL: none */
    const char *key;       /* of a Cluster's nodes, up is only the one that serves it, and the
                              others are learned (link_cluster.c); copied; NULL: any will do */
    bool auth_if_asked;    /* the login goes only to a server that wants one */
    int64_t connect_timeout_ms; /* for all from the name lookup to on_up; of several nodes each
                                   has a part of it, and the last one all */
    int64_t backoff_ms,
        backoff_max_ms;      /* reconnect: full jitter between 0 and the doubled step */
    size_t output_max_bytes; /* 4 MiB */
    bool keep_trying;        /* false: one try (the CLI), no reconnect either */
};

/* All from the event loop, never inside a call of ours.  Each may free the link. */
struct redis_link_ops {
    /* Connected, authenticated, selected, and the server answers. */
    void (*on_up)(void *arg);
    /* Once for every connection lost and for every try that failed, after the callbacks of all
     * pending commands.  Unless !keep_trying, the next try is already planned.  cause: the
     * error reply that ended it (a Sentinel's too); NONE: something else did.  why says it for
     * people. */
    void (*on_down)(void *arg, enum redis_error cause, const char *why);
    /* Subscription messages; may be NULL.  Only well-formed ones come: an array of three,
     * "message" channel text, or "subscribe" channel count as the confirmation. */
    void (*on_push)(void *arg, const struct redisReply *r);
};

/* Copies conf and ops. */
struct redis_link *redis_link_new(struct event_base *base, const struct redis_link_conf *conf,
                                  const struct redis_link_ops *ops, void *arg);
void redis_link_start(struct redis_link *l);
/* Pending callbacks are not called; NULL is fine.  What was sent is written as far as the
 * socket takes it now: a last word still goes out. */
void redis_link_free(struct redis_link *l);
bool redis_link_is_up(const struct redis_link *l);
/* Where the last try went; a host of "": to a unix socket. */
const struct redis_node *redis_link_at(const struct redis_link *l);
/* From now on the link goes there only, whatever the URL says, and leaves another place.  No
 * Sentinel is asked.  "": does nothing. */
void redis_link_pin(struct redis_link *l, const struct redis_node *node);
/* Closes and connects again from the start (another address after READONLY, say).  Between two
 * tries it does nothing: the next one starts from the start anyway. */
void redis_link_restart(struct redis_link *l, const char *why);

/* Somebody who sends over the link, with a budget and a deadline of its own (redis/owner.h).
 * Lives as long as the link; copies conf. */
struct redis_owner *redis_link_owner_new(struct redis_link *l,
                                         const struct redis_owner_conf *conf);
void redis_link_owner_stats(const struct redis_owner *o, struct redis_owner_stats *out);

/* -1: not up, or a cap is reached; nothing was queued and cb will not be called. */
int redis_link_send(struct redis_owner *o, int argc, const char *const *argv,
                    const size_t *lens, redis_reply_cb *cb, void *arg) MUST_CHECK;
/* The same with an arg that the link owns once this returned 0: release(arg) follows cb, and
 * comes alone when the link is freed first. */
int redis_link_send_owned(struct redis_owner *o, int argc, const char *const *argv,
                          const size_t *lens, redis_reply_cb *cb, void *arg,
                          void (*release)(void *arg)) MUST_CHECK;

/* After this the link only delivers on_push; a lost subscription comes as on_down.  Must be
 * confirmed within connect_timeout_ms.  Not kept over a reconnect: call again in on_up. */
int redis_link_subscribe(struct redis_link *l, const char *channel) MUST_CHECK;

#endif
