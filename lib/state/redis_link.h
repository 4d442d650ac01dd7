/* redis_link.h - one connection to Redis on a bufferevent, with hiredis' reader and formatter.
 *
 * Connects, authenticates, selects the database, reconnects with full jitter, and bounds
 * everything a server can do to us: a deadline per command, caps on output and on commands in
 * flight, caps on a reply's size and nesting.  A connection that misbehaves is closed, never
 * trusted again half-way. */
#ifndef STATE_REDIS_LINK_H
#define STATE_REDIS_LINK_H

#include "base/base.h"
#include "base/err.h"
#include "state/redis_url.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct redisReply;
struct redis_link;

struct redis_link_conf {
    struct redis_url url;
    const char *name; /* CLIENT SETNAME; NULL: none */
    int64_t command_timeout_ms, connect_timeout_ms;
    int64_t backoff_ms, backoff_max_ms; /* reconnect: full jitter between 0 and the doubled step */
    size_t output_max_bytes;            /* 4 MiB */
    int inflight_max;                   /* 10000 */
    bool keep_trying;                   /* false: one try (the CLI) */
};

/* All from the event loop, never inside a call of ours. */
struct redis_link_ops {
    void (*on_up)(void *arg);                     /* connected, authenticated, selected */
    void (*on_down)(void *arg, const char *why);  /* after the callbacks of all pending commands */
    void (*on_push)(void *arg, const struct redisReply *r); /* subscription messages; may be NULL */
};

/* Exactly once per accepted command.  reply NULL: it was lost, why says how ("deadline of 50 ms
 * passed", "connection closed"); else borrowed for the call, error replies included. */
typedef void redis_link_reply_cb(void *arg, const struct redisReply *reply, const char *why);

struct redis_link *redis_link_new(struct event_base *base, const struct redis_link_conf *conf,
                                  const struct redis_link_ops *ops, void *arg);
void redis_link_start(struct redis_link *l);
void redis_link_free(struct redis_link *l); /* pending callbacks are not called; NULL is fine */
bool redis_link_is_up(const struct redis_link *l);
/* Closes and connects again from the start (another address after READONLY, say). */
void redis_link_restart(struct redis_link *l, const char *why);

/* -1: not up, or a cap is reached; nothing was queued and cb will not be called. */
int redis_link_send(struct redis_link *l, int argc, const char *const *argv, const size_t *lens,
                    redis_link_reply_cb *cb, void *arg) MUST_CHECK;

/* After this the link only delivers on_push; a lost subscription comes as on_down. */
int redis_link_subscribe(struct redis_link *l, const char *channel) MUST_CHECK;

/* What an error reply means for us. */
enum redis_error {
    REDIS_ERR_NONE, REDIS_ERR_NOSCRIPT, REDIS_ERR_READONLY, REDIS_ERR_LOADING, REDIS_ERR_BUSY,
    REDIS_ERR_OOM, REDIS_ERR_NOREPLICAS, REDIS_ERR_MISCONF, REDIS_ERR_NOPERM, REDIS_ERR_NOAUTH,
    REDIS_ERR_WRONGTYPE, REDIS_ERR_OTHER
};
enum redis_error redis_error_of(const struct redisReply *r); /* NONE when it is no error reply */

#endif
