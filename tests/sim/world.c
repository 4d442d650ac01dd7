/* world.c - one simulated history; world.h has the contract.
 *
 *   0 s ........ 0.5 s ............................ 6 s ....... 7 s ............. at most 16 s
 *   routers join      faults begin and end                 all end     everything must be level
 *
 *   world_router.c   routers and their traffic
 *   world_faults.c   what goes wrong
 *   world.c          Redis and the operator; beginning and end */
#include "world.h"

#include "base/log.h"
#include "redis/value.h"
#include "shared/scripts.h"
#include "world_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEVEL_FOR_US 1500000 /* that long everything must stay level */
#define HEARD_US     2500000 /* who attaches that soon after a birth is heard */

/* ---- Redis ---- */

/* Routers that hear of a new generation too late are not heard: that is the rule. */
static void note_generation(struct world *w, const char *script, int router)
{
    char name[200];
    const char *gen = keyspace_field(w->server->data, server_key(name, "meta"), "gen");

    if (gen != NULL && strcmp(gen, w->gen) != 0) {
        snprintf(w->gen, sizeof(w->gen), "%s", gen);
        w->born_us = vtime_us();
        w->generations++;
        for (int i = 0; i < w->n_routers; i++)
            w->routers[i].must_reassert = true; /* has not said yet what it knew */
    }
    if (router < 0 || !w->routers[router].must_reassert)
        return;
    bool late = vtime_us() - w->born_us > HEARD_US;

    if (late)
        judge_excuse(w->judge, router);
    if (late || strcmp(script, "reassert") == 0 || strcmp(script, "sync") == 0)
        w->routers[router].must_reassert = false;
}

static const char *script_of(const char *sha1)
{
    for (int i = 0; i < N_SCRIPTS; i++)
        if (strcmp(scripts_get((enum script)i)->sha1, sha1) == 0)
            return scripts_name((enum script)i);
    return "leave"; /* the one that is sent as text */
}

static bool is_repeatable(const char *script)
{
    static const char *const scripts[] = {"report", "done", "cool", "force", "reassert"};

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
        if (strcmp(scripts[i], script) == 0)
            return true;
    return false;
}

static struct redisReply *judged(struct world *w, const char *script, int n_args,
                                 const char *const *args, bool again)
{
    keyspace_expire(w->server->data, server_wall_ms(w->server));
    judge_before(w->judge, script, n_args, args, again);
    struct redisReply *r = server_run(w->server, script, n_args, args);

    judge_after(w->judge, r);
    return r;
}

static struct redisReply *on_command(void *arg, int router, int argc, const char *const *argv)
{
    struct world *w = arg;
    const char *script = script_of(argv[1]);

    if (w->server->readonly)
        return server_refuses("READONLY You can't write against a read only replica.");
    struct redisReply *r = judged(w, script, argc - 4, argv + 4, false);

    note_generation(w, script, router - 1);
    if (is_repeatable(script) && world_chance((unsigned)w->replay_percent))
        freeReplyObject(judged(w, script, argc - 4, argv + 4, true));
    return r;
}

static void on_publish(void *arg, const char *line)
{
    struct world *w = arg;

    judge_publish(w->judge, line);
    for (int i = 0; i < w->n_routers; i++)
        world_router_awaits(&w->routers[i]);
    wire_publish(line);
}

static void on_trouble(void *arg, const char *what)
{
    struct world *w = arg;

    judge_fail(w->judge, "%s", what);
}

