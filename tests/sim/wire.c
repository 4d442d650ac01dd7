/* wire.c - the network; wire.h has the contract, lib/redis/link.h that of a link.
 *
 * A link has two pipes.  Each is a queue whose head moves when its time has come, so order
 * holds; while the router is partitioned the head waits, as TCP would send it again.  A link
 * that is freed lives on without its owner until what was sent has arrived: a last word still
 * goes out. */
#include "wire_impl.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LATE_MS  REDIS_LINK_LATE_MAX_MS
#define RETRY_US 20000 /* while partitioned or stalled */

static struct {
    struct server *server;
    struct wire_conf *conf;
    struct redis_link *links;
    struct redisReply *(*on_command)(void *arg, int router, int argc, const char *const *argv);
    void *arg;
} net;

static void pump_in(void *arg);

void wire_start(struct server *s, struct wire_conf *conf)
{
    memset(&net, 0, sizeof(net));
    net.server = s;
    net.conf = conf;
}

void wire_on_command(struct redisReply *(*cb)(void *arg, int router, int argc,
                                              const char *const *argv),
                     void *arg)
{
    net.on_command = cb;
    net.arg = arg;
}

void wire_message_free(struct wire_message *m)
{
    if (m->release != NULL)
        m->release(m->arg);
    for (int i = 0; i < m->argc; i++)
        free(m->argv[i]);
    free(m->argv);
    freeReplyObject(m->reply);
    free(m);
}

void wire_pipe_clear(struct wire_pipe *p)
{
    while (p->head != NULL) {
        struct wire_message *m = p->head;

        p->head = m->next;
        wire_message_free(m);
    }
    p->tail = &p->head;
    vtime_cancel(p->job);
    p->job = NULL;
}

static void link_destroy(struct redis_link *l)
{
    for (struct redis_link **at = &net.links; *at != NULL; at = &(*at)->next) {
        if (*at == l) {
            *at = l->next;
            break;
        }
    }
    wire_pipe_clear(&l->out);
    wire_pipe_clear(&l->in);
    for (struct wire_message *m = l->waiting, *next; m != NULL; m = next) {
        next = m->next;
        wire_message_free(m);
    }
    for (struct redis_owner *o = l->owners, *next; o != NULL; o = next) {
        next = o->next;
        free(o);
    }
    vtime_cancel(l->try);
    vtime_cancel(l->deadline);
    free(l);
}

void wire_stop(void)
{
    while (net.links != NULL)
        link_destroy(net.links);
}

static bool is_cut(const struct redis_link *l)
{
    return net.conf->partitioned[l->owner];
}

static int64_t delay_us(void)
{
    const struct wire_conf *c = net.conf;

    return c->delay_min_us +
           (int64_t)rand_below(vtime_rand(), (uint64_t)(c->delay_max_us - c->delay_min_us) + 1);
}

void wire_push_back(struct redis_link *l, struct wire_pipe *p, struct wire_message *m,
                    void (*pump)(void *))
{
    int64_t at_us = vtime_us() + delay_us();

    p->last_us = m->at_us = at_us > p->last_us ? at_us : p->last_us;
    m->next = NULL;
    *p->tail = m;
    p->tail = &m->next;
    if (p->job == NULL)
        p->job = vtime_at(p->head->at_us, l->owner, pump, l);
}

/* The head, taken out when its time has come; else the next look is planned. */
static struct wire_message *pop(struct redis_link *l, struct wire_pipe *p, void (*pump)(void *))
{
    struct wire_message *m = p->head;

    p->job = NULL;
    if (m == NULL)
        return NULL;
    if (is_cut(l) || m->at_us > vtime_us()) {
        int64_t at_us = is_cut(l) ? vtime_us() + RETRY_US : m->at_us;

        p->job = vtime_at(at_us, l->owner, pump, l);
        return NULL;
    }
    p->head = m->next;
    if (p->head == NULL)
        p->tail = &p->head;
    else
        p->job = vtime_at(p->head->at_us, l->owner, pump, l);
    return m;
}

void wire_add(struct redis_link *l)
{
    l->next = net.links;
    net.links = l;
}

