/* sentinel.c - which Redis is the master now, and when it becomes another one.
 *
 * Both the question and the ear are links to a Sentinel, which speaks Redis' protocol: all of a
 * link's bounds hold for what a Sentinel may do to us.
 */
#include "redis/sentinel.h"

#include "redis/value.h"

#include <assert.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The Sentinels of a URL as plain servers: [first] in front. */
static void take_sentinels(struct redis_url *out, const struct redis_url *from, size_t first)
{
    size_t n = redis_url_count(from);
    struct redis_node node = redis_url_node(from, first % n);

    *out = *from;
    out->master[0] = '\0';
    out->db = 0;
    memcpy(out->host, node.host, sizeof(out->host));
    out->port = node.port;
    for (size_t i = 1; i < n; i++)
        out->others[i - 1] = redis_url_node(from, (first + i) % n);
}

static struct redis_link_conf conf_of(const struct redis_link_conf *from, size_t first)
{
    struct redis_link_conf conf = {
        .tls = from->tls,
        .name = from->name,
        .connect_timeout_ms = from->connect_timeout_ms,
        .backoff_ms = from->backoff_ms,
        .backoff_max_ms = from->backoff_max_ms,
        .output_max_bytes = (size_t)64 << 10,
        .auth_if_asked = true,
    };

    take_sentinels(&conf.url, &from->url, first);
    return conf;
}

/* ---- the question ---- */

struct redis_sentinel {
    struct event_base *base;
    struct redis_link_conf conf; /* the asker's; its strings are not read later */
    redis_sentinel_cb *cb;
    void *arg;
    size_t next, left; /* the Sentinel to ask, and how many are left */
    struct redis_link *link;
    struct redis_owner *owner;
    enum redis_error cause; /* of the last one that did not know */
    char why[256];
};

static void ask_next(struct redis_sentinel *s);

int64_t redis_sentinel_share_ms(const struct redis_link_conf *conf)
{
    return conf->connect_timeout_ms / (int64_t)redis_url_count(&conf->url) + 1;
}

static void finish(struct redis_sentinel *s, const struct redis_node *node)
{
    char why[512];

    snprintf(why, sizeof(why), "no Sentinel says where '%s' is: %s", s->conf.url.master,
             s->why);
    s->cb(s->arg, node, (s->next + redis_url_count(&s->conf.url) - 1), s->cause, why);
}

static void note(struct redis_sentinel *s, enum redis_error cause, const char *what)
{
    struct redis_node at =
        redis_url_node(&s->conf.url, (s->next - 1) % redis_url_count(&s->conf.url));
    char text[REDIS_NODE_TEXT_MAX];

    redis_node_show(&at, text);
    s->cause = cause;
    snprintf(s->why, sizeof(s->why), "%.120s: %.120s", text, what);
}

static void give_up_on_it(struct redis_sentinel *s)
{
    if (s->left > 0)
        ask_next(s);
    else
        finish(s, NULL);
}

static void on_address(void *arg, const struct redisReply *r, const char *why)
{
    struct redis_sentinel *s = arg;
    char text[REDIS_ERROR_TEXT_MAX];
    struct redis_node node;

    if (r == NULL) {
        if (!redis_link_is_up(s->link))
            return; /* on_down says so next */
        note(s, REDIS_ERROR_NONE, why);
        give_up_on_it(s);
        return;
    }
    if (redis_value_count(r) == 2 &&
        redis_node_set(&node, redis_value_text(redis_value_at(r, 0)),
                       redis_value_text(redis_value_at(r, 1)))) {
        finish(s, &node);
        return;
    }
    if (r->type == REDIS_REPLY_NIL)
        note(s, REDIS_ERROR_NONE, "it watches no master of that name");
    else
        note(s, redis_error_of(r), redis_error_text(r, s->conf.url.password, text));
    give_up_on_it(s);
}

