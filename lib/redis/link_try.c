/* link_try.c - one try to connect: dial, TLS, login.
 *
 * PING ends the login because a kernel accepts connections for a stopped process: a link is up
 * when Redis has answered, not when a socket is open.  The deadline of the try is the link's
 * timer: nothing here waits on its own. */
#include "redis/link_impl.h"

#include "base/clock.h"
#include "redis/value.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REDIRECTS_MAX 3 /* of one node: those that disagree could send us in circles */
#define SHARES_MIN    4 /* a place that is tried has at least this part of the time */

/* Dials another node within the same try.  Later: the connection that said so is still read. */
static void redirect(struct redis_link *l, const struct redis_node *to)
{
    char text[REDIS_NODE_TEXT_MAX];

    redis_node_show(to, text);
    if (++l->redirects > REDIRECTS_MAX) {
        redis_link_end(l, "the Cluster's nodes send us in circles, last to %s", text);
        return;
    }
    l->told = *to;
    redis_link_end(l, "MOVED to %s", text);
    l->then = LINK_THEN_REDIRECT;
}

/* The node lives and is no help: the next place, if there is one. */
static void pass_over(struct redis_link *l, enum redis_error cause, const char *why)
{
    redis_link_end_for(l, cause, "%s", why);
    l->then = l->nodes_left > 0 ? LINK_THEN_NEXT : LINK_THEN_SAY;
}

/* ---- login ---- */

static void expect_ok(struct redis_link *l, const struct redisReply *r, const char *what)
{
    char text[REDIS_ERROR_TEXT_MAX];

    if (r != NULL && r->type != REDIS_REPLY_STATUS)
        redis_link_end_for(l, redis_error_of(r), "Redis refused %s: %s", what,
                           redis_error_text(r, l->conf.url.password, text));
}

static void on_auth(void *arg, const struct redisReply *r, const char *why)
{
    (void)why;
    expect_ok(arg, r, "AUTH");
}

static void on_select(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_link *l = arg;

    (void)why;
    if (redis_error_of(r) == REDIS_ERROR_NO_DB)
        redis_link_end_for(l, REDIS_ERROR_NO_DB,
                           "a Redis Cluster has database 0 only, and the URL says %d",
                           l->conf.url.db);
    else
        expect_ok(l, r, "SELECT");
}

/* The name is for people only: an ACL without it, or an odd name, costs nothing else. */
static void on_setname(void *arg, const struct redisReply *r, const char *why)
{
    (void)arg, (void)r, (void)why;
}

/* Of a server that Sentinel named: a failover may be on its way through them. */
static void on_role(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_link *l = arg;
    char text[REDIS_ERROR_TEXT_MAX], node[REDIS_NODE_TEXT_MAX];

    (void)why;
    if (r == NULL || redis_value_is(r, "master") || redis_error_of(r) == REDIS_ERROR_NOAUTH)
        return; /* PING hears of a missing password too, and knows more */
    redis_node_show(&l->at, node);
    if (redis_error_of(r) == REDIS_ERROR_NONE)
        redis_link_end(l, "Sentinel named %s, which is no master (a failover is going on?)",
                       node);
    else
        redis_link_end_for(l, redis_error_of(r),
                           "%s refused ROLE (behind Sentinel the user needs +role): %s", node,
                           redis_error_text(r, l->conf.url.password, text));
}

static void on_info(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_link *l = arg;

    (void)why;
    if (redis_cluster_is_one(r))
        l->in_cluster = true;
}

/* MOVED: follows it, but not to where nobody answered a moment ago. */
static void follow(struct redis_link *l, const struct redis_node *to)
{
    char text[REDIS_NODE_TEXT_MAX], why[REDIS_NODE_TEXT_MAX + 64];

    l->in_cluster = l->key != NULL;
    if (!redis_node_equal(to, &l->dead)) {
        redirect(l, to);
        return;
    }
    redis_node_show(to, text);
    snprintf(why, sizeof(why), "MOVED to %s, which does not answer", text);
    pass_over(l, REDIS_ERROR_MOVED, why);
}

