/* redis_link.c - one connection to Redis, with bounds on all that a server can do to us.
 *
 *                 timer            dial, then AUTH SELECT
 *   IDLE --> WAITING --> CONNECTING -- SETNAME PING -----> UP
 *     ^         ^            |                              |
 *     |         |            v                              v
 *     +---------+---------- ENDING <--- closed, rubbish, too late, restart
 *   (!keep_trying)   (on_finish: callbacks of pending commands, then on_down)
 *
 * Everything that can end a connection calls end_later(), which takes notes; the callbacks come
 * from on_finish, an event of its own.  So no call of ours runs a callback, and a callback may
 * call anything here, redis_link_free included: callbacks from libevent hold the link.
 *
 * PING ends the login because a kernel accepts connections for a stopped process: a link is up
 * when Redis has answered, not when a socket is open. */
#include "state/redis_link.h"

#include "base/clock.h"
#include "base/rand.h"
#include "state/redis_backoff.h"
#include "state/redis_dial.h"
#include "state/redis_format.h"
#include "state/redis_push.h"
#include "state/redis_queue.h"
#include "state/redis_reply.h"

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

enum link_state { LINK_IDLE, LINK_WAITING, LINK_CONNECTING, LINK_UP, LINK_ENDING };

struct redis_link {
    struct redis_link_conf conf;
    struct redis_link_ops ops;
    void *arg;
    char *name;
    struct event_base *base;
    int refs;   /* one of the owner, one per libevent callback that runs */
    bool freed; /* by the owner: no callback any more */
    enum link_state state;
    struct event *timer;  /* what it means depends on the state */
    struct event *finish; /* activated by end_later */
    char why[256];        /* of ENDING */
    struct rand rand;

    unsigned tries;    /* rotates through a name's addresses */
    unsigned failures; /* connections lost or not made, since one lasted */
    int64_t up_since_ms;
    struct redis_dial *dial;
    struct bufferevent *bev;
    struct redis_reply *decoder;

    struct redis_queue queue;
    bool subscribed;
    int unconfirmed; /* channels */
    int64_t confirm_by_ms;
};

static void hold(struct redis_link *l)
{
    l->refs++;
}

static void drop(struct redis_link *l)
{
    if (--l->refs > 0)
        return;
    redis_url_release(&l->conf.url);
    free(l->name);
    free(l);
}

static void arm(struct redis_link *l, int64_t ms)
{
    struct timeval tv;

    if (ms < 0)
        ms = 0;
    tv.tv_sec = ms / 1000;
    tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
    if (event_add(l->timer, &tv) < 0)
        abort();
}

static bool is_open(const struct redis_link *l)
{
    return !l->freed && (l->state == LINK_CONNECTING || l->state == LINK_UP);
}

