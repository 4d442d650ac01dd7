/* queue.h - the commands in flight on one connection, in the order they were sent.
 *
 * Redis answers in order, so a command is a place in a list.  The commands of one owner have
 * one deadline, so in its own list theirs are in the same order; between owners they are not.
 * A command whose deadline passed has had its callback, but keeps its place until its reply has
 * come and was swallowed:
 *
 *   queue head -> [a, late] [b, waiting] [a, late] [a, waiting] [b, waiting]
 *                  ^ a oldest                       ^ a waiting
 *                             ^ b oldest, b waiting */
#ifndef REDIS_QUEUE_H
#define REDIS_QUEUE_H

#include "base/base.h"
#include "redis/owner.h"

#include <stdbool.h>
#include <stdint.h>

struct redis_command;
struct redis_link;

struct redis_owner {
    struct redis_owner *next; /* of the queue */
    struct redis_link *link;
    struct redis_owner_conf conf;
    struct redis_owner_stats stats;
    struct redis_command *oldest, *last, *waiting;
    int n_late; /* of stats.in_flight */
};

struct redis_queue { /* all zero: empty */
    struct redis_command *head, *last;
    struct redis_owner *owners;
    int n, n_late; /* n counts the late ones too */
};

/* From now on o may send; it must outlive its commands. */
void redis_queue_join(struct redis_queue *q, struct redis_owner *o);
/* release may be NULL; it follows cb.  deadline_ms: not before that of the one o sent last. */
void redis_queue_add(struct redis_queue *q, struct redis_owner *o, redis_reply_cb *cb,
                     void *arg, void (*release)(void *arg), int64_t deadline_ms);
/* Gives the reply to the oldest command; a late one's is swallowed.  false: nobody waits. */
bool redis_queue_answer(struct redis_queue *q, const struct redisReply *reply);
/* The waiting command whose deadline passed first becomes late: its callback runs now, with
 * "deadline of 50 ms passed".  false: there is none.  One per call, because the callback may
 * end everything. */
bool redis_queue_expire(struct redis_queue *q, int64_t now_ms);
/* By how much a command is late, at most; 0: none is.  *unanswered_ms: the longest since one
 * was sent. */
int64_t redis_queue_late_ms(const struct redis_queue *q, int64_t now_ms,
                            int64_t *unanswered_ms);
/* When to look again: the next deadline, or when one is late by late_max_ms.  INT64_MAX:
 * never. */
int64_t redis_queue_next_ms(const struct redis_queue *q, int64_t late_max_ms);
/* Takes the oldest command off; its callback gets why, unless that is NULL.  false: empty. */
bool redis_queue_lose(struct redis_queue *q, const char *why);

#endif
