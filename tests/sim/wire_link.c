/* wire_link.c - redis/link.h on the simulated network. */
#include "wire_impl.h"

#include <stdlib.h>
#include <string.h>

struct redis_link *redis_link_new(struct event_base *base, const struct redis_link_conf *conf,
                                  const struct redis_link_ops *ops, void *arg)
{
    struct redis_link *l = xcalloc(1, sizeof(*l));

    (void)base;
    l->conf = *conf;
    l->ops = *ops;
    l->arg = arg;
    l->owner = vtime_owner();
    l->out.tail = &l->out.head;
    l->in.tail = &l->in.head;
    wire_add(l);
    return l;
}

void redis_link_start(struct redis_link *l)
{
    if (l->started)
        return;
    l->started = true;
    wire_plan_try(l, 0);
}

/* Calls that nobody waits for any more. */
static void forget_waiting(struct redis_link *l)
{
    while (l->waiting != NULL) {
        struct wire_message *m = l->waiting;

        l->waiting = m->next;
        wire_message_free(m);
    }
}

void redis_link_free(struct redis_link *l)
{
    if (l == NULL)
        return;
    l->freed = true;
    forget_waiting(l);
    vtime_cancel(l->try);
    vtime_cancel(l->deadline);
    l->try = l->deadline = NULL;
    wire_pipe_clear(&l->in);
    if (!l->up)
        wire_pipe_clear(&l->out);
    if (l->out.head == NULL) { /* not here: the caller may be one of its callbacks */
        l->up = false;
        l->try = vtime_at(vtime_us(), l->owner, wire_on_reset, l);
    }
}

bool redis_link_is_up(const struct redis_link *l)
{
    return l->up;
}

const struct redis_node *redis_link_at(const struct redis_link *l)
{
    static const struct redis_node node = {.host = "redis", .port = 1};

    (void)l;
    return &node;
}

void redis_link_pin(struct redis_link *l, const struct redis_node *node)
{
    (void)l, (void)node;
}

void redis_link_restart(struct redis_link *l, const char *why)
{
    (void)why;
    if (l->up && l->try == NULL) {
        l->lost = true;
        l->try = vtime_at(vtime_us(), l->owner, wire_on_reset, l);
    }
}

struct redis_owner *redis_link_owner_new(struct redis_link *l,
                                         const struct redis_owner_conf *conf)
{
    struct redis_owner *o = xcalloc(1, sizeof(*o));

    *o = (struct redis_owner){.next = l->owners, .link = l, .conf = *conf};
    l->owners = o;
    return o;
}

int redis_link_send_owned(struct redis_owner *o, int argc, const char *const *argv,
                          const size_t *lens, redis_reply_cb *cb, void *arg,
                          void (*release)(void *arg))
{
    struct redis_link *l = o->link;

    (void)lens;
    if (!l->up || l->freed)
        return -1;
    struct wire_message *m = xcalloc(1, sizeof(*m)), *w = xcalloc(1, sizeof(*w)), **at;

    m->argc = argc;
    m->argv = xcalloc((size_t)argc, sizeof(*m->argv));
    for (int i = 0; i < argc; i++)
        m->argv[i] = xstrdup(argv[i]);
    wire_push_back(l, &l->out, m, wire_pump_out);
    *w = (struct wire_message){
        .cb = cb, .arg = arg, .release = release, .from = o, .sent_us = vtime_us()};
    for (at = &l->waiting; *at != NULL; at = &(*at)->next)
        ;
    *at = w;
    if (l->deadline == NULL)
        wire_plan_deadline(l);
    return 0;
}

int redis_link_send(struct redis_owner *o, int argc, const char *const *argv,
                    const size_t *lens, redis_reply_cb *cb, void *arg)
{
    return redis_link_send_owned(o, argc, argv, lens, cb, arg, NULL);
}

int redis_link_subscribe(struct redis_link *l, const char *channel)
{
    struct wire_message *m;

    if (!l->up || l->freed)
        return -1;
    m = xcalloc(1, sizeof(*m));
    m->argc = 2;
    m->argv = xcalloc(2, sizeof(*m->argv));
    m->argv[0] = xstrdup("SUBSCRIBE");
    m->argv[1] = xstrdup(channel);
    wire_push_back(l, &l->out, m, wire_pump_out);
    return 0;
}
