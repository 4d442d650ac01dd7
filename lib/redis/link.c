/* link.c - one connection to Redis, with bounds on all that a server can do to us.
 *
 *                 timer            dial, TLS, then AUTH
 *   IDLE --> WAITING --> CONNECTING -- SELECT ... PING --> UP
 *     ^         ^            |                              |
 *     |         |            v                              v
 *     +---------+---------- ENDING <--- closed, rubbish, too late, restart
 *   (!keep_trying)   (on_finish: callbacks of pending commands, then on_down)
 *
 * Everything that can end a connection calls redis_link_end(), which takes notes; the callbacks
 * come from on_finish, an event of its own.  So no call of ours runs a callback, and a callback
 * may call anything here, redis_link_free included: callbacks from libevent hold the link.
 *
 * PING ends the login because a kernel accepts connections for a stopped process: a link is up
 * when Redis has answered, not when a socket is open. */
#include "redis/link_impl.h"

#include "base/clock.h"
#include "base/loop.h"
#include "redis/format.h"
#include "redis/value.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void hold(struct redis_link *l)
{
    l->refs++;
}

static void drop(struct redis_link *l)
{
    if (--l->refs > 0)
        return;
    for (struct redis_owner *o = l->queue.owners, *next; o != NULL; o = next) {
        next = o->next;
        free(o);
    }
    redis_url_release(&l->conf.url);
    redis_tls_drop(l->conf.tls);
    free(l->key);
    free(l->name);
    free(l);
}

void redis_link_arm(struct redis_link *l, int64_t ms)
{
    struct timeval tv;

    if (ms < 0)
        ms = 0;
    tv.tv_sec = ms / 1000;
    tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    loop_event_add(l->timer, &tv);
}

bool redis_link_is_open(const struct redis_link *l)
{
    return !l->freed && (l->state == LINK_CONNECTING || l->state == LINK_UP);
}

static PRINTF_LIKE(3, 0) void end(struct redis_link *l, enum redis_error cause, const char *fmt,
                                  va_list ap)
{
    if (!redis_link_is_open(l))
        return;
    vsnprintf(l->why, sizeof(l->why), fmt, ap);
    l->cause = cause;
    l->then = cause == REDIS_ERROR_NONE && l->state == LINK_CONNECTING && l->nodes_left > 0
                  ? LINK_THEN_NEXT
                  : LINK_THEN_SAY;
    l->state = LINK_ENDING;
    if (l->bev != NULL)
        bufferevent_disable(l->bev, EV_READ | EV_WRITE);
    event_del(l->timer);
    event_active(l->finish, 0, 0);
}

void redis_link_end(struct redis_link *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    end(l, REDIS_ERROR_NONE, fmt, ap);
    va_end(ap);
}

void redis_link_end_for(struct redis_link *l, enum redis_error cause, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    end(l, cause, fmt, ap);
    va_end(ap);
}

void redis_link_close(struct redis_link *l)
{
    redis_sentinel_free(l->finder);
    l->finder = NULL;
    redis_dial_free(l->dial);
    l->dial = NULL;
    if (l->bev != NULL)
        bufferevent_free(l->bev);
    l->bev = NULL;
    l->in_handshake = l->asked_auth = false;
    redis_reply_free(l->decoder);
    l->decoder = NULL;
    l->subscribed = false;
    l->unconfirmed = 0;
    l->confirm_by_ms = 0;
}

void redis_link_lose(struct redis_link *l, const char *why)
{
    while (redis_queue_lose(&l->queue, l->freed ? NULL : why))
        ;
}

static void plan_next_try(struct redis_link *l)
{
    if (l->up_since_ms != 0 && clock_mono_ms() - l->up_since_ms >= l->conf.backoff_max_ms)
        l->failures = 0;
    l->up_since_ms = 0;
    if (l->conf.keep_trying) {
        redis_link_arm(l, rand_backoff_ms(&l->rand, l->conf.backoff_ms, l->conf.backoff_max_ms,
                                          l->failures));
        l->state = LINK_WAITING;
    } else {
        l->state = LINK_IDLE;
    }
    if (l->failures < UINT_MAX)
        l->failures++;
}