/* ---- the connection ---- */

/* Tells the owner: pending commands first, then that it is down. */
static void close_now(struct redis_link *l, const char *why)
{
    bool was_up = l->up;

    l->up = l->subscribed = false;
    vtime_cancel(l->try);
    l->try = NULL;
    wire_pipe_clear(&l->in);
    wire_pipe_clear(&l->out); /* what had not arrived is lost with the connection */
    vtime_cancel(l->deadline);
    l->deadline = NULL;
    while (!l->freed && l->waiting != NULL) {
        struct wire_message *m = l->waiting;

        l->waiting = m->next;
        if (m->cb != NULL)
            m->cb(m->arg, NULL, why);
        wire_message_free(m);
    }
    if (l->freed) {
        link_destroy(l);
        return;
    }
    if (was_up || l->started)
        l->ops.on_down(l->arg, REDIS_ERROR_NONE, why);
    if (l->freed)
        link_destroy(l);
    else
        wire_plan_try(l, rand_backoff_ms(vtime_rand(), l->conf.backoff_ms,
                                         l->conf.backoff_max_ms, l->failures++));
}

static void try_ends(void *arg)
{
    struct redis_link *l = arg;

    l->try = NULL;
    if (is_cut(l) || net.server->down || net.server->stalled_until_us > vtime_us()) {
        close_now(l, "no answer");
        return;
    }
    l->up = true;
    l->lost = false;
    l->server_life = net.server->life;
    l->failures = 0;
    l->ops.on_up(l->arg);
}

static void try_starts(void *arg)
{
    struct redis_link *l = arg;
    bool dark = is_cut(l) || net.server->stalled_until_us > vtime_us();
    int64_t us = dark ? l->conf.connect_timeout_ms * 1000 : 2 * delay_us();

    l->try = vtime_at(vtime_us() + us, l->owner, try_ends, l);
}

void wire_plan_try(struct redis_link *l, int64_t ms)
{
    l->try = vtime_at(vtime_us() + ms * 1000, l->owner, try_starts, l);
}

static void on_deadline(void *arg);

void wire_plan_deadline(struct redis_link *l)
{
    int64_t at_us = INT64_MAX;

    vtime_cancel(l->deadline);
    l->deadline = NULL;
    for (struct wire_message *m = l->waiting; m != NULL; m = m->next) {
        int64_t ms = m->from->conf.deadline_ms + (m->cb != NULL ? 0 : LATE_MS);

        if (m->sent_us + ms * 1000 < at_us)
            at_us = m->sent_us + ms * 1000;
    }
    if (at_us != INT64_MAX)
        l->deadline = vtime_at(at_us, l->owner, on_deadline, l);
}

static void on_deadline(void *arg)
{
    struct redis_link *l = arg;
    int64_t now_us = vtime_us();

    l->deadline = NULL;
    for (struct wire_message *m = l->waiting; m != NULL; m = m->next) {
        redis_reply_cb *cb = m->cb;

        if (now_us - m->sent_us >= (m->from->conf.deadline_ms + LATE_MS) * 1000) {
            close_now(l, "no answer for 2050 ms");
            return;
        }
        if (cb != NULL && now_us - m->sent_us >= m->from->conf.deadline_ms * 1000) {
            m->cb = NULL;
            cb(m->arg, NULL, "deadline passed");
            break; /* the list may be another one now */
        }
    }
    if (!l->freed && l->up)
        wire_plan_deadline(l);
}

/* ---- commands ---- */

static bool is_connected(const struct redis_link *l)
{
    return !l->lost && !net.server->down && l->server_life == net.server->life;
}

static void answer(struct redis_link *l, struct redisReply *r)
{
    struct wire_message *m = xcalloc(1, sizeof(*m));

    m->reply = r;
    wire_push_back(l, &l->in, m, pump_in);
}

static struct redisReply *text_reply(const char *text)
{
    struct redisReply *r = xcalloc(1, sizeof(*r));

    r->type = REDIS_REPLY_STRING;
    r->str = xstrdup(text);
    r->len = strlen(text);
    return r;
}

