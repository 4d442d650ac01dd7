/* redis_averages.c - how the slots do for this router, and for the fleet. */
#include "fleet/shared_state_parts.h"

#include "redis/value.h"

#include <stdlib.h>

#define PER_SLOT 7 /* words */

struct asked { /* one script under way; its callback comes exactly once */
    struct shared_state *s;
    size_t n; /* rows */
};

static int64_t number_or_none(const struct redisReply *r)
{
    int64_t n;

    return redis_value_number(r, &n) ? n : -1;
}

static void tell(struct shared_state *s, size_t slot, const struct redisReply *row)
{
    int64_t health = number_or_none(redis_value_at(row, 2));
    struct shared_state_measured m = {.first_us = number_or_none(redis_value_at(row, 0)),
                                      .total_us = number_or_none(redis_value_at(row, 1)),
                                      .health = health <= 100 ? (int)health : -1,
                                      .inflight = number_or_none(redis_value_at(row, 3))};

    if (!s->freed && s->ev.on_averages != NULL)
        s->ev.on_averages(s->ev.arg, slot, &m);
}

static void on_averages(void *arg, const struct redisReply *r, const char *why)
{
    struct asked *asked = arg;
    struct shared_state *s = asked->s;
    size_t n = asked->n;

    free(asked);
    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_AVERAGES, r, why))
        ;
    else if (!redis_value_is(r, "OK") || redis_value_count(r) != n + 1)
        shared_state_rubbish(s, SCRIPT_AVERAGES);
    else
        for (size_t i = 0; i < n; i++)
            tell(s, i, redis_value_at(r, i + 1));
    shared_state_drop(s);
}

void redis_averages_send(struct shared_state *s, const struct shared_state_measure *of,
                         size_t n)
{
    struct asked *asked;
    struct redis_args a;

    if (!redis_attach_is_level(s))
        return;
    asked = xcalloc(1, sizeof(*asked));
    *asked = (struct asked){s, n};
    redis_args_init(&a, 2 + n * PER_SLOT);
    redis_args_word(&a, view_gen(s->view));
    redis_args_word(&a, s->router_id);
    for (size_t i = 0; i < n; i++) {
        redis_args_word(&a, view_get(s->view, i)->name);
        redis_args_number(&a, of[i].first_us);
        redis_args_number(&a, of[i].total_us);
        redis_args_number(&a, of[i].weight);
        redis_args_number(&a, of[i].inflight);
        redis_args_number(&a, of[i].health);
        redis_args_number(&a, of[i].health_weight);
    }
    if (shared_state_run(s, SCRIPT_AVERAGES, &a, on_averages, asked) == 0)
        return;
    free(asked);
    s->stats.dropped++;
}