static void on_finish(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *l = arg;
    enum redis_error cause = l->cause;
    char why[sizeof(l->why)];

    (void)fd, (void)what;
    hold(l);
    redis_link_close(l);
    if (redis_link_try_goes_on(l)) {
        drop(l);
        return;
    }
    memcpy(why, l->why, sizeof(why));
    plan_next_try(l); /* before any callback, so each finds the link in a settled state */
    redis_link_lose(l, why);
    if (!l->freed)
        l->ops.on_down(l->arg, cause, why);
    drop(l);
}

/* ---- sending ---- */

int redis_link_write(struct redis_link *l, int argc, const char *const *argv,
                     const size_t *lens)
{
    return redis_format_send(l->bev, l->conf.output_max_bytes, argc, argv, lens);
}

static struct redis_owner *owner_new(struct redis_link *l, const struct redis_owner_conf *conf)
{
    struct redis_owner *o = xcalloc(1, sizeof(*o));

    o->link = l;
    o->conf = *conf;
    o->stats.name = conf->name;
    redis_queue_join(&l->queue, o);
    return o;
}

struct redis_owner *redis_link_owner_new(struct redis_link *l,
                                         const struct redis_owner_conf *conf)
{
    assert(conf->in_flight_max > 0 && conf->deadline_ms > 0);
    return owner_new(l, conf);
}

void redis_link_owner_stats(const struct redis_owner *o, struct redis_owner_stats *out)
{
    *out = o->stats;
}

int redis_link_send_owned(struct redis_owner *o, int argc, const char *const *argv,
                          const size_t *lens, redis_reply_cb *cb, void *arg,
                          void (*release)(void *arg))
{
    struct redis_link *l = o->link;

    assert(cb != NULL);
    if (!redis_link_is_up(l) || l->subscribed || o->stats.in_flight >= o->conf.in_flight_max ||
        redis_link_write(l, argc, argv, lens) < 0) {
        o->stats.refused++;
        return -1;
    }
    int64_t now_ms = clock_mono_ms(), at_ms = now_ms + o->conf.deadline_ms;
    bool sooner = at_ms < redis_queue_next_ms(&l->queue, REDIS_LINK_LATE_MAX_MS);

    redis_queue_add(&l->queue, o, cb, arg, release, at_ms);
    if (sooner)
        redis_link_arm(l, o->conf.deadline_ms);
    if (now_ms >= l->learn_at_ms)
        redis_link_learn(l);
    return 0;
}

int redis_link_send(struct redis_owner *o, int argc, const char *const *argv,
                    const size_t *lens, redis_reply_cb *cb, void *arg)
{
    return redis_link_send_owned(o, argc, argv, lens, cb, arg, NULL);
}

int redis_link_subscribe(struct redis_link *l, const char *channel)
{
    const char *argv[] = {"SUBSCRIBE", channel};

    if (!redis_link_is_up(l) || redis_link_write(l, 2, argv, NULL) < 0)
        return -1;
    l->subscribed = true;
    l->unconfirmed++;
    l->confirm_by_ms = clock_mono_ms() + l->conf.connect_timeout_ms;
    if (!event_pending(l->timer, EV_TIMEOUT, NULL))
        redis_link_arm(l, l->conf.connect_timeout_ms);
    return 0;
}

/* ---- receiving ---- */

static void take_push(struct redis_link *l, const struct redisReply *r)
{
    enum redis_value_push kind = redis_value_push(r);
    char text[REDIS_ERROR_TEXT_MAX];

    if (r->type == REDIS_REPLY_ERROR) {
        redis_link_end_for(l, redis_error_of(r), "Redis refused SUBSCRIBE: %s",
                           redis_error_text(r, l->conf.url.password, text));
        return;
    }
    if (kind == REDIS_VALUE_PUSH_NONE ||
        (kind == REDIS_VALUE_PUSH_CONFIRMED && l->unconfirmed == 0)) {
        redis_link_end(l, "Redis sent what is no subscription message");
        return;
    }
    if (kind == REDIS_VALUE_PUSH_CONFIRMED && --l->unconfirmed == 0)
        l->confirm_by_ms = 0;
    if (l->ops.on_push != NULL)
        l->ops.on_push(l->arg, r);
}