static struct redisReply *message_reply(const char *kind, const char *channel, const char *text)
{
    struct redisReply *r = xcalloc(1, sizeof(*r));

    r->type = REDIS_REPLY_ARRAY;
    r->elements = 3;
    r->element = xcalloc(3, sizeof(*r->element));
    r->element[0] = text_reply(kind);
    r->element[1] = text_reply(channel);
    r->element[2] = text_reply(text);
    return r;
}

static void arrive(struct redis_link *l, struct wire_message *m)
{
    char channel[200];

    if (strcmp(m->argv[0], "SUBSCRIBE") == 0) {
        l->subscribed = true;
        answer(l, message_reply("subscribe", server_key(channel, "push"), "1"));
        return;
    }
    int was = vtime_become(0);
    struct redisReply *r =
        net.on_command(net.arg, l->owner, m->argc, (const char *const *)m->argv);

    vtime_become(was);
    answer(l, r);
}

void wire_pump_out(void *arg)
{
    struct redis_link *l = arg;

    if (net.server->stalled_until_us > vtime_us()) {
        l->out.job = vtime_at(net.server->stalled_until_us, l->owner, wire_pump_out, l);
        return;
    }
    struct wire_message *m = pop(l, &l->out, wire_pump_out);

    if (m == NULL)
        return;
    if (!is_connected(l)) {
        wire_message_free(m);
        if (!l->freed)
            close_now(l, "connection reset");
        else
            link_destroy(l);
        return;
    }
    arrive(l, m);
    wire_message_free(m);
    if (l->freed && l->out.head == NULL)
        link_destroy(l);
}

static void take_answer(struct redis_link *l, const struct redisReply *r)
{
    struct wire_message *m = l->waiting;

    if (m == NULL)
        return;
    l->waiting = m->next;
    if (m->cb != NULL)
        m->cb(m->arg, r, NULL);
    wire_message_free(m);
    if (!l->freed && l->up)
        wire_plan_deadline(l);
}

static bool is_push(const struct redisReply *r)
{
    return r->type == REDIS_REPLY_ARRAY && r->elements == 3 &&
           r->element[0]->type == REDIS_REPLY_STRING &&
           (strcmp(r->element[0]->str, "message") == 0 ||
            strcmp(r->element[0]->str, "subscribe") == 0);
}

static void pump_in(void *arg)
{
    struct redis_link *l = arg;
    struct wire_message *m = pop(l, &l->in, pump_in);

    if (m == NULL)
        return;
    struct redisReply *r = m->reply;

    m->reply = NULL;
    wire_message_free(m);
    if (!l->freed && l->ops.on_push != NULL && is_push(r))
        l->ops.on_push(l->arg, r);
    else if (!l->freed)
        take_answer(l, r);
    freeReplyObject(r);
    if (l->freed && l->out.head == NULL)
        link_destroy(l);
}

void wire_publish(const char *line)
{
    char channel[200];

    for (struct redis_link *l = net.links; l != NULL; l = l->next) {
        if (!l->subscribed || !is_connected(l) || l->freed)
            continue;
        if (net.conf->deaf[l->owner] ||
            (int)rand_below(vtime_rand(), 100) < net.conf->push_loss_percent)
            continue;
        answer(l, message_reply("message", server_key(channel, "push"), line));
    }
}

void wire_on_reset(void *arg)
{
    struct redis_link *l = arg;

    l->try = NULL;
    close_now(l, "connection reset");
}

void wire_server_gone(bool ended)
{
    bool silent = ended && net.conf->fails_silently;

    for (struct redis_link *l = net.links; l != NULL; l = l->next) {
        l->lost = true;
        if (l->up && !l->freed && !silent && !is_cut(l) && l->try == NULL)
            l->try = vtime_at(vtime_us() + delay_us(), l->owner, wire_on_reset, l);
    }
}

void wire_crash(int router)
{
    for (struct redis_link *l = net.links, *next; l != NULL; l = next) {
        next = l->next;
        if (l->owner == router)
            l->up = false; /* nothing more is sent, and what was sent is not read */
    }
}
