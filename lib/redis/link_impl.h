/* link_impl.h - the inside of redis_link*.c; nobody else includes it.
 *
 *   redis/link.c      its life: what ends a connection, what follows, commands and replies
 *   link_try.c  one try to connect, up to the answer to PING */
#ifndef REDIS_LINK_IMPL_H
#define REDIS_LINK_IMPL_H

#include "base/rand.h"
#include "redis/dial.h"
#include "redis/link.h"
#include "redis/queue.h"
#include "redis/reply.h"
#include "redis/sentinel.h"

enum link_state { LINK_IDLE, LINK_WAITING, LINK_CONNECTING, LINK_UP, LINK_ENDING };

struct redis_link {
    struct redis_link_conf conf;
    struct redis_link_ops ops;
    void *arg;
    char *name;
    struct event_base *base;
    int refs;   /* one of the owner, one per libevent callback that runs */
    bool freed; /* by the owner: no callback any more */
    enum link_state state;
    struct event *timer;  /* what it means depends on the state */
    struct event *finish; /* activated by redis_link_end */
    char why[256];        /* of ENDING */
    enum redis_error cause;
    struct rand rand;

    unsigned tries;    /* rotates through a name's addresses */
    unsigned failures; /* connections lost or not made, since one lasted */
    int64_t up_since_ms;
    struct redis_node at;   /* of the last try; "": a unix socket */
    struct redis_node told; /* by MOVED, by a Sentinel's push, or by redis_link_pin */
    int told_tries;         /* how many more tries go there */
    bool pinned;            /* all of them */
    size_t nodes_left;      /* of this try: when one fails, the next one has its turn */
    int redirects;          /* of this try */
    bool redirecting;       /* ENDING, but only to dial l->told */
    char *key;
    struct redis_sentinel *finder;
    size_t sentinel; /* to ask first */
    struct redis_sentinel_watch *watch;
    struct redis_dial *dial;
    struct bufferevent *bev;
    bool in_handshake; /* of TLS */
    bool asked_auth;
    struct redis_reply *decoder;

    struct redis_queue queue;
    struct redis_owner *login; /* whose steps are ours */
    bool subscribed;
    int unconfirmed; /* channels */
    int64_t confirm_by_ms;
};

/* redis/link.c */
bool redis_link_is_open(const struct redis_link *l); /* connecting or up */
void redis_link_arm(struct redis_link *l, int64_t ms);
/* Everything that can end a connection calls this; it takes notes, the end comes later. */
void redis_link_end(struct redis_link *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The same for what the server said. */
void redis_link_end_for(struct redis_link *l, enum redis_error cause, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
int redis_link_write(struct redis_link *l, int argc, const char *const *argv,
                     const size_t *lens) MUST_CHECK;
/* Closes what this try or connection has; nobody is told. */
void redis_link_close(struct redis_link *l);
void redis_link_lose(struct redis_link *l, const char *why); /* the queue; NULL: silently */
/* The connection bev was made: reads and events come. */
void redis_link_listen(struct redis_link *l);

/* link_try.c */
void redis_link_try(struct redis_link *l);
void redis_link_dial(struct redis_link *l, const struct redis_node *node, unsigned first);
/* The node that is tried did not answer: another one of the URL's?  false: there is none. */
bool redis_link_try_next(struct redis_link *l);
/* The handshake is done. */
void redis_link_secured(struct redis_link *l);

#endif
