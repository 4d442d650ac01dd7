/* queue.c - the commands in flight on one connection, in the order they were sent.
 *
 * A callback may do anything to the queue, empty it included, so each function finishes its
 * own work on the lists before it calls.
 */
#include "redis/queue.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct redis_command {
    struct redis_command *next;     /* of all */
    struct redis_command *next_own; /* of the owner's */
    struct redis_owner *owner;
    redis_reply_cb *cb; /* NULL: late, called already */
    void *arg;
    void (*release)(void *arg);
    int64_t deadline_ms;
};

void redis_queue_join(struct redis_queue *q, struct redis_owner *o)
{
    o->next = q->owners;
    q->owners = o;
}

void redis_queue_add(struct redis_queue *q, struct redis_owner *o, redis_reply_cb *cb,
                     void *arg, void (*release)(void *arg), int64_t deadline_ms)
{
    struct redis_command *c = xcalloc(1, sizeof(*c));

    assert(o->last == NULL || o->last->deadline_ms <= deadline_ms);
    *c = (struct redis_command){NULL, NULL, o, cb, arg, release, deadline_ms};
    if (q->last != NULL)
        q->last->next = c;
    else
        q->head = c;
    q->last = c;
    if (o->last != NULL)
        o->last->next_own = c;
    else
        o->oldest = c;
    o->last = c;
    if (o->waiting == NULL)
        o->waiting = c;
    o->stats.in_flight++;
    o->stats.sent++;
    q->n++;
}

static struct redis_command *take_head(struct redis_queue *q)
{
    struct redis_command *c = q->head;

    if (c == NULL)
        return NULL;
    struct redis_owner *o = c->owner;

    q->head = c->next;
    if (q->head == NULL)
        q->last = NULL;
    o->oldest = c->next_own; /* the oldest of all is the oldest of its owner */
    if (o->oldest == NULL)
        o->last = NULL;
    if (o->waiting == c) {
        o->waiting = c->next_own;
    } else {
        o->n_late--;
        q->n_late--;
    }
    o->stats.in_flight--;
    q->n--;
    return c;
}

/* c is off the lists. */
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

static struct redis_owner *first_overdue(const struct redis_queue *q, int64_t now_ms)
{
    struct redis_owner *first = NULL;

    for (struct redis_owner *o = q->owners; o != NULL; o = o->next)
        if (o->waiting != NULL && o->waiting->deadline_ms <= now_ms &&
            (first == NULL || o->waiting->deadline_ms < first->waiting->deadline_ms))
            first = o;
    return first;
}

bool redis_queue_expire(struct redis_queue *q, int64_t now_ms)
{
    struct redis_owner *o = first_overdue(q, now_ms);
    char why[64];

    if (o == NULL)
        return false;
    struct redis_command *c = o->waiting, was = *c; /* c keeps its place, and may be gone once
                                                       the callback has run */
    snprintf(why, sizeof(why), "deadline of %lld ms passed", (long long)o->conf.deadline_ms);
    o->waiting = c->next_own;
    o->n_late++;
    o->stats.late++;
    q->n_late++;
    c->cb = NULL;
    c->release = NULL;
    was.cb(was.arg, NULL, why);
    if (was.release != NULL)
        was.release(was.arg);
    return true;
}

int64_t redis_queue_late_ms(const struct redis_queue *q, int64_t now_ms, int64_t *unanswered_ms)
{
    int64_t most_ms = 0;

    *unanswered_ms = 0;
    for (const struct redis_owner *o = q->owners; o != NULL; o = o->next) {
        int64_t late_ms = o->n_late > 0 ? now_ms - o->oldest->deadline_ms : 0;

        if (o->n_late > 0 && late_ms + o->conf.deadline_ms > *unanswered_ms)
            *unanswered_ms = late_ms + o->conf.deadline_ms;
        if (late_ms > most_ms)
            most_ms = late_ms;
    }
    return most_ms;
}

int64_t redis_queue_next_ms(const struct redis_queue *q, int64_t late_max_ms)
{
    int64_t at_ms = INT64_MAX;

    for (const struct redis_owner *o = q->owners; o != NULL; o = o->next) {
        if (o->waiting != NULL && o->waiting->deadline_ms < at_ms)
            at_ms = o->waiting->deadline_ms;
        if (o->n_late > 0 && o->oldest->deadline_ms + late_max_ms < at_ms)
            at_ms = o->oldest->deadline_ms + late_max_ms;
    }
    return at_ms;
}

bool redis_queue_lose(struct redis_queue *q, const char *why)
{
    struct redis_command *c = take_head(q);

    if (c == NULL)
        return false;
    if (c->cb != NULL && why != NULL)
        c->owner->stats.failed++;
    finish(c, NULL, why);
    return true;
}
