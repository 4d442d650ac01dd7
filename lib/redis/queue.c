/* queue.c - the commands in flight on one connection, in the order they were sent.
 *
 * A callback may do anything to the queue, empty it included, so each function finishes its
 * own work on the list before it calls.
 */
#include "redis/queue.h"

#include <assert.h>
#include <stdlib.h>

struct redis_command {
    struct redis_command *next;
    redis_link_reply_cb *cb; /* NULL: late, called already */
    void *arg;
    void (*release)(void *arg);
    int64_t deadline_ms;
};

void redis_queue_add(struct redis_queue *q, redis_link_reply_cb *cb, void *arg,
                     void (*release)(void *arg), int64_t deadline_ms)
{
    struct redis_command *c = xcalloc(1, sizeof(*c));

    assert(q->last == NULL || q->last->deadline_ms <= deadline_ms);
    *c = (struct redis_command){NULL, cb, arg, release, deadline_ms};
    if (q->last != NULL)
        q->last->next = c;
    else
        q->head = c;
    q->last = c;
    if (q->waiting == NULL)
        q->waiting = c;
    q->n++;
}

static struct redis_command *take_head(struct redis_queue *q)
{
    struct redis_command *c = q->head;

    if (c == NULL)
        return NULL;
    q->head = c->next;
    if (q->head == NULL)
        q->last = NULL;
    if (q->waiting == c)
        q->waiting = c->next;
    else
        q->n_late--;
    q->n--;
    return c;
}

/* c is off the list. */
static void finish(struct redis_command *c, const struct redisReply *reply, const char *why)
{
    if (c->cb != NULL && (reply != NULL || why != NULL))
        c->cb(c->arg, reply, why);
    if (c->release != NULL)
        c->release(c->arg);
    free(c);
}

bool redis_queue_answer(struct redis_queue *q, const struct redisReply *reply)
{
    struct redis_command *c = take_head(q);

    if (c == NULL)
        return false;
    finish(c, reply, NULL);
    return true;
}

bool redis_queue_expire(struct redis_queue *q, int64_t now_ms, const char *why)
{
    struct redis_command *c = q->waiting, was;

    if (c == NULL || c->deadline_ms > now_ms)
        return false;
    was = *c; /* c keeps its place, and may be gone once the callback has run */
    q->waiting = c->next;
    q->n_late++;
    c->cb = NULL;
    c->release = NULL;
    was.cb(was.arg, NULL, why);
    if (was.release != NULL)
        was.release(was.arg);
    return true;
}

int64_t redis_queue_late_ms(const struct redis_queue *q, int64_t now_ms)
{
    return q->n_late > 0 ? now_ms - q->head->deadline_ms : 0;
}

int64_t redis_queue_next_ms(const struct redis_queue *q, int64_t late_max_ms)
{
    int64_t at_ms = q->waiting != NULL ? q->waiting->deadline_ms : INT64_MAX;

    if (q->n_late > 0 && q->head->deadline_ms + late_max_ms < at_ms)
        at_ms = q->head->deadline_ms + late_max_ms;
    return at_ms;
}

bool redis_queue_lose(struct redis_queue *q, const char *why)
{
    struct redis_command *c = take_head(q);

    if (c == NULL)
        return false;
    finish(c, NULL, why);
    return true;
}
