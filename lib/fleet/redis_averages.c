/* redis_averages.c - how the slots do for this router, and for the fleet. */
#include "fleet/shared_state.h"

#include "redis/value.h"

#include <stdio.h>
#include <stdlib.h>

#define PER_KEY      7
#define NUMBER_BYTES 24

static int64_t number_or_none(const struct redisReply *r)
{
    int64_t n;

    return redis_value_number(r, &n) ? n : -1;
}

static void on_shared(void *arg, const struct redisReply *r, const char *why)
{
    struct store_redis *s = arg;

    store_redis_hold(s);
    if (!store_redis_usable(s, SCRIPT_SHARE, r, why)) {
        store_redis_drop(s);
        return;
    }
    if (!redis_value_is(r, "OK") || redis_value_count(r) != s->n_shared + 1)
        store_redis_rubbish(s, SCRIPT_SHARE);
    else
        for (size_t i = 0; i < s->n_shared && !s->freed; i++) {
            const struct redisReply *row = redis_value_at(r, i + 1);
            int64_t health = number_or_none(redis_value_at(row, 2));
            struct store_measured m = {.first_us = number_or_none(redis_value_at(row, 0)),
                                       .total_us = number_or_none(redis_value_at(row, 1)),
                                       .health = health <= 100 ? (int)health : -1,
                                       .inflight = number_or_none(redis_value_at(row, 3))};

            if (s->ev.on_share != NULL)
                s->ev.on_share(s->ev.arg, i, &m);
        }
    store_redis_drop(s);
}

void store_redis_share(struct store *store, const struct store_measure *of, size_t slots)
{
    struct store_redis *s = (struct store_redis *)store;
    size_t n = 2;
    const char **args;
    char(*numbers)[NUMBER_BYTES];

    if (s->phase != PHASE_ATTACHED)
        return;
    s->n_shared = slots;
    args = xcalloc(2 + slots * PER_KEY, sizeof(*args));
    numbers = xcalloc(slots * PER_KEY, sizeof(*numbers));
    args[0] = view_gen(s->view);
    args[1] = s->router_id;
    for (size_t i = 0; i < slots; i++) {
        const int64_t row[] = {of[i].first_us, of[i].total_us, of[i].weight,
                               of[i].inflight, of[i].health,   of[i].health_weight};

        args[n++] = view_get(s->view, i)->name;
        for (size_t k = 0; k < ARRAY_LEN(row); k++, n++) {
            snprintf(numbers[n - 2], NUMBER_BYTES, "%lld", (long long)row[k]);
            args[n] = numbers[n - 2];
        }
    }
    if (store_redis_run(s, SCRIPT_SHARE, args, n, on_shared, s) < 0)
        s->stats.dropped++;
    free(args);
    free(numbers);
}
