/* parity.c - random histories of the breaker; parity.h has the contract.
 *
 * Times are drawn around the edges that matter (the end of an open time, of a lease, of a
 * bucket, of a clean period: one millisecond before, at, after), because two rules that differ
 * do so there. */
#include "parity.h"

#include "base/base.h"
#include "tests/sim/server.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MIN 10
#define STEPS_MAX 60
#define OPEN_MAX  86400000               /* a day: the scripts know no longer open time */
#define TOKENS    3                      /* of each router */
#define START_MS  INT64_C(4000000000000) /* ahead of any real clock */

const char *parity_seen_name(enum parity_seen s)
{
    static const char *const names[N_PARITY_SEEN] = {
        [PARITY_ROW_TRIP] = "trips by a row",      [PARITY_RATE_TRIP] = "trips by failures",
        [PARITY_SLOW_TRIP] = "trips by slow ones", [PARITY_STALE] = "stale reports",
        [PARITY_FORGIVEN] = "trips forgiven",      [PARITY_CAPPED] = "capped open times",
        [PARITY_GRANTED] = "probes granted",       [PARITY_WAIT] = "probes too early",
        [PARITY_BUSY] = "probes without a slot",   [PARITY_RENEWED] = "leases renewed",
        [PARITY_GONE] = "late renewals",           [PARITY_CLOSED] = "closed by probes",
        [PARITY_REOPENED] = "opened by a probe",   [PARITY_ABANDONED] = "probes abandoned",
        [PARITY_DONE_STALE] = "stale probes",      [PARITY_EXPIRED] = "expired probes",
        [PARITY_ADOPTED] = "states adopted",       [PARITY_RESET] = "resets",
        [PARITY_AGAIN] = "reports twice",          [PARITY_OTHER_GEN] = "other generations",
        [PARITY_STEP_BACK] = "clock steps back",
    };

    return names[s];
}

static int64_t pick(struct parity *p, int64_t low, int64_t high)
{
    return low + (int64_t)rand_below(&p->rand, (uint64_t)(high - low) + 1);
}

static bool chance(struct parity *p, unsigned percent)
{
    return rand_below(&p->rand, 100) < percent;
}

static int64_t one_of(struct parity *p, const int64_t *of, size_t n)
{
    return of[rand_below(&p->rand, n)];
}

#define ONE_OF(p, ...)                                                                         \
    one_of((p), (const int64_t[]){__VA_ARGS__},                                                \
           sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))

static void saw(struct parity *p, enum parity_seen s)
{
    p->seen[s]++;
}

/* ---- settings and time ---- */

/* One draw per statement: their order is the history's. */
static void draw_conf(struct parity *p)
{
    struct breaker_conf *c = &p->conf;

    c->failure_threshold = (int)ONE_OF(p, 1, 2, 3, 5, 8, 1000000);
    c->failure_rate = (int)ONE_OF(p, 0, 0, 1, 30, 50, 67, 100);
    c->minimum_requests = (int)ONE_OF(p, 0, 1, 5, 20, 30);
    c->slow_rate = (int)ONE_OF(p, 0, 0, 0, 1, 40, 100);
    c->window_ms = ONE_OF(p, 10, 19, 1000, 9999, 10000, 20000);
    c->recovery_ms = ONE_OF(p, 1, 2, 99, 1000, 30000);
    c->recovery_max_ms = ONE_OF(p, 1, 500, 4000, 64001, OPEN_MAX);
    c->forgive_ms = ONE_OF(p, 1, 1000, 20000, 60000);
    c->half_open_max_calls = (int)ONE_OF(p, 1, 1, 2, 3, 5, BREAKER_LEASES_MAX);
    c->success_threshold = (int)ONE_OF(p, 1, 1, 2, 3, 5);
    if (p->wall_us == NULL && c->window_ms < 9999)
        c->window_ms = 9999; /* a real clock runs on while the window's key lives */
}

static void set_time(struct parity *p)
{
    if (p->wall_us == NULL)
        lua_set_now(p->lua, p->now_ms);
}

/* Redis' clock moves on by ms, or steps back.  The fleet's time never does: it is what passed
 * since a script used it last, or nothing. */
