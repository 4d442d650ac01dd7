/* test_breaker_parity.c - the fleet's scripts and lib/policy/breaker.c are one rule: random
 * histories go through both (parity.c), and after every step they must say and be the same.
 *
 *   PARITY_HISTORIES=N   so many of them instead of 40,000
 *   PARITY_HISTORY=N     only this one, shown step by step
 *   PARITY_MUTANTS=1     says how each mutant was caught
 *
 * They run on the simulator's Redis, which needs no round trips; a part of them runs on a real
 * one as well.  Each mutant of the scripts must be caught by one of them. */
#include "parity.h"

#include "base/base.h"
#include "tests/sim/server.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef __SANITIZE_ADDRESS__
#define HISTORIES 4000
#else
#define HISTORIES 40000
#endif
#define PARTS            4 /* tests run beside each other, a process each */
#define REAL_HISTORIES   60
#define MUTANT_HISTORIES 20000 /* within which a mutant must be caught */

static int64_t wall_us;

static int64_t clock_us(void)
{
    return wall_us;
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void expect_seen(const struct parity *p, int at_least)
{
    for (int i = 0; i < N_PARITY_SEEN; i++)
        cr_expect_geq(p->seen[i], at_least, "the histories must go everywhere: %d %s",
                      p->seen[i], parity_seen_name((enum parity_seen)i));
}

static void run_part(uint64_t part)
{
    static struct lua lua;
    struct parity p = {.lua = &lua, .wall_us = &wall_us};
    uint64_t n = number_of("PARITY_HISTORIES", HISTORIES);
    uint64_t only = number_of("PARITY_HISTORY", UINT64_MAX);

    cr_assert(server_load(NULL));
    lua_start_host(&lua, clock_us);
    if (only != UINT64_MAX) {
        p.verbose = true;
        if (only % PARTS == part)
            cr_expect(parity_run(&p, only), "%s", p.problem);
    } else {
        for (uint64_t i = part; i < n; i += PARTS)
            cr_assert(parity_run(&p, i), "%s; PARITY_HISTORY=%" PRIu64 " shows it", p.problem,
                      i);
        expect_seen(&p, (int)(n / PARTS / 200));
    }
    lua_stop(&lua);
    server_unload();
}

Test(breaker_parity, histories_0)
{
    run_part(0);
}

Test(breaker_parity, histories_1)
{
    run_part(1);
}

Test(breaker_parity, histories_2)
{
    run_part(2);
}

Test(breaker_parity, histories_3)
{
    run_part(3);
}

Test(breaker_parity, on_a_real_redis)
{
    static struct lua lua;
    struct parity p = {.lua = &lua};

    lua_start(&lua, "");
    for (uint64_t i = 0; i < REAL_HISTORIES; i++)
        cr_assert(parity_run(&p, i), "%s", p.problem);
    cr_expect_gt(p.seen[PARITY_ROW_TRIP] + p.seen[PARITY_RATE_TRIP], 10);
    cr_expect_gt(p.seen[PARITY_CLOSED], 2);
    lua_stop(&lua);
}

/* ---- does a rule that differs show? ---- */

static const struct server_mutant mutants[] = {
    {"no-doubling", "each open time is as long as the first", "d = d * 2", "d = d", 0},
    {"no-cap", "the open time grows without an end", "d = math.min(d, max, OPEN_MAX)", "", 0},
    {"jitter", "another share of the open time is jitter", "* jitter / 65535",
     "* jitter / 65536", 0},
    {"no-epoch", "a report of any epoch counts",
     "if ep ~= r.ep or r.st ~= 'closed' or ver ~= heard then", "if r.st ~= 'closed' then", 0},
    {"no-probe-epoch", "a probe of any epoch counts",
     "if ep ~= r.ep or r.st ~= 'half-open' then", "if r.st ~= 'half-open' then", 0},
    {"row+1", "one failure more", "r.hard >= threshold", "r.hard > threshold", 0},
    {"endless-row", "a success does not end the row",
     "r.hard = ok > 0 and hard or r.hard + hard", "r.hard = r.hard + hard", 0},
    {"unforgiven", "clean periods forgive nothing",
     "r.n = math.max(0, r.n - floor(math.max(0, now - r.clean) / forgive))", "", 0},
    {"forgiven-twice", "a failure starts no new period", "    r.clean = now\n", "", 0},
    {"window+1", "the window has eleven buckets", "t > index - 10", "t >= index - 10", 0},
    {"window-1", "the window has nine buckets", "t > index - 10", "t > index - 9", 0},
    {"old-window", "a trip keeps the window's counts", "'w:' .. r.key, base .. 'row:'",
     "'row:'", 0},
    {"share", "the share has to be passed", "part * 100 >= share * total",
     "part * 100 > share * total", 0},
    {"minimum", "the minimum has to be passed", "total >= minimum", "total > minimum", 0},
    {"slow", "slow ones are not counted", "slowed + s", "slowed", 0},
    {"early", "a probe may go a millisecond before its time", "now < r['until']",
     "now + 1 < r['until']", 0},
    {"probe+1", "one probe more", "redis.call('ZCARD', leases) >= max",
     "redis.call('ZCARD', leases) > max", 0},
    {"long-lease", "a lease keeps its slot a millisecond longer", "'-inf', text(now))\nmax",
     "'-inf', text(now - 1))\nmax", 0},
    {"late-probe", "a probe counts a millisecond longer", "tonumber(expiry) <= now",
     "tonumber(expiry) < now", 0},
    {"late-renewal", "a late renewal takes a slot", "elseif renew then", "elseif false then",
     0},
    {"success+1", "one success more", "r.succ >= threshold", "r.succ > threshold", 0},
    {"abandoned", "an abandoned probe is a success", "elseif verdict == 'ok' then", "else", 0},
    {"same-n", "a failed probe does not double the time", "if not settles then",
     "if false then", 0},
    {"reset", "a reset remembers trips", "'closed', 0, 0, 0, now, gen",
     "'closed', 0, r.n, 0, now, gen", 0},
    {"duplicates", "a report that comes twice counts twice",
     "if seq <= (whole(redis.call('HGET', base .. 'seq', router)) or 0) then", "if false then",
     0},
    {"clock", "time runs back with Redis' clock", "if last > now or leaps then",
     "if leaps then", 0},
    {"adopted", "a state taken over forgets its trips",
     "r['until'], r.n, r.clean, r.doubt = v['until'], v.n,",
     "r['until'], r.n, r.clean, r.doubt = v['until'], 0,", 0},
};

Test(breaker_parity, mutants_are_caught)
{
    static struct lua lua;
    uint64_t at;

    for (size_t m = 0; m < ARRAY_LEN(mutants); m++) {
        struct parity p = {.lua = &lua, .wall_us = &wall_us};

        cr_assert(server_load(&mutants[m]), "mutant %s is about a line that is not there",
                  mutants[m].name);
        lua_start_host(&lua, clock_us);
        for (at = 0; at < MUTANT_HISTORIES && parity_run(&p, at); at++)
            ;
        cr_expect_lt(at, MUTANT_HISTORIES, "mutant %s (%s) was not caught", mutants[m].name,
                     mutants[m].what);
        if (getenv("PARITY_MUTANTS") != NULL)
            printf("%-15s %s\n", mutants[m].name, p.problem);
        lua_stop(&lua);
        server_unload();
    }
}
