/* store_world.c - two routers in one process and one private Redis. */
#include "store_world.h"

#include "base/log.h"
#include "shared/scripts.h"

#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char *const slots[] = {"a", "b"};

static void on_slot(void *arg, size_t slot)
{
    struct store_peer *p = arg;

    cr_assert_lt(slot, 2u);
    p->slots++;
    if (p->free_on_slot) {
        shared_state_free(p->s);
        p->s = NULL;
    }
}

static void on_mode(void *arg, bool attached, const char *why)
{
    struct store_peer *p = arg;

    p->modes++;
    p->attached = attached;
    snprintf(p->why, sizeof(p->why), "%s", why);
    if (p->free_on_mode) {
        shared_state_free(p->s);
        p->s = NULL;
    }
}

static void on_probe(void *arg, const struct breakers_probe_answer *a)
{
    struct store_peer *p = arg;

    p->probes++;
    p->last = *a;
}

static void on_overruled(void *arg, size_t slot, int64_t for_ms)
{
    struct store_peer *p = arg;

    p->alone++;
    p->alone_slot = slot;
    p->alone_ms = for_ms;
}

static int lines_logged;

static void count_lines(enum log_level level, const char *line)
{
    (void)level, (void)line;
    lines_logged++;
}

int store_world_log_lines(void)
{
    return lines_logged;
}

#define RULE                                                                                   \
    {                                                                                          \
        .breaker = {.failure_threshold = 3,                                                    \
                    .failure_rate = 0,                                                         \
                    .minimum_requests = 20,                                                    \
                    .window_ms = 10000,                                                        \
                    .recovery_ms = 50,                                                         \
                    .recovery_max_ms = 1000,                                                   \
                    .forgive_ms = 60000,                                                       \
                    .half_open_max_calls = 1,                                                  \
                    .success_threshold = 1},                                                   \
        .probe_lease_ms = 10000, .trip_confirm = "second_opinion",                             \
    }
static const struct breakers_rule rules[] = {RULE, RULE};
static const struct shared_state_conf conf = {
    .fleet = "t",
    .host = "here",
    .version = "0",
    .config_digest = "c",
    .slots = slots,
    .n_slots = 2,
    .rules = rules,
    .command_timeout_ms = 300, /* a busy machine must answer in it */
    .connect_timeout_ms = 2000,
    .sync_ms = 100,
};

void store_world_join(struct store_world *w, struct store_peer *p, const char *id,
                      const char *url)
{
    struct shared_state_conf mine = conf;
    struct shared_state_events ev = {.arg = p,
                                     .on_slot = on_slot,
                                     .on_mode = on_mode,
                                     .on_probe = on_probe,
                                     .on_overruled = on_overruled};
    struct err err = {0};

    memset(p, 0, sizeof(*p));
    mine.router_id = id;
    mine.url = url != NULL ? url : w->server.url;
    p->s = shared_state_new(w->base, &mine, &ev, &err);
    cr_assert_not_null(p->s, "%s", err.msg);
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

void store_world_turn(struct store_world *w)
{
    struct timeval tick = {.tv_usec = 2000};

    event_base_once(w->base, -1, EV_TIMEOUT, nothing, NULL, &tick);
    event_base_loop(w->base, EVLOOP_ONCE);
}

void store_world_run(struct store_world *w, int64_t ms)
{
    for (int64_t end_ms = clock_mono_ms() + ms; clock_mono_ms() < end_ms;)
        store_world_turn(w);
}

struct shared_state_stats store_world_stats(const struct store_peer *p)
{
    struct shared_state_stats stats;

    shared_state_get_stats(p->s, &stats);
    return stats;
}

void store_world_command(struct store_world *w, const char *text)
{
    redisReply *r = redis_server_command(&w->server, text);

    cr_assert_neq(r->type, REDIS_REPLY_ERROR, "%s: %s", text, r->str);
    freeReplyObject(r);
}

long long store_world_number(struct store_world *w, const char *command)
{
    redisReply *r = redis_server_command(&w->server, command);
    long long n = r->type == REDIS_REPLY_INTEGER ? r->integer : -1;

    freeReplyObject(r);
    return n;
}

long long store_world_subscribers(struct store_world *w)
{
    redisReply *r = redis_server_command(&w->server, "PUBSUB NUMSUB {sluice:t}:push");
    long long n =
        r->type == REDIS_REPLY_ARRAY && r->elements == 2 ? r->element[1]->integer : -1;

    freeReplyObject(r);
    return n;
}

void store_world_force(struct store_world *w, const char *word, const char *id)
{
    redisReply *r =
        redis_server_command(&w->server, "EVAL %s 1 {sluice:t}:meta - a %s 0 op incident - %s",
                             scripts_get(SCRIPT_FORCE)->text, word, id);

    cr_assert(r->type == REDIS_REPLY_ARRAY, "%s", r->str);
    cr_assert_str_eq(r->element[0]->str, "OK");
    freeReplyObject(r);
}

void store_world_fail(struct store_peer *p, size_t slot, int times)
{
    for (int i = 0; i < times; i++)
        shared_state_report(p->s, slot, shared_state_get(p->s, slot)->ep, BREAKERS_FAIL, false);
}

void store_world_open(struct store_world *w)
{
    signal(SIGPIPE, SIG_IGN); /* as both programs do */
    log_set_sink(count_lines);
    lines_logged = 0;
    redis_server_start(&w->server, "");
    w->base = event_base_new();
    store_world_join(w, &w->A, "A", NULL);
    store_world_join(w, &w->B, "B", NULL);
    STORE_WAIT(w, w->A.attached && w->B.attached && store_world_subscribers(w) == 2);
    /* One sync after each confirmation was answered: the next one was sent behind it. */
    uint64_t a = store_world_stats(&w->A).syncs + 2, b = store_world_stats(&w->B).syncs + 2;

    STORE_WAIT(w, store_world_stats(&w->A).syncs >= a && store_world_stats(&w->B).syncs >= b);
}

void store_world_close(struct store_world *w)
{
    shared_state_free(w->A.s);
    shared_state_free(w->B.s);
    event_base_free(w->base);
    redis_server_stop(&w->server);
}
