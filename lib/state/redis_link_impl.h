/* redis_link_impl.h - the inside of redis_link*.c; nobody else includes it.
 *
 *   redis_link.c      its life: what ends a connection, what follows, commands and replies
 *   redis_link_try.c  one try to connect, up to the answer to PING */
#ifndef STATE_REDIS_LINK_IMPL_H
#define STATE_REDIS_LINK_IMPL_H

#include "base/rand.h"
#include "state/redis_dial.h"
#include "state/redis_link.h"
#include "state/redis_queue.h"
#include "state/redis_reply.h"

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
    struct rand rand;

    unsigned tries;    /* rotates through a name's addresses */
    unsigned failures; /* connections lost or not made, since one lasted */
    int64_t up_since_ms;
    struct redis_node at; /* of the last try; not for a unix socket */
    struct redis_dial *dial;
    struct bufferevent *bev;
    bool in_handshake; /* of TLS */
    struct redis_reply *decoder;

    struct redis_queue queue;
    bool subscribed;
    int unconfirmed; /* channels */
    int64_t confirm_by_ms;
};

/* redis_link.c */
bool redis_link_is_open(const struct redis_link *l); /* connecting or up */
void redis_link_arm(struct redis_link *l, int64_t ms);
/* Everything that can end a connection calls this; it takes notes, the end comes later. */
void redis_link_end(struct redis_link *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
int redis_link_write(struct redis_link *l, int argc, const char *const *argv,
                     const size_t *lens) MUST_CHECK;
/* The connection bev was made: reads and events come. */
void redis_link_listen(struct redis_link *l);

/* redis_link_try.c */
void redis_link_try(struct redis_link *l);
/* The handshake is done. */
void redis_link_secured(struct redis_link *l);

#endif