void world_say_word(struct world *w, int slot, const char *word, int64_t ttl_ms)
{
    char ttl[24], why[40], id[24];

    if (w->server->down || w->server->readonly)
        return;
    snprintf(ttl, sizeof(ttl), "%lld", (long long)ttl_ms);
    snprintf(why, sizeof(why), "word-%d", ++w->words);
    snprintf(id, sizeof(id), "id-%d", w->words);
    const char *args[] = {"-", w->regions[slot].name, word, ttl, "op", why, "-", id};

    judge_say(w->judge, "operator: %s %s for %s ms", word, args[1], ttl);
    struct redisReply *r = judged(w, "force", (int)ARRAY_LEN(args), args, false);

    note_generation(w, "force", -1);
    if (redis_value_is(r, "OK")) /* what has an end may end */
        judge_word(w->judge, slot, ttl_ms > 0 ? "" : word, why);
    freeReplyObject(r);
    if (world_chance((unsigned)w->replay_percent))
        freeReplyObject(judged(w, "force", (int)ARRAY_LEN(args), args, true));
}

/* ---- the end ---- */

static void look(void *arg)
{
    struct world *w = arg;
    const struct shared_state *stores[WORLD_ROUTERS] = {NULL};
    bool alone[WORLD_ROUTERS * JUDGE_SLOTS_MAX] = {false}, live[WORLD_ROUTERS] = {false};
    char why[200];

    for (int i = 0; i < w->n_routers; i++) {
        struct fleet *f = w->routers[i].fleet;

        live[i] = f != NULL;
        stores[i] = f != NULL ? f->decider.shared : NULL;
        for (size_t k = 0; f != NULL && k < WORLD_SLOTS; k++)
            alone[i * JUDGE_SLOTS_MAX + (int)k] = decider_trusts_own(&f->decider, k);
    }
    if (judge_is_level(w->judge, stores, alone, w->n_routers, why)) {
        if (w->level_since_us == 0)
            w->level_since_us = vtime_us();
        if (vtime_us() - w->level_since_us >= LEVEL_FOR_US) {
            w->level_us = w->level_since_us;
            judge_words_kept(w->judge, live, w->n_routers, w->generations <= 2);
            return;
        }
    } else {
        w->level_since_us = 0;
        if (vtime_us() >= WORLD_END_US - LEVEL_FOR_US) {
            judge_fail(w->judge, "%s, %.1f s after the last fault", why,
                       (double)(vtime_us() - WORLD_HEALED_US) / 1e6);
            return;
        }
    }
    vtime_at(vtime_us() + 100000, 0, look, w);
}

static void heal(void *arg)
{
    struct world *w = arg;

    judge_say(w->judge, "all faults are over");
    w->healed = true;
    for (int i = 0; i < w->n_routers; i++)
        if (w->routers[i].fleet == NULL && !w->routers[i].never_again)
            world_router_starts(&w->routers[i]);
    if (world_chance(40))
        for (int k = 0; k < WORLD_SLOTS; k++)
            world_say_word(w, k, "auto", 0);
    vtime_at(vtime_us() + 300000, 0, look, w);
}

/* ---- a history ---- */

static void configure_breaker(struct breaker_conf *b)
{
    *b = (struct breaker_conf){
        .minimum_requests = 8, .window_ms = 2000, .recovery_max_ms = 1200, .forgive_ms = 3000};
    /* One draw per statement: their order is the history's. */
    b->failure_threshold = (int)world_between(2, 5);
    b->failure_rate = world_chance(50) ? 50 : 0;
    b->recovery_ms = world_between(50, 400);
    b->half_open_max_calls = (int)world_between(1, 3);
    b->success_threshold = (int)world_between(1, 3);
}