/* Where no place is left, and from the node that another one named, any other answer is for
 * the first command to get. */
static void on_key(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_link *l = arg;
    char text[REDIS_ERROR_TEXT_MAX];
    struct redis_node node;

    (void)why;
    if (r == NULL || !redis_link_is_open(l))
        return;
    if (redis_error_moved(r, &l->at, &node))
        follow(l, &node);
    else if (redis_link_is_elsewhere(redis_error_of(r)) && l->redirects == 0 &&
             l->nodes_left > 0)
        pass_over(l, redis_error_of(r), redis_error_text(r, l->conf.url.password, text));
    else
        l->serves = redis_error_of(r) == REDIS_ERROR_NONE;
}

static int send_step(struct redis_link *l, int argc, const char *const *argv,
                     redis_reply_cb *cb);
static int send_auth(struct redis_link *l);
static int send_ping(struct redis_link *l);

/* A server that was not given the login asks for it. */
static bool ask_auth(struct redis_link *l)
{
    if (!l->conf.auth_if_asked || l->asked_auth || l->conf.url.password[0] == '\0')
        return false;
    l->asked_auth = true;
    if (send_auth(l) < 0 || send_ping(l) < 0)
        redis_link_end(l, "cannot send the login: the output cap is too small");
    return true;
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
        if (!ask_auth(l))
            redis_link_end_for(l, REDIS_ERROR_NOAUTH,
                               "Redis wants a password and the URL has none");
        return;
    default:
        redis_link_end_for(l, redis_error_of(r), "Redis refused PING: %s",
                           redis_error_text(r, l->conf.url.password, text));
        return;
    }
    event_del(l->timer);
    l->told_tries = l->conf.url.master[0] == '\0' && redis_node_equal(&l->at, &l->told) ? 1 : 0;
    l->state = LINK_UP;
    l->up_since_ms = clock_mono_ms();
    redis_link_learn(l);
    l->ops.on_up(l->arg);
}

static int send_step(struct redis_link *l, int argc, const char *const *argv,
                     redis_reply_cb *cb)
{
    if (redis_link_write(l, argc, argv, NULL) < 0)
        return -1;
    redis_queue_add(&l->queue, l->login, cb, l, NULL,
                    0); /* the try as a whole has a deadline */
    return 0;
}

static int send_auth(struct redis_link *l)
{
    const struct redis_url *u = &l->conf.url;
    bool with_user = u->user[0] != '\0';
    const char *auth[] = {"AUTH", with_user ? u->user : u->password, u->password};

    return send_step(l, with_user ? 3 : 2, auth, on_auth);
}

static int send_ping(struct redis_link *l)
{
    const char *ping[] = {"PING"};

    return send_step(l, 1, ping, on_ping);
}

/* Everything at once: Redis takes it in order, and the first refusal ends it. */
static int send_login(struct redis_link *l)
{
    const struct redis_url *u = &l->conf.url;
    char db[16];
    const char *select_db[] = {"SELECT", db};
    const char *setname[] = {"CLIENT", "SETNAME", l->name};
    const char *role[] = {"ROLE"};
    const char *hget[] = {"HGET", l->key, "gen"};
    const char *info[] = {"INFO", "cluster"};
    bool unknown = l->key != NULL && !l->in_cluster && u->master[0] == '\0';

    snprintf(db, sizeof(db), "%d", u->db);
    if (u->password[0] != '\0' && !l->conf.auth_if_asked && send_auth(l) < 0)
        return -1;
    if (u->db != 0 && send_step(l, 2, select_db, on_select) < 0)
        return -1;
    if (l->name != NULL && send_step(l, 3, setname, on_setname) < 0)
        return -1;
    if (u->master[0] != '\0' && !l->pinned && send_step(l, 1, role, on_role) < 0)
        return -1;
    if (l->key != NULL && send_step(l, 3, hget, on_key) < 0)
        return -1;
    if (unknown && send_step(l, 2, info, on_info) < 0)
        return -1;
    return send_ping(l);
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
        if (!redis_link_try_next(l, true))
            redis_link_end(l, "%s", why);
        return;
    }
    redis_dial_free(l->dial);
    l->dial = NULL;
    l->in_handshake = l->conf.url.tls;
    l->bev = l->in_handshake ? redis_tls_connect(l->conf.tls, l->base, fd, l->at.host)
                             : bufferevent_socket_new(l->base, fd, BEV_OPT_CLOSE_ON_FREE);
    if (l->bev == NULL) {
        close(fd);
        redis_link_end(l, "this host has no memory left for a connection");
        return;
    }
    redis_link_listen(l);
    if (!l->in_handshake)
        redis_link_secured(l);
}

