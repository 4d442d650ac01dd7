/* scale.c - what a large fleet costs; scale.h has the contract.
 *
 * A sample of real routers, from fleet.h down, lives in a simulated fleet whose list of routers
 * is as long as the real one's would be, so everything that depends on it (how often a router
 * syncs, reports, shares) is its own.  Calls and bytes are counted by script over five minutes
 * and multiplied up.  What a call costs Redis was measured on Redis 7.0.15, one core of a
 * shared machine, by usec_per_call of INFO commandstats; so was the cost per subscriber of a
 * push. */
#include "scale.h"

#include "base/log.h"
#include "fleet/fleet.h"
#include "fleet/permit.h"
#include "server.h"
#include "shared/scripts.h"
#include "vtime.h"
#include "wire.h"

#include <lua5.1/lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE     20
#define ACTIVE     3      /* regions that a router uses all the time */
#define GAP_US     100000 /* between two requests of one router: 10 a second */
#define WARM_US    40000000
#define COUNTED_US 300000000 /* after that */
#define PUSH_US    15        /* of one core, per subscriber */
#define HOP_US     300       /* to Redis, and on to a replica */
#define SHA_BYTES  40
#define WORDS      20       /* that an operator says afterwards */
#define WORD_US    10000000 /* between two of them */
#define BURST_US   100000   /* in which the syncs after a word are counted */

struct scale {
    struct server *server;
    struct wire_conf wire;
    struct config conf;
    struct config_region *regions;
    struct config_slot *slots;
    struct scale_router *routers;
    int n_routers, n_sample;
    bool counting;
    double calls[N_SCRIPTS], us, in_bytes, out_bytes;
    struct {                  /* what followed an operator's word */
        int64_t said_us, ver; /* ver 0: none was said */
        uint32_t heard;       /* a bit for each router of the sample that acknowledged it */
        int burst;            /* syncs in the first BURST_US */
        double took_ms[WORDS * SAMPLE], bursts; /* of all words */
        size_t n;
    } word;
};

struct scale_router {
    struct scale *s;
    int i;
    struct fleet *fleet;
    struct fleet_counters *counters;
    struct rand rand;
    struct permit pass;
    bool busy;
};

/* Of Redis' core, for one call: a fixed part and one per key that it reads or writes. */
static const struct {
    enum script script;
    double us, slot_us;
} costs[] = {
    {SCRIPT_SYNC, 20, 12.5}, /* per key only where something was missed */
    {SCRIPT_REPORT, 24, 0},
    {SCRIPT_AVERAGES, 10, 24},
};

static int bulk_bytes(size_t len)
{
    char digits[24];

    return snprintf(digits, sizeof(digits), "$%zu", len) + 4 + (int)len;
}

static int reply_bytes(const struct redisReply *r)
{
    int n = 8;

    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
        n += reply_bytes(r->element[i]);
    return r->type == REDIS_REPLY_STRING ? bulk_bytes(r->len) : n;
}

static enum script which(const char *sha1)
{
    for (int i = 0; i < N_SCRIPTS; i++)
        if (strcmp(scripts_get((enum script)i)->sha1, sha1) == 0)
            return (enum script)i;
    return SCRIPT_LEAVE;
}

static double cost_us(enum script script, const struct redisReply *r)
{
    for (size_t i = 0; i < ARRAY_LEN(costs); i++)
        if (costs[i].script == script)
            return costs[i].us +
                   costs[i].slot_us * (double)(r->elements > 4 ? r->elements - 1 : 0);
    return costs[0].us;
}

/* A router told what it has applied. */
static void note_applied(struct scale *s, int router, const char *applied)
{
    int64_t took_us = vtime_us() - s->word.said_us;
    uint32_t bit = 1U << (router - 1);

    if (s->word.ver == 0)
        return;
    s->word.burst += took_us < BURST_US;
    if (strtoll(applied, NULL, 10) < s->word.ver || (s->word.heard & bit) != 0)
        return;
    s->word.heard |= bit;
    s->word.took_ms[s->word.n++] = (double)took_us / 1e3;
}

static struct redisReply *on_command(void *arg, int router, int argc, const char *const *argv)
{
    struct scale *s = arg;
    struct redisReply *r = server_eval(s->server, argc, argv);
    enum script script = which(argv[1]);

    if (script == SCRIPT_SYNC)
        note_applied(s, router, argv[6]);
    if (!s->counting)
        return r;
    s->calls[script]++;
    s->us += cost_us(script, r);
    s->in_bytes += bulk_bytes(7) + bulk_bytes(SHA_BYTES) + 6;
    for (int i = 2; i < argc; i++)
        s->in_bytes += bulk_bytes(strlen(argv[i]));
    s->out_bytes += reply_bytes(r);
    return r;
}