static void configure(struct world *w)
{
    static char fleet[] = "sim", url[] = "redis://redis:1", east[] = "east", west[] = "west";
    static char confirm[][16] = {"none", "second_opinion", "second_opinion", "quorum:2"};

    w->regions[0].name = east;
    w->regions[1].name = west;
    w->conf = (struct config){
        .fleet = fleet,
        .redis = {.enabled = true,
                  .url = url,
                  .command_timeout_ms = 50,
                  .connect_timeout_ms = 300},
        .regions = w->regions,
        .n_regions = WORLD_SLOTS,
        .slots = w->slots,
        .n_slots = WORLD_SLOTS,
    };
    configure_breaker(&w->conf.breaker.rule);
    w->conf.breaker.recovery_ramp_ms = 500;
    w->conf.breaker.slow_ms = WORLD_SLOW_MS;
    w->conf.redis.sync_ms = world_between(300, 1000);
    w->conf.breaker.probe_lease_ms = world_between(300, 900);
    w->conf.breaker.trip_confirm = confirm[world_draw(ARRAY_LEN(confirm))];
    for (size_t i = 0; i < WORLD_SLOTS; i++) {
        w->regions[i].breaker = w->conf.breaker;
        w->slots[i] = (struct config_slot){.name = w->regions[i].name, .region = i};
    }
    w->wire.delay_min_us = 50;
    w->wire.delay_max_us = world_between(200, 8000);
    w->n_routers = (int)world_between(2, WORLD_ROUTERS);
    w->replay_percent = world_chance(50) ? 10 : 0;
    w->gap_us = (int)world_between(60000, 200000);
    w->conf.breaker.rule.slow_rate = world_chance(30) ? 30 : 0;
    for (size_t i = 0; i < WORLD_SLOTS; i++)
        w->regions[i].breaker.rule.slow_rate = w->conf.breaker.rule.slow_rate;
}

static void silence(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void log_line(enum log_level level, const char *line)
{
    (void)level;
    printf("          %s\n", line);
}

static void begin(struct world *w, bool skewed, bool verbose)
{
    const char *slots[WORLD_SLOTS];

    configure(w);
    w->server = server_new(vtime_us);
    w->server->arg = w;
    w->server->on_publish = on_publish;
    w->server->on_trouble = on_trouble;
    for (int i = 0; i < WORLD_SLOTS; i++)
        slots[i] = w->regions[i].name;
    w->judge = judge_new(w->server, &w->conf.breaker.rule, w->conf.breaker.probe_lease_ms,
                         slots, WORLD_SLOTS, verbose);
    wire_start(w->server, &w->wire);
    wire_on_command(on_command, w);
    log_set_sink(verbose ? log_line : silence);
    log_set_rate(0);
    for (int i = 0; i < w->n_routers; i++) {
        struct world_router *r = &w->routers[i];
        int64_t off_ms = world_between(-3600000, 3600000);

        r->w = w;
        r->i = i;
        r->counters =
            xcalloc(1, sizeof(*r->counters) + WORLD_SLOTS * sizeof(r->counters->slot[0]));
        vtime_set_offset(i + 1, 10000000 + world_between(0, 1000000), skewed ? off_ms : 0);
        vtime_at(world_between(0, 300000), 0, world_router_starts, r);
    }
    for (uint64_t n = world_draw(WORLD_FAULTS + 1); n > 0; n--)
        world_plan_fault(w);
    vtime_at(WORLD_HEALED_US, 0, heal, w);
}

void world_run(uint64_t seed, bool skewed, bool verbose, struct world_result *out)
{
    struct world *w = xcalloc(1, sizeof(*w));

    vtime_start(seed);
    begin(w, skewed, verbose);
    while (judge_verdict(w->judge) == NULL && w->level_us == 0 && vtime_step(WORLD_END_US))
        for (int i = 0; i < w->n_routers; i++)
            world_router_seen(&w->routers[i]);
    *out = (struct world_result){.digest = judge_digest(w->judge),
                                 .calls = w->server->calls,
                                 .level_s = (double)(w->level_us - WORLD_HEALED_US) / 1e6};
    if (judge_verdict(w->judge) != NULL)
        snprintf(out->verdict, sizeof(out->verdict), "%s", judge_verdict(w->judge));
    for (int i = 0; i < w->n_routers; i++) {
        world_router_ends(&w->routers[i], true);
        free(w->routers[i].counters);
    }
    wire_stop();
    vtime_stop();
    log_set_sink(silence);
    judge_free(w->judge);
    server_free(w->server);
    free(w);
}
