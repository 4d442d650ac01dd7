/* redis_subscribe.c - listening for pushes: beside the command link, or at a replica.
 *
 * Fan-out is the one cost that grows with the fleet: a Redis writes to its subscribers one by
 * one.  With a subscribe_url the subscriber goes there, to a replica: what a script publishes
 * at the primary reaches the replicas' subscribers too, so that they share the writing.
 *
 *        unreachable three times, or a change was not pushed
 *   REPLICA ------------------------------------> PRIMARY CARRIES, the replica tries on
 *      ^                                                              |
 *      +--- the replica has pushed a change as soon, or sooner -------+
 *
 * A replica is trusted on evidence only.  One that is reachable but stands still, lags, or
 * follows another primary looks healthy to whoever asks it anything else.
 *
 * Without a subscribe_url there is no replica, and the primary carries always. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"
#include "shared/state_line.h"
#include "shared/acl.h"

#include <stdlib.h>
#include <string.h>

#define REPLICA_TRIES 3

struct subscriber { /* one that listens */
    struct shared_state *s;
    struct redis_link *link;
};

struct redis_subscribe {
    struct subscriber primary, replica; /* beside cmd, and at subscribe_url: no link without */
    struct redis_link_conf primary_conf;
    struct redis_link_ops ops;
    struct delivery delivery;
    struct event *timer;       /* when what is wanted must have been pushed */
    bool primary_carries;      /* else primary is idle */
    unsigned replica_failures; /* since the replica's last push */
    uint64_t primary_ver;      /* the newest that primary has pushed, and when */
    int64_t primary_ms;
    bool denied; /* said once */
};

/* Does what this one hears decide whether we listen? */
static bool carries(const struct subscriber *sub)
{
    return sub == (sub->s->subscribe->primary_carries ? &sub->s->subscribe->primary
                                                      : &sub->s->subscribe->replica);
}

/* ---- which one ---- */

static void listen_at_primary(struct shared_state *s)
{
    redis_link_pin(s->subscribe->primary.link, redis_link_at(s->cmd));
    redis_link_start(
        s->subscribe->primary.link); /* the first time; later it keeps trying by itself */
}

void redis_subscribe_begin(struct shared_state *s)
{
    struct redis_subscribe *sub = s->subscribe;

    delivery_new_generation(&sub->delivery);
    if (sub->replica.link != NULL)
        redis_link_start(sub->replica.link);
    if (sub->primary_carries)
        listen_at_primary(s);
}

void redis_subscribe_stop(struct shared_state *s)
{
    event_del(s->subscribe->timer);
}

const struct delivery *redis_subscribe_delivery(const struct shared_state *s)
{
    return &s->subscribe->delivery;
}

void redis_subscribe_expect(struct shared_state *s, unsigned number, uint64_t ver)
{
    struct delivery *d = &s->subscribe->delivery;
    int64_t now_ms = clock_mono_ms();

    delivery_sync(d, number, ver, now_ms);
    if (d->due_ms != 0)
        shared_state_arm(s, s->subscribe->timer, d->due_ms - now_ms);
}

static void leave_replica(struct shared_state *s, const char *why)
{
    log_at(LOG_WARN, &s->log, "redis subscriber leaves redis.subscribe_url for redis.url: %s",
           why);
    s->subscribe->primary_carries = true;
    s->subscribe->primary_ver = view_ver(s->view) > s->subscribe->delivery.want
                                    ? view_ver(s->view)
                                    : s->subscribe->delivery.want;
    s->subscribe->primary_ms = 0; /* whoever brings that now is late */
    if (redis_attach_is_level(s))
        listen_at_primary(s);
}

static void return_to_replica(struct shared_state *s)
{
    log_at(LOG_INFO, &s->log, "redis subscriber is back at redis.subscribe_url");
    s->subscribe->primary_carries = false;
    redis_link_free(s->subscribe->primary.link);
    s->subscribe->primary.link = redis_link_new(s->base, &s->subscribe->primary_conf,
                                                &s->subscribe->ops, &s->subscribe->primary);
    delivery_confirmed(&s->subscribe->delivery);
    redis_sync_soon(s);
}

/* A change came.  Is the replica as quick as the primary? */
static void compare(struct subscriber *sub, uint64_t ver)
{
    struct shared_state *s = sub->s;
    int64_t now_ms = clock_mono_ms();

    if (sub == &s->subscribe->replica)
        s->subscribe->replica_failures = 0;
    if (sub == &s->subscribe->primary && ver > s->subscribe->primary_ver) {
        s->subscribe->primary_ver = ver;
        s->subscribe->primary_ms = now_ms;
    } else if (sub == &s->subscribe->replica && s->subscribe->primary_carries &&
               (ver > s->subscribe->primary_ver ||
                (ver == s->subscribe->primary_ver &&
                 now_ms - s->subscribe->primary_ms <= DELIVERY_LIMIT_MS))) {
        return_to_replica(s);
    }
}

/* ---- what a subscriber says ---- */