static void on_publish(void *arg, const char *line)
{
    (void)arg;
    wire_publish(line);
}

static void on_trouble(void *arg, const char *what)
{
    (void)arg;
    fprintf(stderr, "sim: %s\n", what);
    abort();
}

static void silence(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static void request(void *arg)
{
    struct scale_router *r = arg;
    size_t slot =
        ((size_t)r->i * ACTIVE + rand_below(vtime_rand(), ACTIVE)) % r->s->conf.n_regions;

    vtime_at(vtime_us() + GAP_US, r->i + 1, request, r);
    if (r->busy) {
        permit_end(r->fleet, &r->pass, OUTCOME_OK, -1);
        fleet_note_times(r->fleet, r->pass.slot, 50000, 100000);
    }
    permit_begin(r->fleet, slot, false, vtime_us() / 1000, &r->pass);
    r->busy = true;
}

static void router_starts(void *arg)
{
    struct scale_router *r = arg;
    struct err err = {0};
    int was = vtime_become(r->i + 1);
    char id[40];

    snprintf(id, sizeof(id), "host-%04d.example:%d:1", r->i, 10000 + r->i);
    rand_init(&r->rand, (uint64_t)r->i);
    r->fleet = fleet_new(NULL, &r->s->conf, id, &r->rand, r->counters, &err);
    if (r->fleet == NULL)
        abort();
    vtime_at(vtime_us() + (int64_t)rand_below(vtime_rand(), GAP_US), r->i + 1, request, r);
    vtime_become(was);
}

/* The rest of the fleet, which is only counted. */
static void fill(struct scale *s)
{
    lua_State *L = luaL_newstate();
    char name[200], id[40];

    server_key(name, "routers");
    for (int i = s->n_sample; i < s->n_routers; i++) {
        snprintf(id, sizeof(id), "rest-%d", i);
        const char *argv[] = {"ZADD", name, "9e15", id};

        keyspace_call(s->server->data, server_wall_ms(s->server), L, 4, argv);
        lua_settop(L, 0);
    }
    lua_close(L);
}

static void configure(struct scale *s, int n_regions)
{
    static char fleet[] = "sim", url[] = "redis://redis:1", confirm[] = "second_opinion";
    const struct config_breaker breaker = {
        .rule = {.failure_threshold = 5,
                 .failure_rate = 50,
                 .minimum_requests = 20,
                 .window_ms = 10000,
                 .recovery_ms = 30000,
                 .recovery_max_ms = 300000,
                 .forgive_ms = 60000,
                 .half_open_max_calls = 3,
                 .success_threshold = 2},
        .trip_confirm = confirm,
        .recovery_ramp_ms = 10000,
        .probe_lease_ms = 10000,
    };

    s->regions = xcalloc((size_t)n_regions, sizeof(s->regions[0]));
    s->slots = xcalloc((size_t)n_regions, sizeof(s->slots[0]));
    for (int i = 0; i < n_regions; i++) {
        s->regions[i].name = xcalloc(1, 32);
        snprintf(s->regions[i].name, 32, "region-%d", i);
        s->regions[i].breaker = breaker;
        s->slots[i] = (struct config_slot){.name = s->regions[i].name, .region = (size_t)i};
    }
    s->conf = (struct config){
        .fleet = fleet,
        .redis = {.enabled = true,
                  .url = url,
                  .command_timeout_ms = 50,
                  .connect_timeout_ms = 1000,
                  .sync_ms = 1000},
        .regions = s->regions,
        .n_regions = (size_t)n_regions,
        .slots = s->slots,
        .n_slots = (size_t)n_regions,
        .breaker = breaker,
    };
}

static void print_row(const struct scale *s)
{
    double up = (double)s->n_routers / s->n_sample / (COUNTED_US / 1e6);
    double all = 0, last_ms = (s->n_routers * PUSH_US + 2 * HOP_US) / 1e3;
    int behind = s->n_routers > 1000 ? 1000 : s->n_routers; /* of one replica */
    double tree_ms = (behind * PUSH_US + 3 * HOP_US) / 1e3;

    for (int i = 0; i < N_SCRIPTS; i++)
        all += s->calls[i];
    printf("%7d %7zu %8.0f %9.0f %8.0f %8.0f %8.0f %8.0f %5.0f %% %7.1f %7.1f %9.1f\n",
           s->n_routers, s->conf.n_regions, s->calls[SCRIPT_SYNC] * up,
           s->calls[SCRIPT_REPORT] * up, s->calls[SCRIPT_AVERAGES] * up, all * up,
           s->in_bytes * up / 1000, s->out_bytes * up / 1000, s->us * up / 1e6 * 100,
           last_ms / 2, last_ms, tree_ms);
}

/* ---- an operator's word, and how the fleet answers it ---- */

static void say_words(struct scale *s)
{
    char id[24];

    s->counting = false;
    for (int i = 0; i < WORDS; i++) {
        const char *args[] = {
            "-", "region-0", i % 2 == 0 ? "down" : "auto", "0", "me", "maintenance", "-", id};

        snprintf(id, sizeof(id), "word-%d", i);
        struct redisReply *r = server_run(s->server, "force", (int)ARRAY_LEN(args), args);

        if (r->type != REDIS_REPLY_ARRAY || r->elements < 2)
            abort();
        s->word.ver = r->element[1]->integer;
        s->word.said_us = vtime_us();
        s->word.heard = 0;
        s->word.burst = 0;
        freeReplyObject(r);
        while (vtime_step(s->word.said_us + WORD_US))
            ;
        s->word.bursts += s->word.burst;
    }
    s->word.ver = 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void print_words(struct scale *s)
{
    double up = (double)s->n_routers / s->n_sample;
    size_t n = s->word.n;

    qsort(s->word.took_ms, n, sizeof(s->word.took_ms[0]), compare);
    printf("%7d %8zu %8.0f %8.0f %8.0f\n", s->n_routers, n * 100 / WORDS / (size_t)s->n_sample,
           n > 0 ? s->word.took_ms[n / 2] : 0, n > 0 ? s->word.took_ms[n - 1] : 0,
           s->word.bursts * up / WORDS / (BURST_US / 1e6));
}

static void run(int n_routers, int n_regions, bool words)
{
    struct scale *s = xcalloc(1, sizeof(*s));

    vtime_start(1);
    s->n_routers = n_routers;
    s->n_sample = n_routers < SAMPLE ? n_routers : SAMPLE;
    s->server = server_new(vtime_us);
    s->server->arg = s;
    s->server->on_publish = on_publish;
    s->server->on_trouble = on_trouble;
    s->wire = (struct wire_conf){.delay_min_us = 100, .delay_max_us = 500};
    configure(s, n_regions);
    wire_start(s->server, &s->wire);
    wire_on_command(on_command, s);
    fill(s);
    s->routers = xcalloc((size_t)s->n_sample, sizeof(s->routers[0]));
    for (int i = 0; i < s->n_sample; i++) {
        struct scale_router *r = &s->routers[i];

        r->s = s;
        r->i = i;
        r->counters =
            xcalloc(1, sizeof(*r->counters) + (size_t)n_regions * sizeof(r->counters->slot[0]));
        vtime_at((int64_t)rand_below(vtime_rand(), 3000000), 0, router_starts, r);
    }
    while (vtime_step(WARM_US))
        ;
    s->counting = !words;
    while (s->counting && vtime_step(WARM_US + COUNTED_US))
        ;
    if (words) {
        say_words(s);
        print_words(s);
    } else {
        print_row(s);
    }
    for (int i = 0; i < s->n_sample; i++) {
        wire_crash(i + 1);
        fleet_free(s->routers[i].fleet);
        free(s->routers[i].counters);
    }
    wire_stop();
    vtime_stop();
    for (int i = 0; i < n_regions; i++)
        free(s->regions[i].name);
    free(s->regions);
    free(s->slots);
    free(s->routers);
    server_free(s->server);
    free(s);
}

int scale_print(void)
{
    static const int routers[] = {10, 100, 1000, 10000};

    log_set_sink(silence);
    if (!server_load(NULL))
        return 1;
    printf(
        "10 requests/s per router, to %d regions each; nothing wrong.  Divert: from the\n"
        "tripping failure to the last router's view; tree: replicas of 1000 subscribers.\n\n",
        ACTIVE);
    printf("routers regions  syncs/s reports/s shares/s  calls/s  kB/s in kB/s out  Redis"
           " divert p50  last ms tree ms\n");
    for (size_t i = 0; i < ARRAY_LEN(routers); i++) {
        run(routers[i], 10, false);
        run(routers[i], 100, false);
        fflush(stdout);
    }
    printf(
        "\nAn operator's word: who acknowledges it, after how long, and the syncs a second in\n"
        "the first %d ms.\n\nrouters  %% of all   p50 ms  last ms  syncs/s\n",
        BURST_US / 1000);
    for (size_t i = 0; i < ARRAY_LEN(routers); i++)
        run(routers[i], 10, true);
    server_unload();
    return 0;
}