static void pass(struct parity *p, int64_t ms)
{
    if (ms < 0)
        saw(p, PARITY_STEP_BACK);
    if (p->wall_us != NULL)
        *p->wall_us += 1000 * ms;
    p->since_ms += ms;
    p->now_ms = p->used_ms + (p->since_ms > 0 ? p->since_ms : 0);
    set_time(p);
}

static void use_time(struct parity *p)
{
    p->used_ms = p->now_ms;
    p->since_ms = 0;
}

static int64_t draw_ms(struct parity *p)
{
    int64_t bucket_ms = p->conf.window_ms < 10 ? 1 : p->conf.window_ms / 10, to_ms = p->now_ms;

    switch (rand_below(&p->rand, 10)) {
    case 0:
    case 1:
        return 0;
    case 2:
        return pick(p, 0, 1500);
    case 3: /* the window's edges, and those of its buckets */
        to_ms = (p->now_ms / bucket_ms + ONE_OF(p, 1, 2, 9, 10, 11)) * bucket_ms;
        break;
    case 4: /* clean periods, counted from the failure or the closing that was just now */
        to_ms += p->conf.forgive_ms * pick(p, 1, 3);
        break;
    case 5:
        to_ms = p->expiry_ms;
        break;
    case 6:
        return chance(p, 50) ? -pick(p, 1, 100000) : pick(p, 1500, 7200000);
    default:
        to_ms = breaker_get_state(p->b) == BREAKER_OPEN ? breaker_get_until(p->b)
                                                        : p->now_ms + pick(p, 0, 20);
    }
    int64_t ms = to_ms - p->now_ms + pick(p, -1, 1);

    return ms > 0 ? ms : 0;
}

/* ---- steps ---- */

static void PRINTF_LIKE(2, 3) say(struct parity *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(p->said, sizeof(p->said), fmt, ap);
    va_end(ap);
}

/* Mostly the current epoch, sometimes an older or a later one. */
static uint64_t some_epoch(struct parity *p)
{
    uint64_t ep = breaker_get_epoch(p->b);

    return chance(p, 90) ? ep : ep - 1 + rand_below(&p->rand, 3);
}

/* A trip that follows at once from d(n) at its cap. */
static void note_cap(struct parity *p)
{
    int n = breaker_get_trips(p->b);

    if (n > 1 && breaker_open_ms(&p->conf, n, UINT16_MAX) == p->conf.recovery_max_ms)
        saw(p, PARITY_CAPPED);
}

static void draw_evidence(struct parity *p, struct breaker_evidence *e)
{
    int max = chance(p, 10) ? 40 : 4;

    e->ok = chance(p, 40) ? 0 : (int)pick(p, 0, max);
    e->fail = chance(p, 30) ? 0 : (int)pick(p, 0, max);
    e->slow = chance(p, 50) ? 0 : (int)pick(p, 0, e->ok + e->fail);
    /* One number that came alone is all in a row; several can have come in any order. */
    e->hard_since_ok = e->ok == 0 && chance(p, 80) ? e->fail : (int)pick(p, 0, e->fail);
}

static void note_report(struct parity *p, enum breaker_reported r, int trips_before)
{
    if (r == BREAKER_STALE)
        saw(p, PARITY_STALE);
    else if (r == BREAKER_COUNTED && breaker_get_trips(p->b) < trips_before)
        saw(p, PARITY_FORGIVEN);
    else if (r == BREAKER_TRIPPED)
        note_cap(p);
}