static void dial(struct redis_link *l, const struct redis_node *node, unsigned first)
{
    struct redis_url url = l->conf.url;
    size_t named = redis_url_count(&url), share = l->nodes_left + 1;
    size_t most = named > SHARES_MIN ? named : SHARES_MIN;

    if (share > most)
        share = most;
    l->state = LINK_CONNECTING;
    l->serves = false;
    l->at = *node;
    if (node->host[0] != '\0') {
        url.is_unix = false;
        memcpy(url.host, node->host, sizeof(url.host));
        url.port = node->port;
    }
    l->dial = redis_dial_new(l->base, &url, NULL, first, on_dialed, l);
    redis_url_release(&url);
    redis_link_arm(l, (l->conf.connect_timeout_ms + (int64_t)share - 1) / (int64_t)share);
}

bool redis_link_try_next(struct redis_link *l, bool dead)
{
    size_t named = redis_url_count(&l->conf.url), step = redis_link_places(l) - l->nodes_left;
    struct redis_node node;

    if (l->nodes_left == 0)
        return false;
    redis_link_close(l);
    redis_link_lose(l, NULL);
    if (dead)
        l->dead = l->at;
    l->redirects = 0;
    l->nodes_left--;
    node = redis_link_place(l, step, l->nodes_from);
    dial(l, &node, step < named ? l->nodes_from / (unsigned)named : 0);
    return true;
}

bool redis_link_try_goes_on(struct redis_link *l)
{
    if (l->then == LINK_THEN_REDIRECT) {
        redis_link_lose(l, NULL);
        dial(l, &l->told, 0);
        return true;
    }
    return l->then == LINK_THEN_NEXT && redis_link_try_next(l, l->cause == REDIS_ERROR_NONE);
}

static void on_found(void *arg, const struct redis_node *node, size_t from,
                     enum redis_error cause, const char *why)
{
    struct redis_link *l = arg;

    l->sentinel = from;
    if (node == NULL) {
        l->sentinel++; /* and another one first, next time */
        redis_link_end_for(l, cause, "%s", why);
        return;
    }
    redis_sentinel_free(l->finder);
    l->finder = NULL;
    dial(l, node, 0);
}

void redis_link_try(struct redis_link *l)
{
    const struct redis_url *u = &l->conf.url;
    bool told = l->pinned || l->told_tries > 0;
    struct redis_node node = l->told;

    l->state = LINK_CONNECTING;
    l->redirects = 0;
    l->dead = (struct redis_node){.host = ""};
    l->nodes_from = l->tries++;
    l->nodes_left = l->pinned || u->master[0] != '\0' ? 0 : redis_link_places(l);
    if (told) {
        l->told_tries -= l->pinned ? 0 : 1;
        dial(l, &node, l->nodes_from);
    } else if (u->master[0] != '\0') {
        redis_link_arm(l,
                       redis_sentinel_share_ms(&l->conf) * (int64_t)(redis_url_count(u) + 1));
        l->finder = redis_sentinel_ask(l->base, &l->conf, l->sentinel, on_found, l);
    } else {
        (void)redis_link_try_next(l, false);
    }
}
