/* test_hedge.c - patience with a silent region, row by row. */
#include "policy/hedge.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(hedge, patience)
{
    static const struct {
        struct hedge_facts f;
        int64_t want_ms;
    } rows[] = {
        {{.p95_ms = -1, .typical_ms = -1}, 10000},
        {{.p95_ms = -1, .typical_ms = -1, .is_probe = true}, 3000},
        {{.p95_ms = -1, .typical_ms = 0}, 5000},
        {{.p95_ms = -1, .typical_ms = 1000}, 12000},
        {{.p95_ms = -1, .typical_ms = 1000, .is_probe = true}, 3000},
        {{.p95_ms = 0, .typical_ms = 9000}, 5000},
        {{.p95_ms = 0, .is_probe = true}, 2000},
        {{.p95_ms = 1250}, 5000},
        {{.p95_ms = 1251}, 5004},
        {{.p95_ms = 2001, .is_probe = true}, 2001},
        {{.p95_ms = 9000}, 36000},
        {{.p95_ms = 9000, .is_probe = true}, 9000},
        /* doubted: as long as it has answered nobody meanwhile */
        {{.silent_ms = 700, .region_silent_ms = 700, .is_doubted = true}, 2000},
        {{.silent_ms = 700, .region_silent_ms = 699, .is_doubted = true}, 5000},
        {{.silent_ms = 1,
          .region_silent_ms = 1,
          .p95_ms = -1,
          .typical_ms = -1,
          .is_doubted = true},
         3000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(hedge_patience_ms(&rows[i].f), rows[i].want_ms, "row %zu", i);
}

Test(hedge, due)
{
    static const struct {
        const char *name;
        struct hedge_facts f;
        bool want;
    } rows[] = {
        {"within its patience",
         {.silent_ms = 4999, .region_silent_ms = 60000, .budget = true},
         false},
        {"out of patience, and a hedge is earned", {.silent_ms = 5000, .budget = true}, true},
        {"the region answers others, and none is earned",
         {.silent_ms = 60000, .region_silent_ms = 4999},
         false},
        {"the region answers nobody", {.silent_ms = 5000, .region_silent_ms = 5000}, true},
        {"a probe needs no budget", {.silent_ms = 2000, .is_probe = true}, true},
        {"a probe within its patience",
         {.silent_ms = 1999, .region_silent_ms = 9999, .is_probe = true, .budget = true},
         false},
        {"a region that is slow by nature",
         {.silent_ms = 60000, .region_silent_ms = 60000, .p95_ms = 20000, .budget = true},
         false},
        {"it failed somebody, and all are silent",
         {.silent_ms = 2000, .region_silent_ms = 2000, .is_doubted = true},
         true},
        {"it failed somebody and answers others",
         {.silent_ms = 4000, .region_silent_ms = 100, .is_doubted = true, .budget = true},
         false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(hedge_is_due(&rows[i].f), rows[i].want, "%s", rows[i].name);
}

Test(hedge, losing_a_race_is_not_failing)
{
    cr_expect_not(hedge_was_overtaken(&(struct hedge_facts){.silent_ms = 4999}));
    cr_expect(hedge_was_overtaken(&(struct hedge_facts){.silent_ms = 5000}));
    cr_expect(hedge_was_overtaken(&(struct hedge_facts){.silent_ms = 2000, .is_probe = true}));
    cr_expect_not(hedge_was_overtaken(
        &(struct hedge_facts){.silent_ms = 9000, .p95_ms = -1, .typical_ms = -1}));
}
