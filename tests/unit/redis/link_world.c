/* link_world.c - a link, an event loop, and what the link told its owner. */
#include "link_world.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LIMIT_MS 30000

static void note(struct world *w, char kind)
{
    size_t n = strlen(w->order);

    cr_assert(!w->inside, "'%c' came inside a call", kind);
    if (n + 1 < sizeof(w->order)) {
        w->order[n] = kind;
        w->order[n + 1] = '\0';
    }
    if (w->free_at == kind) {
        redis_link_free(w->link);
        w->link = NULL;
    }
}

static void say(struct world *w, const struct redisReply *r)
{
    size_t n = strlen(w->said);

    if (r->type == REDIS_REPLY_INTEGER)
        snprintf(w->said + n, sizeof(w->said) - n, "%lld ", r->integer);
    else if (r->type == REDIS_REPLY_NIL)
        snprintf(w->said + n, sizeof(w->said) - n, "nil ");
    else if (r->type != REDIS_REPLY_ARRAY)
        snprintf(w->said + n, sizeof(w->said) - n, "%s ", r->str);
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        if (r->element[i]->type != REDIS_REPLY_ARRAY)
            say(w, r->element[i]);
}

static void on_up(void *arg)
{
    struct world *w = arg;

    w->ups++;
    note(w, 'u');
    if (w->on_up != NULL)
        w->on_up(w);
}

static void on_down(void *arg, enum redis_error cause, const char *why)
{
    struct world *w = arg;

    w->downs++;
    w->cause = cause;
    snprintf(w->why, sizeof(w->why), "%s", why);
    note(w, 'd');
}

static void on_push(void *arg, const struct redisReply *r)
{
    struct world *w = arg;

    w->pushes++;
    say(w, r);
    note(w, 'p');
}

void world_on_reply(void *arg, const struct redisReply *r, const char *why)
{
    struct world *w = arg;

    if (r != NULL) {
        w->replies++;
        say(w, r);
        note(w, 'r');
        return;
    }
    w->lost++;
    snprintf(w->lost_why, sizeof(w->lost_why), "%s", why);
    note(w, 'l');
}

void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->owner_conf = (struct redis_owner_conf){"test", 10000, 5000};
    signal(SIGPIPE, SIG_IGN);
    w->base = event_base_new();
    cr_assert_not_null(w->base);
}

void world_release(struct world *w)
{
    redis_link_free(w->link);
    event_base_loop(w->base, EVLOOP_NONBLOCK);
    event_base_free(w->base);
}

struct redis_link_conf world_conf(const char *url)
{
    struct redis_link_conf conf = {.connect_timeout_ms = 5000,
                                   .backoff_ms = 1,
                                   .backoff_max_ms = 20,
                                   .output_max_bytes = 4u << 20,
                                   .keep_trying = true};
    struct err err = {0};

    cr_assert_eq(redis_url_parse(&conf.url, url, &err), 0, "%s", err.msg);
    return conf;
}

void world_link(struct world *w, const struct redis_link_conf *conf)
{
    static const struct redis_link_ops ops = {on_up, on_down, on_push};

    w->link = redis_link_new(w->base, conf, &ops, w);
    w->owner = redis_link_owner_new(w->link, &w->owner_conf);
    w->inside = true;
    redis_link_start(w->link);
    w->inside = false;
}

void world_wait(struct world *w, bool (*until)(const struct world *w))
{
    int64_t end_ms = clock_mono_ms() + LIMIT_MS;
    struct timeval tick = {.tv_usec = 20000};

    while (!until(w)) {
        cr_assert(clock_mono_ms() < end_ms, "waited 30 s in vain; events '%s', why '%s'",
                  w->order, w->why);
        event_base_loopexit(w->base, &tick);
        event_base_loop(w->base, EVLOOP_ONCE);
    }
}

void world_idle(struct world *w, int ms)
{
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};

    event_base_loopexit(w->base, &tv);
    event_base_dispatch(w->base);
}

int world_send(struct world *w, const char *text)
{
    const char *argv[16];
    char copy[512], *rest = copy;
    int argc = 0, rc;

    snprintf(copy, sizeof(copy), "%s", text);
    for (char *word; (word = strsep(&rest, " ")) != NULL && argc < 16;)
        argv[argc++] = word;
    w->inside = true;
    rc = redis_link_send(w->owner, argc, argv, NULL, world_on_reply, w);
    w->inside = false;
    return rc;
}

bool world_is_up(const struct world *w)
{
    return w->ups > 0;
}

bool world_is_down(const struct world *w)
{
    return w->downs > 0;
}

bool world_has_reply(const struct world *w)
{
    return w->replies > 0;
}

bool world_has_lost(const struct world *w)
{
    return w->lost > 0;
}

bool world_has_push(const struct world *w)
{
    return w->pushes > 0;
}