static void end_later(struct redis_link *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void end_later(struct redis_link *l, const char *fmt, ...)
{
    va_list ap;

    if (!is_open(l))
        return;
    va_start(ap, fmt);
    vsnprintf(l->why, sizeof(l->why), fmt, ap);
    va_end(ap);
    l->state = LINK_ENDING;
    if (l->bev != NULL)
        bufferevent_disable(l->bev, EV_READ | EV_WRITE);
    event_del(l->timer);
    event_active(l->finish, 0, 0);
}

static void close_connection(struct redis_link *l)
{
    redis_dial_free(l->dial);
    l->dial = NULL;
    if (l->bev != NULL)
        bufferevent_free(l->bev);
    l->bev = NULL;
    redis_reply_free(l->decoder);
    l->decoder = NULL;
    l->subscribed = false;
    l->unconfirmed = 0;
    l->confirm_by_ms = 0;
}

/* No callback finds the queue half gone: a link without a connection has none. */
static void lose_queue(struct redis_link *l, const char *why)
{
    struct redis_queue lost = l->queue;

    l->queue = (struct redis_queue){0};
    while (redis_queue_lose(&lost, l->freed ? NULL : why))
        ;
}

static void plan_next_try(struct redis_link *l)
{
    if (l->up_since_ms != 0 && clock_mono_ms() - l->up_since_ms >= l->conf.backoff_max_ms)
        l->failures = 0;
    l->up_since_ms = 0;
    if (l->conf.keep_trying) {
        arm(l, redis_backoff_ms(l->conf.backoff_ms, l->conf.backoff_max_ms, l->failures,
                                &l->rand));
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
    char why[sizeof(l->why)];

    (void)fd, (void)what;
    hold(l);
    memcpy(why, l->why, sizeof(why));
    close_connection(l);
    plan_next_try(l); /* before any callback, so each finds the link in a settled state */
    lose_queue(l, why);
    if (!l->freed)
        l->ops.on_down(l->arg, why);
    drop(l);
}

/* ---- sending ---- */

static int write_command(struct redis_link *l, int argc, const char *const *argv,
                         const size_t *lens)
{
    return redis_format_send(l->bev, l->conf.output_max_bytes, argc, argv, lens);
}

int redis_link_send_owned(struct redis_link *l, int argc, const char *const *argv,
                          const size_t *lens, redis_link_reply_cb *cb, void *arg,
                          void (*release)(void *arg))
{
    assert(cb != NULL);
    if (!redis_link_is_up(l) || l->subscribed || l->queue.n >= l->conf.inflight_max ||
        write_command(l, argc, argv, lens) < 0)
        return -1;
    bool first = l->queue.waiting == NULL; /* the timer may be set for late ones, far behind */
    redis_queue_add(&l->queue, cb, arg, release, clock_mono_ms() + l->conf.command_timeout_ms);
    if (first)
        arm(l, l->conf.command_timeout_ms);
    return 0;
}

int redis_link_send(struct redis_link *l, int argc, const char *const *argv, const size_t *lens,
                    redis_link_reply_cb *cb, void *arg)
{
    return redis_link_send_owned(l, argc, argv, lens, cb, arg, NULL);
}

int redis_link_subscribe(struct redis_link *l, const char *channel)
{
    const char *argv[] = {"SUBSCRIBE", channel};

    if (!redis_link_is_up(l) || write_command(l, 2, argv, NULL) < 0)
        return -1;
    l->subscribed = true;
    l->unconfirmed++;
    l->confirm_by_ms = clock_mono_ms() + l->conf.connect_timeout_ms;
    if (!event_pending(l->timer, EV_TIMEOUT, NULL))
        arm(l, l->conf.connect_timeout_ms);
    return 0;
}

/* ---- receiving ---- */

static void take_push(struct redis_link *l, const struct redisReply *r)
{
    enum redis_push kind = redis_push_of(r);
    char text[REDIS_ERROR_TEXT_MAX];

    if (r->type == REDIS_REPLY_ERROR) {
        end_later(l, "Redis refused SUBSCRIBE: %s",
                  redis_error_text(r, l->conf.url.password, text));
        return;
    }
    if (kind == REDIS_PUSH_NONE || (kind == REDIS_PUSH_CONFIRMED && l->unconfirmed == 0)) {
        end_later(l, "Redis sent what is no subscription message");
        return;
    }
    if (kind == REDIS_PUSH_CONFIRMED && --l->unconfirmed == 0)
        l->confirm_by_ms = 0;
    if (l->ops.on_push != NULL)
        l->ops.on_push(l->arg, r);
}

static void take_reply(struct redis_link *l, const struct redisReply *r)
{
    if (redis_queue_answer(&l->queue, r))
        return;
    if (l->subscribed)
        take_push(l, r);
    else
        end_later(l, "Redis sent a reply to no command");
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct redis_link *l = arg;
    struct evbuffer *in = bufferevent_get_input(bev);

    hold(l);
    while (is_open(l) && evbuffer_get_length(in) > 0) {
        size_t len = evbuffer_get_contiguous_space(in), used;

        if (len == 0)
            len = 1; /* an empty chunk in front: have the next one moved up */
        const char *data = (const char *)evbuffer_pullup(in, (ev_ssize_t)len), *why = NULL;
        struct redisReply *r;
        enum redis_reply_verdict v = redis_reply_feed(l->decoder, data, len, &used, &r, &why);

        evbuffer_drain(in, used);
        if (v == REDIS_REPLY_BAD)
            end_later(l, "Redis sent %s", why);
        else if (v == REDIS_REPLY_DONE)
            take_reply(l, r);
        if (r != NULL)
            freeReplyObject(r);
    }
    drop(l);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & BEV_EVENT_EOF)
        end_later(arg, "connection closed by Redis");
    else
        end_later(arg, "connection broken: %s",
                  evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

/* ---- connecting ---- */

static void expect_ok(struct redis_link *l, const struct redisReply *r, const char *what)
{
    char text[REDIS_ERROR_TEXT_MAX];

    if (r != NULL && r->type != REDIS_REPLY_STATUS)
        end_later(l, "Redis refused %s: %s", what,
                  redis_error_text(r, l->conf.url.password, text));
}

static void on_auth(void *arg, const struct redisReply *r, const char *why)
{
    (void)why;
    expect_ok(arg, r, "AUTH");
}

static void on_select(void *arg, const struct redisReply *r, const char *why)
{
    (void)why;
    expect_ok(arg, r, "SELECT");
}

/* The name is for people only: an ACL without it, or an odd name, costs nothing else. */
static void on_setname(void *arg, const struct redisReply *r, const char *why)
{
    (void)arg, (void)r, (void)why;
}

static void on_ping(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_link *l = arg;
    char text[REDIS_ERROR_TEXT_MAX];

    (void)why;
    if (r == NULL || !is_open(l))
        return;
    switch (redis_error_of(r)) {
    case REDIS_ERROR_NONE:
    case REDIS_ERROR_LOADING: /* these speak of commands, not of the connection: */
    case REDIS_ERROR_BUSY:    /* the first command will be told as well */
    case REDIS_ERROR_MISCONF:
    case REDIS_ERROR_NOPERM:
        break;
    case REDIS_ERROR_NOAUTH:
        end_later(l, "Redis wants a password and the URL has none");
        return;
    default:
        end_later(l, "Redis refused PING: %s", redis_error_text(r, l->conf.url.password, text));
        return;
    }
    event_del(l->timer);
    l->state = LINK_UP;
    l->up_since_ms = clock_mono_ms();
    l->ops.on_up(l->arg);
}

static int send_step(struct redis_link *l, int argc, const char *const *argv,
                     redis_link_reply_cb *cb)
{
    if (write_command(l, argc, argv, NULL) < 0)
        return -1;
    redis_queue_add(&l->queue, cb, l, NULL, 0); /* the try as a whole has a deadline */
    return 0;
}

/* Everything at once: Redis takes it in order, and the first refusal ends it. */
static int send_login(struct redis_link *l)
{
    const struct redis_url *u = &l->conf.url;
    bool with_user = u->user[0] != '\0';
    char db[16];
    const char *auth[] = {"AUTH", with_user ? u->user : u->password, u->password};
    const char *select_db[] = {"SELECT", db};
    const char *setname[] = {"CLIENT", "SETNAME", l->name};
    const char *ping[] = {"PING"};

    snprintf(db, sizeof(db), "%d", u->db);
    if (u->password[0] != '\0' && send_step(l, with_user ? 3 : 2, auth, on_auth) < 0)
        return -1;
    if (u->db != 0 && send_step(l, 2, select_db, on_select) < 0)
        return -1;
    if (l->name != NULL && send_step(l, 3, setname, on_setname) < 0)
        return -1;
    return send_step(l, 1, ping, on_ping);
}

static void on_dialed(void *arg, int fd, const char *why)
{
    struct redis_link *l = arg;

    if (fd < 0) {
        end_later(l, "%s", why);
        return;
    }
    redis_dial_free(l->dial);
    l->dial = NULL;
    l->bev = bufferevent_socket_new(l->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (l->bev == NULL)
        abort(); /* out of memory for a control object */
    l->decoder = redis_reply_new();
    bufferevent_setcb(l->bev, on_read, NULL, on_event, l);
    if (bufferevent_enable(l->bev, EV_READ | EV_WRITE) < 0 || send_login(l) < 0)
        end_later(l, "cannot send the login: the output cap is too small");
}

static void start_try(struct redis_link *l)
{
    l->state = LINK_CONNECTING;
    l->dial = redis_dial_new(l->base, &l->conf.url, NULL, l->tries++, on_dialed, l);
    arm(l, l->conf.connect_timeout_ms);
}

static void arm_next_deadline(struct redis_link *l, int64_t now_ms)
{
    int64_t at_ms = redis_queue_next_ms(&l->queue, REDIS_LINK_LATE_MAX_MS);

    if (l->confirm_by_ms != 0 && l->confirm_by_ms < at_ms)
        at_ms = l->confirm_by_ms;
    if (at_ms != INT64_MAX)
        arm(l, at_ms - now_ms);
}

static void check_deadlines(struct redis_link *l)
{
    int64_t now_ms = clock_mono_ms(), late_ms;
    char why[64];

    snprintf(why, sizeof(why), "deadline of %lld ms passed",
             (long long)l->conf.command_timeout_ms);
    while (is_open(l) && redis_queue_expire(&l->queue, now_ms, why))
        ;
    if (!is_open(l))
        return;
    late_ms = redis_queue_late_ms(&l->queue, now_ms);
    if (l->queue.n_late > REDIS_LINK_LATE_MAX || late_ms >= REDIS_LINK_LATE_MAX_MS)
        end_later(l, "no answer for %lld ms",
                  (long long)(late_ms + l->conf.command_timeout_ms));
    else if (l->confirm_by_ms != 0 && l->confirm_by_ms <= now_ms)
        end_later(l, "no answer to SUBSCRIBE within %lld ms",
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
        start_try(l);
    else if (l->state == LINK_CONNECTING)
        end_later(l, "%s within %lld ms",
                  l->bev == NULL ? "no connection" : "no answer to the login",
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

    assert(conf->command_timeout_ms > 0 && conf->connect_timeout_ms > 0);
    assert(conf->backoff_ms >= 0 && conf->backoff_max_ms >= conf->backoff_ms);
    l->conf = *conf;
    l->conf.name = NULL;
    l->name = conf->name != NULL ? xstrdup(conf->name) : NULL;
    l->ops = *ops;
    l->arg = arg;
    l->base = base;
    l->refs = 1;
    rand_init_os(&l->rand);
    l->timer = event_new(base, -1, 0, on_timer, l);
    l->finish = event_new(base, -1, 0, on_finish, l);
    if (l->timer == NULL || l->finish == NULL)
        abort();
    return l;
}

void redis_link_start(struct redis_link *l)
{
    if (l->state != LINK_IDLE)
        return;
    l->state = LINK_WAITING;
    arm(l, 0);
}

void redis_link_free(struct redis_link *l)
{
    if (l == NULL)
        return;
    if (redis_link_is_up(l))
        redis_format_flush(l->bev);
    l->freed = true;
    close_connection(l);
    event_free(l->timer);
    event_free(l->finish);
    l->timer = l->finish = NULL;
    lose_queue(l, NULL);
    drop(l);
}

bool redis_link_is_up(const struct redis_link *l)
{
    return !l->freed && l->state == LINK_UP;
}

void redis_link_restart(struct redis_link *l, const char *why)
{
    end_later(l, "%s", why);
}