static void step_report(struct parity *p)
{
    static const char *const names[] = {
        [BREAKER_COUNTED] = "(OK)", [BREAKER_STALE] = "STALE", [BREAKER_TRIPPED] = "TRIP"};
    const struct breaker_conf *c = &p->conf;
    struct breaker_evidence e;
    uint64_t ep = some_epoch(p);
    uint16_t jitter = chance(p, 20) ? (chance(p, 50) ? 0 : UINT16_MAX) : rand_jitter(&p->rand);
    int router = (int)pick(p, 0, PARITY_ROUTERS - 1), trips = breaker_get_trips(p->b);

    draw_evidence(p, &e);
    snprintf(p->did, sizeof(p->did),
             "%s a %" PRIu64 " r%d %d %d %d %d %d %d %d %d %d %" PRId64 " %" PRId64 " %" PRId64
             " %" PRId64 " %u",
             p->gen, ep, router, ++p->seq[router], e.ok, e.fail, e.slow, e.hard_since_ok,
             c->failure_threshold, c->failure_rate, c->minimum_requests, c->slow_rate,
             c->window_ms, c->recovery_ms, c->recovery_max_ms, c->forgive_ms, jitter);
    enum breaker_reported r = breaker_report(p->b, ep, &e, p->now_ms, jitter);

    say(p, "%s", names[r]);
    note_report(p, r, trips);
    lua_run(p->lua, SCRIPT_REPORT, p->did);
    memcpy(p->report, p->did, sizeof(p->report));
    if (r != BREAKER_TRIPPED)
        return;
    if (strstr(p->lua->reply, "_in_a_row") != NULL)
        saw(p, PARITY_ROW_TRIP);
    else
        saw(p, strstr(p->lua->reply, "_failed") != NULL ? PARITY_RATE_TRIP : PARITY_SLOW_TRIP);
}

/* The last report comes again: it counts for nobody a second time. */
static void step_again(struct parity *p)
{
    snprintf(p->did, sizeof(p->did), "%s", p->report);
    say(p, "(DUP)");
    saw(p, PARITY_AGAIN);
    lua_run(p->lua, SCRIPT_REPORT, p->did);
}

struct token {
    int router, number;
    uint64_t all; /* one number for both */
};

static struct token draw_token(struct parity *p)
{
    struct token t;

    t.router = (int)pick(p, 0, PARITY_ROUTERS - 1);
    t.number = (int)pick(p, 1, TOKENS);
    t.all = (uint64_t)(t.router * (TOKENS + 1) + t.number);
    return t;
}

static void did_probe(struct parity *p, struct token t, int64_t lease_ms, const char *how)
{
    snprintf(p->did, sizeof(p->did), "%s a r%d %d %" PRId64 " %d %s", p->gen, t.router,
             t.number, lease_ms, p->conf.half_open_max_calls, how);
}

static void step_probe(struct parity *p)
{
    struct token t = draw_token(p);
    int64_t lease_ms = ONE_OF(p, 1, 100, 2999, 600000), wait_ms;

    did_probe(p, t, lease_ms, "ask");
    switch (breaker_probe(p->b, t.all, lease_ms, p->now_ms, &wait_ms)) {
    case BREAKER_GRANTED:
        say(p, "(GRANT %" PRIu64 ")", breaker_get_epoch(p->b));
        saw(p, PARITY_GRANTED);
        p->expiry_ms = p->now_ms + lease_ms;
        break;
    case BREAKER_WAIT:
        say(p, "(NO wait %" PRId64 ")", wait_ms);
        saw(p, PARITY_WAIT);
        break;
    case BREAKER_BUSY:
        say(p, "(NO busy %" PRId64 ")", wait_ms);
        saw(p, PARITY_BUSY);
        break;
    case BREAKER_NOT_NEEDED:
        say(p, "(NO closed)");
        break;
    }
    lua_run(p->lua, SCRIPT_PROBE, p->did);
}

static void step_renew(struct parity *p)
{
    struct token t = draw_token(p);
    int64_t lease_ms = ONE_OF(p, 1, 100, 2999, 600000);

    did_probe(p, t, lease_ms, "renew");
    if (breaker_renew(p->b, t.all, lease_ms, p->now_ms)) {
        say(p, "(GRANT %" PRIu64 ")", breaker_get_epoch(p->b));
        saw(p, PARITY_RENEWED);
        p->expiry_ms = p->now_ms + lease_ms;
    } else if (breaker_get_state(p->b) == BREAKER_CLOSED) {
        say(p, "(NO closed)");
    } else {
        say(p, "(NO gone)");
        saw(p, PARITY_GONE);
    }
    lua_run(p->lua, SCRIPT_PROBE, p->did);
}

