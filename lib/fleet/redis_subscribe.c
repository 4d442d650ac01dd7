/* redis_subscribe.c - listening for pushes: beside the command link, or at a replica.
 *
 * Fan-out is the one cost that grows with the fleet: a Redis writes to its subscribers one by
 * one.  With a subscribe_url the subscriber goes there, to a replica: what a script publishes
 * at the primary reaches the replicas' subscribers too, so that they share the writing.
 *
 *                unreachable three times, or a change was not pushed
 *   FAR ALONE ----------------------------------------------------> NEAR CARRIES, far tries on
 *       ^                                                                |
 *       +---- far has pushed a change as soon as near, or sooner --------+
 *
 * A replica is trusted on evidence only.  One that is reachable but stands still, lags, or
 * follows another primary looks healthy to whoever asks it anything else.
 *
 * Without a subscribe_url there is no far, and near carries always. */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"
#include "shared/state_line.h"
#include "shared/acl.h"

#include <string.h>

#define FAR_TRIES 3

/* Does what this one hears decide whether we listen? */
static bool carries(const struct shared_state_subscriber *sub)
{
    return sub == (sub->s->near_carries ? &sub->s->near : &sub->s->far);
}

/* ---- which one ---- */

static void go_near(struct shared_state *s)
{
    redis_link_pin(s->near.link, redis_link_at(s->cmd));
    redis_link_start(s->near.link); /* the first time; later it keeps trying by itself */
}

void redis_subscribe_listen(struct shared_state *s)
{
    if (s->far.link != NULL)
        redis_link_start(s->far.link);
    if (s->near_carries)
        go_near(s);
}

static void leave_far(struct shared_state *s, const char *why)
{
    log_at(LOG_WARN, &s->log, "redis subscriber leaves redis.subscribe_url for redis.url: %s",
           why);
    s->near_carries = true;
    s->near_ver = view_ver(s->view) > s->delivery.want ? view_ver(s->view) : s->delivery.want;
    s->near_ms = 0; /* whoever brings that now is late */
    if (s->phase == PHASE_ATTACHED)
        go_near(s);
}

static void return_far(struct shared_state *s)
{
    log_at(LOG_INFO, &s->log, "redis subscriber is back at redis.subscribe_url");
    s->near_carries = false;
    redis_link_free(s->near.link);
    s->near.link = redis_link_new(s->base, &s->near_conf, &s->sub_ops, &s->near);
    delivery_confirmed(&s->delivery);
    redis_sync_soon(s);
}

/* A change came.  Is far as quick as near? */
static void compare(struct shared_state_subscriber *sub, uint64_t ver)
{
    struct shared_state *s = sub->s;
    int64_t now_ms = clock_mono_ms();

    if (sub == &s->far)
        s->far_failures = 0;
    if (sub == &s->near && ver > s->near_ver) {
        s->near_ver = ver;
        s->near_ms = now_ms;
    } else if (sub == &s->far && s->near_carries &&
               (ver > s->near_ver ||
                (ver == s->near_ver && now_ms - s->near_ms <= DELIVERY_LIMIT_MS))) {
        return_far(s);
    }
}

/* ---- what a subscriber says ---- */

static void on_up(void *arg)
{
    struct shared_state_subscriber *sub = arg;

    if (redis_link_subscribe(sub->link, sub->s->push.text) < 0)
        redis_link_restart(sub->link, "SUBSCRIBE could not be sent");
}

static void on_down(void *arg, enum redis_error cause, const char *why)
{
    struct shared_state_subscriber *sub = arg;
    struct shared_state *s = sub->s;
    bool lost = carries(sub);

    /* Syncs go on, faster; the mode is the command link's. */
    if (!s->sub_denied && cause == REDIS_ERROR_NOPERM) {
        char rule[ACL_MAX];

        s->sub_denied = true;
        acl_rule(s->fleet, rule);
        log_at(LOG_WARN, &s->log, "redis subscriber refused why=\"%s; the user needs %s\"", why,
               rule);
    }
    s->stats.reconnects++;
    if (sub == &s->far && ++s->far_failures >= FAR_TRIES && lost)
        leave_far(s, why);
    if (!lost)
        return;
    delivery_lost(&s->delivery);
    event_del(s->check);
    if (s->phase == PHASE_ATTACHED && !s->syncing)
        redis_sync_poll(s);
}

static void take_message(struct shared_state_subscriber *sub, struct str text)
{
    struct shared_state *s = sub->s;
    struct state_line line;
    int changed = -1;

    s->stats.pushes++;
    switch (view_push(s->view, text, clock_mono_ms(), &changed)) {
    case VIEW_OTHER_GEN:
        if (sub == &s->far) /* a replica of another primary, perhaps: ask ours */
            redis_sync_soon(s);
        else if (s->phase == PHASE_ATTACHED)
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
        delivery_push(&s->delivery, line.ver);
        compare(sub, line.ver);
    }
    redis_sync_acknowledge(s);
}

static void on_push(void *arg, const struct redisReply *r)
{
    struct shared_state_subscriber *sub = arg;
    struct shared_state *s = sub->s;

    shared_state_hold(s);
    if (redis_value_is(r, "message") &&
        str_eqz(redis_value_text(redis_value_at(r, 1)), s->push.text)) {
        take_message(sub, redis_value_text(redis_value_at(r, 2)));
    } else if (redis_value_is(r, "subscribe")) {
        s->sub_denied = false;
        if (carries(sub))
            delivery_confirmed(&s->delivery);
        redis_sync_soon(s);
    }
    shared_state_drop(s);
}

static void on_check(evutil_socket_t fd, short what, void *arg)
{
    struct shared_state *s = arg;

    (void)fd, (void)what;
    if (!delivery_is_overdue(&s->delivery, clock_mono_ms()))
        return;
    log_at(LOG_WARN, &s->log, "redis subscriber replaced want_ver=%llu pushed_ver=%llu",
           (unsigned long long)s->delivery.want, (unsigned long long)s->delivery.pushed);
    if (s->near_carries)
        redis_link_restart(s->near.link, "a change was not pushed");
    else
        leave_far(s, "a change was not pushed");
    if (s->far.link != NULL)
        redis_link_restart(s->far.link, "a change was not pushed");
    delivery_lost(&s->delivery);
    if (s->phase == PHASE_ATTACHED && !s->syncing)
        redis_sync_poll(s);
}

/* ---- up and down ---- */

void redis_subscribe_open(struct shared_state *s, const struct redis_link_conf *conf,
                          const struct redis_link_conf *far)
{
    s->check = redis_attach_timer(s, on_check);
    s->sub_ops =
        (struct redis_link_ops){.on_up = on_up, .on_down = on_down, .on_push = on_push};
    s->near_conf = *conf;
    s->near_conf.key = NULL; /* it goes where the command link is */
    s->near_conf.name = s->router_id;
    redis_tls_hold(s->near_conf.tls);
    s->near.s = s->far.s = s;
    s->near.link = redis_link_new(s->base, &s->near_conf, &s->sub_ops, &s->near);
    s->near_carries = far == NULL;
    if (far != NULL)
        s->far.link = redis_link_new(s->base, far, &s->sub_ops, &s->far);
}

void redis_subscribe_close(struct shared_state *s)
{
    redis_link_free(s->near.link);
    redis_link_free(s->far.link);
    s->near.link = s->far.link = NULL;
    redis_tls_drop(s->near_conf.tls);
    redis_url_release(&s->near_conf.url);
    event_free(s->check);
}