static void take_reply(struct redis_link *l, const struct redisReply *r)
{
    bool was_up = redis_link_is_up(l);

    if (redis_link_moved(l, r))
        return;
    if (redis_queue_answer(&l->queue, r)) {
        if (was_up)
            redis_link_heed(l, r);
        return;
    }
    if (l->subscribed)
        take_push(l, r);
    else
        redis_link_end(l, "Redis sent a reply to no command");
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct redis_link *l = arg;
    struct evbuffer *in = bufferevent_get_input(bev);

    hold(l);
    while (redis_link_is_open(l) && evbuffer_get_length(in) > 0) {
        size_t len = evbuffer_get_contiguous_space(in), used;

        if (len == 0)
            len = 1; /* an empty chunk in front: have the next one moved up */
        const char *data = (const char *)evbuffer_pullup(in, (ev_ssize_t)len), *why = NULL;
        struct redisReply *r;
        enum redis_reply_verdict v = redis_reply_feed(l->decoder, data, len, &used, &r, &why);

        evbuffer_drain(in, used);
        if (v == REDIS_REPLY_BAD) {
            redis_link_learned_too_much(l);
            redis_link_end(l, "Redis sent %s", why);
        } else if (v == REDIS_REPLY_DONE) {
            take_reply(l, r);
        }
        if (r != NULL)
            freeReplyObject(r);
    }
    drop(l);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct redis_link *l = arg;
    /* TLS 1.3 refuses a client behind its handshake, and the reset may overtake the alert. */
    const char *hint = l->conf.url.tls && l->state == LINK_CONNECTING
                           ? " before it answered: TLS on that port? Does it want a client "
                             "certificate (redis.cert_file)?"
                           : "";
    char why[200];

    if (what & BEV_EVENT_CONNECTED)
        redis_link_secured(l);
    else if (l->conf.url.tls && redis_tls_why(bev, l->at.host, why, sizeof(why)))
        redis_link_end(l, "%s", why);
    else if (what & BEV_EVENT_EOF)
        redis_link_end(l, "connection closed by Redis%s", hint);
    else
        redis_link_end(l, "connection broken: %s%s",
                       evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()), hint);
}

void redis_link_listen(struct redis_link *l)
{
    l->decoder = redis_reply_new();
    bufferevent_setcb(l->bev, on_read, NULL, on_event, l);
    if (bufferevent_enable(l->bev, EV_READ | EV_WRITE) < 0)
        redis_link_end(l, "the system does not watch the socket");
}

/* ---- deadlines ---- */

static void arm_next_deadline(struct redis_link *l, int64_t now_ms)
{
    int64_t at_ms = redis_queue_next_ms(&l->queue, REDIS_LINK_LATE_MAX_MS);

    if (l->confirm_by_ms != 0 && l->confirm_by_ms < at_ms)
        at_ms = l->confirm_by_ms;
    if (at_ms != INT64_MAX)
        redis_link_arm(l, at_ms - now_ms);
}

static void check_deadlines(struct redis_link *l)
{
    int64_t now_ms = clock_mono_ms(), late_ms, unanswered_ms;

    while (redis_link_is_open(l) && redis_queue_expire(&l->queue, now_ms))
        ;
    if (!redis_link_is_open(l))
        return;
    late_ms = redis_queue_late_ms(&l->queue, now_ms, &unanswered_ms);
    if (l->queue.n_late > REDIS_LINK_LATE_MAX || late_ms >= REDIS_LINK_LATE_MAX_MS)
        redis_link_end(l, "no answer for %lld ms", (long long)unanswered_ms);
    else if (l->confirm_by_ms != 0 && l->confirm_by_ms <= now_ms)
        redis_link_end(l, "no answer to SUBSCRIBE within %lld ms",
                       (long long)l->conf.connect_timeout_ms);
    else
        arm_next_deadline(l, now_ms);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct redis_link *l = arg;

    (void)fd, (void)what;
    hold(l);
    if (l->state == LINK_WAITING)
        redis_link_try(l);
    else if (l->state == LINK_CONNECTING && !redis_link_try_next(l, true))
        redis_link_end(l, "%s within %lld ms",
                       l->finder != NULL ? "no answer from a Sentinel"
                       : l->bev == NULL  ? "no connection"
                       : l->in_handshake ? "no TLS handshake (does it speak TLS on that port?)"
                                         : "no answer to the login",
                       (long long)l->conf.connect_timeout_ms);
    else if (l->state == LINK_UP)
        check_deadlines(l);
    drop(l);
}