static void note_done(struct parity *p, enum breaker_done d, enum breaker_verdict v)
{
    switch (d) {
    case BREAKER_DONE_OK:
        if (v == BREAKER_PROBE_ABANDON)
            saw(p, PARITY_ABANDONED);
        break;
    case BREAKER_DONE_MOVED:
        saw(p, v == BREAKER_PROBE_OK ? PARITY_CLOSED : PARITY_REOPENED);
        if (v == BREAKER_PROBE_FAIL)
            note_cap(p);
        break;
    case BREAKER_DONE_STALE:
        saw(p, PARITY_DONE_STALE);
        break;
    case BREAKER_DONE_EXPIRED:
        saw(p, PARITY_EXPIRED);
        break;
    }
}

static void step_done(struct parity *p)
{
    static const char *const verdicts[] = {[BREAKER_PROBE_OK] = "ok",
                                           [BREAKER_PROBE_FAIL] = "fail",
                                           [BREAKER_PROBE_ABANDON] = "abandon"};
    static const char *const names[] = {[BREAKER_DONE_OK] = "(OK",
                                        [BREAKER_DONE_MOVED] = "MOVED",
                                        [BREAKER_DONE_STALE] = "STALE",
                                        [BREAKER_DONE_EXPIRED] = "(EXPIRED)"};
    struct token t = draw_token(p);
    uint64_t ep = some_epoch(p);
    enum breaker_verdict v =
        (enum breaker_verdict)ONE_OF(p, BREAKER_PROBE_OK, BREAKER_PROBE_OK, BREAKER_PROBE_OK,
                                     BREAKER_PROBE_FAIL, BREAKER_PROBE_ABANDON);
    uint16_t jitter = rand_jitter(&p->rand);

    snprintf(p->did, sizeof(p->did), "%s a r%d %" PRIu64 " %d %s %" PRId64 " %" PRId64 " %d %u",
             p->gen, t.router, ep, t.number, verdicts[v], p->conf.recovery_ms,
             p->conf.recovery_max_ms, p->conf.success_threshold, jitter);
    enum breaker_done d = breaker_done(p->b, ep, t.all, v, p->now_ms, jitter);

    say(p, "%s", names[d]);
    note_done(p, d, v);
    lua_run(p->lua, SCRIPT_DONE, p->did);
}

static void step_reset(struct parity *p)
{
    snprintf(p->did, sizeof(p->did), "- a auto 0 op why - id%" PRId64 " reset", p->steps);
    breaker_adopt(p->b, BREAKER_CLOSED, 0, 0, p->now_ms);
    say(p, "OK");
    saw(p, PARITY_RESET);
    lua_run(p->lua, SCRIPT_FORCE, p->did);
}

static void step_other_gen(struct parity *p)
{
    snprintf(p->did, sizeof(p->did), "0ther a r0 1 1000 %d ask", p->conf.half_open_max_calls);
    say(p, "(GEN)");
    saw(p, PARITY_OTHER_GEN);
    lua_run(p->lua, SCRIPT_PROBE, p->did);
}

static void step(struct parity *p)
{
    static const unsigned percent_reports[N_BREAKER_STATES] = {
        [BREAKER_CLOSED] = 85, [BREAKER_OPEN] = 15, [BREAKER_HALF_OPEN] = 10};

    if (p->report[0] != '\0' && chance(p, 2))
        step_again(p);
    else if (chance(p, 1))
        step_other_gen(p);
    else if (chance(p, 1))
        step_reset(p);
    else if (chance(p, percent_reports[breaker_get_state(p->b)]))
        step_report(p);
    else if (breaker_get_state(p->b) == BREAKER_HALF_OPEN && chance(p, 55))
        step_done(p);
    else if (chance(p, 15))
        step_renew(p);
    else if (chance(p, 5))
        step_done(p);
    else
        step_probe(p);
}

/* ---- a history ---- */

static bool PRINTF_LIKE(2, 3) part(struct parity *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(p->problem, sizeof(p->problem), fmt, ap);
    va_end(ap);
    return false;
}

