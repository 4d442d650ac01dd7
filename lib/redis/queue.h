/* queue.h - the commands in flight on one connection, in the order they were sent.
 *
 * Redis answers in order, so a command is a place in a list, and deadlines are in the same
 * order.  A command whose deadline passed has had its callback, but keeps its place until its
 * reply has come and was swallowed:
 *
 *   head -> [late] [late] [waiting] [waiting]
 *                          ^ waiting */
#ifndef REDIS_QUEUE_H
#define REDIS_QUEUE_H

#include "redis/link.h"

struct redis_command;

struct redis_queue { /* all zero: empty */
    struct redis_command *head, *last, *waiting;
    int n, n_late; /* n counts the late ones too */
};

/* release may be NULL; it follows cb.  deadline_ms: not before that of the one sent last. */
void redis_queue_add(struct redis_queue *q, redis_link_reply_cb *cb, void *arg,
                     void (*release)(void *arg), int64_t deadline_ms);
/* Gives the reply to the oldest command; a late one's is swallowed.  false: nobody waits. */
bool redis_queue_answer(struct redis_queue *q, const struct redisReply *reply);
/* The oldest waiting command whose deadline has passed becomes late: its callback runs now.
 * false: there is none.  One per call, because the callback may end everything. */
bool redis_queue_expire(struct redis_queue *q, int64_t now_ms, const char *why);
/* By how much the oldest command is late; 0: it is not. */
int64_t redis_queue_late_ms(const struct redis_queue *q, int64_t now_ms);
/* When to look again: the next deadline, or when the oldest is late by late_max_ms.  INT64_MAX:
 * never. */
int64_t redis_queue_next_ms(const struct redis_queue *q, int64_t late_max_ms);
/* Takes the oldest command off; its callback gets why, unless that is NULL.  false: empty. */
bool redis_queue_lose(struct redis_queue *q, const char *why);

#endif