static void on_up(void *arg)
{
    struct subscriber *sub = arg;

    if (redis_link_subscribe(sub->link, sub->s->push.text) < 0)
        redis_link_restart(sub->link, "SUBSCRIBE could not be sent");
}

static void on_down(void *arg, enum redis_error cause, const char *why)
{
    struct subscriber *sub = arg;
    struct shared_state *s = sub->s;
    bool lost = carries(sub);

    /* Syncs go on, faster; the mode is the command link's. */
    if (!s->subscribe->denied && cause == REDIS_ERROR_NOPERM) {
        char rule[ACL_MAX];

        s->subscribe->denied = true;
        acl_rule(s->fleet, rule);
        log_at(LOG_WARN, &s->log, "redis subscriber refused why=\"%s; the user needs %s\"", why,
               rule);
    }
    s->stats.reconnects++;
    if (sub == &s->subscribe->replica && ++s->subscribe->replica_failures >= REPLICA_TRIES &&
        lost)
        leave_replica(s, why);
    if (!lost)
        return;
    delivery_lost(&s->subscribe->delivery);
    event_del(s->subscribe->timer);
    redis_sync_poll(s);
}

static void take_message(struct subscriber *sub, struct str text)
{
    struct shared_state *s = sub->s;
    struct state_line line;
    int changed = -1;

    s->stats.pushes++;
    switch (view_push(s->view, text, clock_mono_ms(), &changed)) {
    case VIEW_OTHER_GEN:
        if (sub == &s->subscribe->replica) /* a replica of another primary, perhaps: ask ours */
            redis_sync_soon(s);
        else if (redis_attach_is_level(s))
            redis_attach_ask(s);
        return;
    case VIEW_BAD:
        s->stats.bad_messages++;
        redis_sync_soon(s);
        return;
    case VIEW_GAP:
        redis_sync_soon(s);
        break;
    case VIEW_APPLIED:
    case VIEW_OLD:
        break;
    }
    if (changed >= 0)
        shared_state_tell(s, (size_t)changed); /* first of all: it diverts the traffic */
    if (s->freed)
        return;
    if (state_line_decode(text, &line)) {
        delivery_push(&s->subscribe->delivery, line.ver);
        compare(sub, line.ver);
    }
    redis_sync_acknowledge(s);
}

static void on_push(void *arg, const struct redisReply *r)
{
    struct subscriber *sub = arg;
    struct shared_state *s = sub->s;

    shared_state_hold(s);
    if (redis_value_is(r, "message") &&
        str_eqz(redis_value_text(redis_value_at(r, 1)), s->push.text)) {
        take_message(sub, redis_value_text(redis_value_at(r, 2)));
    } else if (redis_value_is(r, "subscribe")) {
        s->subscribe->denied = false;
        if (carries(sub))
            delivery_confirmed(&s->subscribe->delivery);
        redis_sync_soon(s);
    }
    shared_state_drop(s);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    struct shared_state *s = arg;

    (void)fd, (void)what;
    if (!delivery_is_overdue(&s->subscribe->delivery, clock_mono_ms()))
        return;
    log_at(LOG_WARN, &s->log, "redis subscriber replaced want_ver=%llu pushed_ver=%llu",
           (unsigned long long)s->subscribe->delivery.want,
           (unsigned long long)s->subscribe->delivery.pushed);
    if (s->subscribe->primary_carries)
        redis_link_restart(s->subscribe->primary.link, "a change was not pushed");
    else
        leave_replica(s, "a change was not pushed");
    if (s->subscribe->replica.link != NULL)
        redis_link_restart(s->subscribe->replica.link, "a change was not pushed");
    delivery_lost(&s->subscribe->delivery);
    redis_sync_poll(s);
}

/* ---- up and down ---- */

void redis_subscribe_open(struct shared_state *s, const struct redis_link_conf *conf,
                          const struct redis_link_conf *replica)
{
    struct redis_subscribe *sub = xcalloc(1, sizeof(*sub));

    s->subscribe = sub;
    sub->timer = shared_state_timer(s, on_check);
    sub->ops = (struct redis_link_ops){.on_up = on_up, .on_down = on_down, .on_push = on_push};
    sub->primary_conf = *conf;
    sub->primary_conf.key = NULL; /* it goes where the command link is */
    sub->primary_conf.name = s->router_id;
    redis_tls_hold(sub->primary_conf.tls);
    sub->primary.s = sub->replica.s = s;
    sub->primary.link = redis_link_new(s->base, &sub->primary_conf, &sub->ops, &sub->primary);
    sub->primary_carries = replica == NULL;
    if (replica != NULL)
        sub->replica.link = redis_link_new(s->base, replica, &sub->ops, &sub->replica);
}

void redis_subscribe_close(struct shared_state *s)
{
    struct redis_subscribe *sub = s->subscribe;

    redis_link_free(sub->primary.link);
    redis_link_free(sub->replica.link);
    sub->primary.link = sub->replica.link = NULL;
    event_free(sub->timer);
}

void redis_subscribe_free(struct shared_state *s)
{
    redis_tls_drop(s->subscribe->primary_conf.tls);
    redis_url_release(&s->subscribe->primary_conf.url);
    free(s->subscribe);
}
