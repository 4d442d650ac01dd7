/* redis_link_try.c - one try to connect: dial, TLS, login.
 *
 * PING ends the login because a kernel accepts connections for a stopped process: a link is up
 * when Redis has answered, not when a socket is open.  The deadline of the try is the link's
 * timer: nothing here waits on its own. */
#include "state/redis_link_impl.h"

#include "base/clock.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- login ---- */

static void expect_ok(struct redis_link *l, const struct redisReply *r, const char *what)
{
    char text[REDIS_ERROR_TEXT_MAX];

    if (r != NULL && r->type != REDIS_REPLY_STATUS)
        redis_link_end(l, "Redis refused %s: %s", what,
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
    if (r == NULL || !redis_link_is_open(l))
        return;
    switch (redis_error_of(r)) {
    case REDIS_ERROR_NONE:
    case REDIS_ERROR_LOADING: /* these speak of commands, not of the connection: */
    case REDIS_ERROR_BUSY:    /* the first command will be told as well */
    case REDIS_ERROR_MISCONF:
    case REDIS_ERROR_NOPERM:
        break;
    case REDIS_ERROR_NOAUTH:
        redis_link_end(l, "Redis wants a password and the URL has none");
        return;
    default:
        redis_link_end(l, "Redis refused PING: %s",
                       redis_error_text(r, l->conf.url.password, text));
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
    if (redis_link_write(l, argc, argv, NULL) < 0)
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

/* ---- connection ---- */

void redis_link_secured(struct redis_link *l)
{
    l->in_handshake = false;
    if (l->state == LINK_CONNECTING && send_login(l) < 0)
        redis_link_end(l, "cannot send the login: the output cap is too small");
}

static void on_dialed(void *arg, int fd, const char *why)
{
    struct redis_link *l = arg;

    if (fd < 0) {
        redis_link_end(l, "%s", why);
        return;
    }
    redis_dial_free(l->dial);
    l->dial = NULL;
    l->in_handshake = l->conf.url.tls;
    l->bev = l->in_handshake ? redis_tls_connect(l->conf.tls, l->base, fd, l->at.host)
                             : bufferevent_socket_new(l->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (l->bev == NULL)
        abort(); /* out of memory for a control object */
    redis_link_listen(l);
    if (!l->in_handshake)
        redis_link_secured(l);
}

void redis_link_try(struct redis_link *l)
{
    size_t n = redis_url_count(&l->conf.url);
    struct redis_url url = l->conf.url;
    unsigned number = l->tries++;

    l->state = LINK_CONNECTING;
    l->at = redis_url_node(&l->conf.url, number % n);
    memcpy(url.host, l->at.host, sizeof(url.host));
    url.port = l->at.port;
    l->dial = redis_dial_new(l->base, &url, NULL, number / (unsigned)n, on_dialed, l);
    redis_url_release(&url);
    redis_link_arm(l, l->conf.connect_timeout_ms);
}