static void on_ask_up(void *arg)
{
    struct redis_sentinel *s = arg;
    const char *argv[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", s->conf.url.master};

    if (redis_link_send(s->owner, (int)ARRAY_LEN(argv), argv, NULL, on_address, s) < 0)
        redis_link_restart(s->link, "the question could not be sent");
}

static void on_ask_down(void *arg, enum redis_error cause, const char *why)
{
    struct redis_sentinel *s = arg;

    note(s, cause, why);
    give_up_on_it(s);
}

static void ask_next(struct redis_sentinel *s)
{
    static const struct redis_link_ops ops = {.on_up = on_ask_up, .on_down = on_ask_down};
    struct redis_link_conf conf = conf_of(&s->conf, s->next);

    s->next++;
    s->left--;
    conf.url.n_others = 0;
    conf.connect_timeout_ms = redis_sentinel_share_ms(&s->conf);
    redis_link_free(s->link);
    s->link = redis_link_new(s->base, &conf, &ops, s);
    s->owner = redis_link_owner_new(
        s->link, &(struct redis_owner_conf){"sentinel", 1, conf.connect_timeout_ms});
    redis_url_release(&conf.url);
    redis_link_start(s->link);
}

struct redis_sentinel *redis_sentinel_ask(struct event_base *base,
                                          const struct redis_link_conf *conf, size_t first,
                                          redis_sentinel_cb *cb, void *arg)
{
    struct redis_sentinel *s = xcalloc(1, sizeof(*s));

    assert(conf->url.master[0] != '\0');
    s->base = base;
    s->conf = *conf;
    s->conf.name = NULL;
    redis_tls_hold(s->conf.tls);
    s->cb = cb;
    s->arg = arg;
    s->left = redis_url_count(&conf->url);
    s->next = first % s->left;
    ask_next(s);
    return s;
}

void redis_sentinel_free(struct redis_sentinel *s)
{
    if (s == NULL)
        return;
    redis_link_free(s->link);
    redis_tls_drop(s->conf.tls);
    redis_url_release(&s->conf.url);
    free(s);
}

/* ---- the ear ---- */

#define CHANNEL "+switch-master"

struct redis_sentinel_watch {
    struct redis_link *link;
    char master[sizeof(((struct redis_url *)0)->master)];
    void (*on_switch)(void *arg, const struct redis_node *node);
    void *arg;
};

static void on_watch_up(void *arg)
{
    struct redis_sentinel_watch *w = arg;

    if (redis_link_subscribe(w->link, CHANNEL) < 0)
        redis_link_restart(w->link, "SUBSCRIBE could not be sent");
}

static void on_watch_down(void *arg, enum redis_error cause, const char *why)
{
    (void)arg, (void)cause,
        (void)why; /* the next Sentinel is tried; the master's link speaks for itself */
}

/* "name old-ip old-port new-ip new-port" */
static void on_watch_push(void *arg, const struct redisReply *r)
{
    struct redis_sentinel_watch *w = arg;
    struct str rest = redis_value_text(redis_value_at(r, 2)), words[5];
    struct redis_node node;

    if (!redis_value_is(r, "message") ||
        !str_eqz(redis_value_text(redis_value_at(r, 1)), CHANNEL))
        return;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (rest.ptr == NULL)
            return;
        words[i] = str_split(rest, ' ', &rest);
    }
    if (str_eqz(words[0], w->master) && redis_node_set(&node, words[3], words[4]))
        w->on_switch(w->arg, &node);
}

struct redis_sentinel_watch *
redis_sentinel_watch_new(struct event_base *base, const struct redis_link_conf *conf,
                         void (*on_switch)(void *arg, const struct redis_node *node), void *arg)
{
    static const struct redis_link_ops ops = {
        .on_up = on_watch_up, .on_down = on_watch_down, .on_push = on_watch_push};
    struct redis_sentinel_watch *w = xcalloc(1, sizeof(*w));
    struct redis_link_conf mine = conf_of(conf, 0);

    mine.keep_trying = true;
    memcpy(w->master, conf->url.master, sizeof(w->master));
    w->on_switch = on_switch;
    w->arg = arg;
    w->link = redis_link_new(base, &mine, &ops, w);
    redis_url_release(&mine.url);
    redis_link_start(w->link);
    return w;
}

void redis_sentinel_watch_free(struct redis_sentinel_watch *w)
{
    if (w == NULL)
        return;
    redis_link_free(w->link);
    free(w);
}