/* ---- the owner's side ---- */

struct redis_link *redis_link_new(struct event_base *base, const struct redis_link_conf *conf,
                                  const struct redis_link_ops *ops, void *arg)
{
    struct redis_link *l = xcalloc(1, sizeof(*l));

    assert(conf->connect_timeout_ms > 0);
    assert(conf->backoff_ms >= 0 && conf->backoff_max_ms >= conf->backoff_ms);
    l->conf = *conf;
    assert(!conf->url.tls || conf->tls != NULL);
    l->conf.name = l->conf.key = NULL;
    l->key = conf->key != NULL ? xstrdup(conf->key) : NULL;
    redis_tls_hold(conf->tls);
    l->name = conf->name != NULL ? xstrdup(conf->name) : NULL;
    l->ops = *ops;
    l->arg = arg;
    l->base = base;
    l->refs = 1;
    l->login = owner_new(l, &(struct redis_owner_conf){.name = "login"});
    l->learner = owner_new(l, &(struct redis_owner_conf){"cluster", 1, REDIS_LINK_LATE_MAX_MS});
    l->in_cluster = conf->url.n_others > 0 && conf->url.master[0] == '\0' && l->key != NULL;
    l->learn_at_ms = INT64_MAX;
    rand_init_os(&l->rand);
    l->timer = loop_timer_new(base, on_timer, l);
    l->finish = loop_timer_new(base, on_finish, l);
    return l;
}

/* Leaves where it is, if that is elsewhere, and goes there without much delay. */
static void go_to(struct redis_link *l, const struct redis_node *node, const char *why)
{
    char text[REDIS_NODE_TEXT_MAX];

    l->told = *node;
    if (redis_node_equal(node, &l->at) && l->state == LINK_UP)
        return;
    l->failures = 0;
    l->nodes_left = 0;
    redis_node_show(node, text);
    redis_link_end(l, "%s %s", why, text);
    if (l->state == LINK_WAITING)
        redis_link_arm(
            l, rand_backoff_ms(&l->rand, l->conf.backoff_ms, l->conf.backoff_max_ms, 0));
}

/* A Sentinel's word: the old master may be alive, so that nothing else would tell. */
static void on_switch(void *arg, const struct redis_node *node)
{
    struct redis_link *l = arg;

    if (l->freed)
        return;
    l->told_tries = REDIS_LINK_TOLD_TRIES;
    go_to(l, node, "Sentinel's new master is");
}

void redis_link_start(struct redis_link *l)
{
    if (l->state != LINK_IDLE)
        return;
    l->state = LINK_WAITING;
    redis_link_arm(l, 0);
    if (l->conf.url.master[0] != '\0' && l->conf.keep_trying && !l->pinned) {
        l->conf.name = l->name;
        l->watch = redis_sentinel_watch_new(l->base, &l->conf, on_switch, l);
        l->conf.name = NULL;
    }
}

void redis_link_free(struct redis_link *l)
{
    if (l == NULL)
        return;
    if (redis_link_is_up(l))
        redis_format_flush(l->bev);
    l->freed = true;
    redis_link_close(l);
    redis_sentinel_watch_free(l->watch);
    l->watch = NULL;
    event_free(l->timer);
    event_free(l->finish);
    l->timer = l->finish = NULL;
    redis_link_lose(l, NULL);
    drop(l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return !l->freed && l->state == LINK_UP;
}

const struct redis_node *redis_link_at(const struct redis_link *l)
{
    return &l->at;
}

void redis_link_pin(struct redis_link *l, const struct redis_node *node)
{
    if (node->host[0] == '\0' || (l->pinned && redis_node_equal(node, &l->told)))
        return;
    l->pinned = true;
    go_to(l, node, "the fleet's Redis is");
}

void redis_link_restart(struct redis_link *l, const char *why)
{
    l->nodes_left = 0;
    redis_link_end(l, "%s", why);
}
