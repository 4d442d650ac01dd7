/* link_impl.h - the inside of redis_link*.c; nobody else includes it.
 *
 *   redis/link.c    its life: what ends a connection, what follows, commands and replies
 *   link_try.c      one try to connect, up to the answer to PING
 *   link_cluster.c  where else a Cluster's keys may be */
#ifndef REDIS_LINK_IMPL_H
#define REDIS_LINK_IMPL_H

#include "base/rand.h"
#include "redis/cluster.h"
#include "redis/dial.h"
#include "redis/link.h"
#include "redis/queue.h"
#include "redis/reply.h"
#include "redis/sentinel.h"

#define REDIS_LINK_TOLD_TRIES 2 /* then the URL is asked again */

enum link_state { LINK_IDLE, LINK_WAITING, LINK_CONNECTING, LINK_UP, LINK_ENDING };
enum link_then {                     /* what follows ENDING */
                 LINK_THEN_SAY,      /* on_down, and the next try */
                 LINK_THEN_REDIRECT, /* l->told is dialled, within this try */
                 LINK_THEN_NEXT,     /* the next place, within this try */
};

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
    unsigned nodes_from;    /* of this try: which of them is the first */
    int redirects;          /* of this node of this try */
    struct redis_node dead; /* the last one that gave no connection in this try; "": none */
    enum link_then then;    /* of ENDING */
    char *key;

    struct redis_cluster cluster; /* whom the URL does not name */
    bool in_cluster;              /* a node of one has answered */
    bool serves;                  /* this connection's has the key */
    bool never_learns;            /* the answer cost a connection */
    int64_t learn_at_ms;
    struct redis_owner *learner;
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
/* The place that is tried is no good (dead: it gave no connection): the next one's turn.
 * false: there is none. */
bool redis_link_try_next(struct redis_link *l, bool dead);
/* ENDING, and all is closed: does the try go on elsewhere? */
bool redis_link_try_goes_on(struct redis_link *l);
/* The handshake is done. */
void redis_link_secured(struct redis_link *l);

/* link_cluster.c */
size_t redis_link_places(const struct redis_link *l); /* the URL's and those learned */
/* The URL's come first; each of the two kinds begins with another one every time. */
struct redis_node redis_link_place(const struct redis_link *l, size_t step, size_t from);
/* Up, or time to ask again: asks for the other nodes, where there are any. */
void redis_link_learn(struct redis_link *l);
/* A reply was over a cap: if it was the answer to that, it is never asked again. */
void redis_link_learned_too_much(struct redis_link *l);
/* Might another node serve what is refused so? */
bool redis_link_is_elsewhere(enum redis_error kind);
/* A slot went to another node while we were up: nothing of the refused command ran. */
bool redis_link_moved(struct redis_link *l, const struct redisReply *r);
/* Up, and r was somebody's reply: gives up a node of a Cluster that cannot serve now. */
void redis_link_heed(struct redis_link *l, const struct redisReply *r);

#endif
