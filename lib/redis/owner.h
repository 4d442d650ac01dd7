/* owner.h - who sends over a link: its share of the commands in flight, and its deadline.
 *
 * A link is one connection for several owners (a fleet's state, limits, a cache).  Redis
 * answers in order, so a slow command of one delays the answers to all; but each has a budget
 * of its own, and when that is used up only its own sends are refused.  Deadlines may differ.
 * What all share: the link's output cap, and its patience with late answers
 * (REDIS_LINK_LATE_MAX and REDIS_LINK_LATE_MAX_MS): a connection that does not answer one is no
 * good to the others. */
#ifndef REDIS_OWNER_H
#define REDIS_OWNER_H

#include <stdint.h>

struct redisReply;
struct redis_owner; /* made by redis_link_owner_new(), freed with its link */

struct redis_owner_conf {
    const char *name;    /* a literal: "fleet" */
    int in_flight_max;   /* late ones count until their reply has come */
    int64_t deadline_ms; /* of each command */
};

struct redis_owner_stats {
    const char *name;
    int in_flight;
    uint64_t sent;
    uint64_t refused; /* not sent: not up, the budget or the output cap */
    uint64_t late;    /* no reply by the deadline */
    uint64_t failed;  /* lost with the connection before that */
};

/* Exactly once per accepted command.  reply NULL: it was lost, why says how ("deadline of 50 ms
 * passed", "connection closed"); else borrowed for the call, error replies included. */
typedef void redis_reply_cb(void *arg, const struct redisReply *reply, const char *why);

#endif