/* A whole reply where said has brackets around it, else the start of one. */
static bool same_reply(const struct parity *p)
{
    const char *reply = p->lua->reply + (p->said[0] == '(' ? 0 : 1);

    return strncmp(reply, p->said, strlen(p->said)) == 0;
}

static bool compare(struct parity *p)
{
    enum breaker_state st = breaker_get_state(p->b);
    char want[120], is[120];

    if (p->verbose)
        printf("%" PRId64 " %-9s ep %" PRIu64 " n %d: %s -> %s\n", p->now_ms - START_MS,
               breaker_state_name(st), breaker_get_epoch(p->b), breaker_get_trips(p->b), p->did,
               p->lua->reply);
    if (!same_reply(p))
        return part(p, "C says %s, Lua %s, to %s", p->said, p->lua->reply, p->did);
    snprintf(want, sizeof(want), "%s %" PRIu64 " %" PRId64 " %d", breaker_state_name(st),
             breaker_get_epoch(p->b), st == BREAKER_OPEN ? breaker_get_until(p->b) : 0,
             breaker_get_trips(p->b));
    lua_do(p->lua, "HMGET {sluice:t}:r:a st ep until n");
    size_t len = (size_t)snprintf(is, sizeof(is), "%s", lua_word(p->lua, 0));

    for (int i = 1; i < 4 && len < sizeof(is); i++) { /* nil: never written yet */
        const char *word = lua_word(p->lua, i);

        len += (size_t)snprintf(is + len, sizeof(is) - len, " %s",
                                strcmp(word, "nil") == 0 ? "0" : word);
    }
    if (strcmp(is, want) != 0)
        return part(p, "C is %s, Lua %s, after %s", want, is, p->did);
    return true;
}

/* Some begin where an earlier life of the data ended. */
static bool adopt(struct parity *p)
{
    int64_t left_ms = ONE_OF(p, 0, 1, 700, OPEN_MAX);
    int n = (int)pick(p, 0, 8);

    snprintf(p->did, sizeof(p->did), "%s r0 live 0ld a 7 open %" PRId64 " %d auto 0 - - 0",
             p->gen, left_ms, n);
    breaker_adopt(p->b, BREAKER_OPEN, p->now_ms + left_ms, n, p->now_ms);
    say(p, "OK");
    saw(p, PARITY_ADOPTED);
    lua_run(p->lua, SCRIPT_REASSERT, p->did);
    return compare(p);
}

static bool start(struct parity *p, uint64_t history)
{
    rand_init(&p->rand, history);
    draw_conf(p);
    p->b = breaker_new(&p->conf);
    p->problem[0] = p->did[0] = p->report[0] = '\0';
    memset(p->seq, 0, sizeof(p->seq));
    p->now_ms = p->expiry_ms = START_MS;
    use_time(p);
    lua_do(p->lua, "FLUSHALL");
    if (p->wall_us != NULL)
        *p->wall_us += 1000 * (START_MS - server_wall_ms(p->lua->host));
    set_time(p);
    lua_run(p->lua, SCRIPT_ATTACH, "r0 - r h 1 v c 0 0 a");
    if (strcmp(lua_word(p->lua, 0), "OK") != 0)
        return part(p, "attach: %s", p->lua->reply);
    snprintf(p->gen, sizeof(p->gen), "%s", lua_word(p->lua, 1));
    /* Hours pass here between two scripts: while a router lives that would be a leap. */
    lua_do(p->lua, "ZREM {sluice:t}:routers r0");
    set_time(p);
    return !chance(p, 10) || adopt(p);
}

bool parity_run(struct parity *p, uint64_t history)
{
    bool good = start(p, history);
    int n = (int)pick(p, STEPS_MIN, STEPS_MAX), i;

    for (i = 0; i < n && good; i++) {
        pass(p, draw_ms(p));
        step(p);
        if (strcmp(p->said, "(GEN)") != 0)
            use_time(p);
        good = compare(p);
        p->steps++;
    }
    if (!good) {
        size_t len = strlen(p->problem);

        snprintf(p->problem + len, sizeof(p->problem) - len, " (history %" PRIu64 ", step %d)",
                 history, i);
    }
    breaker_free(p->b);
    p->b = NULL;
    return good;
}
