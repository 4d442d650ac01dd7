/* test_hedge.c - patience with a silent region, row by row. */
#include "policy/hedge.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(hedge, patience)
{
    static const struct {
        int64_t p95_ms;
        bool is_probe;
        int64_t want_ms;
    } rows[] = {
        {-1, false, 30000},   {-1, true, 10000},   {0, false, 5000},       {0, true, 2000},
        {1250, false, 5000},  {1251, false, 5004}, {2000, true, 2000},     {2001, true, 2001},
        {9000, false, 36000}, {9000, true, 9000},  {60000, false, 240000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(hedge_patience_ms(rows[i].p95_ms, rows[i].is_probe), rows[i].want_ms,
                     "row %zu", i);
}

Test(hedge, due)
{
    static const struct {
        const char *name;
        struct hedge_facts f;
        bool want;
    } rows[] = {
        {"within its patience", {4999, 60000, 100, false, true}, false},
        {"out of patience, and a hedge is earned", {5000, 0, 100, false, true}, true},
        {"the region answers others, and none is earned",
         {60000, 4999, 100, false, false},
         false},
        {"the region answers nobody", {5000, 5000, 100, false, false}, true},
        {"a probe needs no budget", {2000, 0, 100, true, false}, true},
        {"a probe within its patience", {1999, 9999, 100, true, true}, false},
        {"a region that is slow by nature", {60000, 60000, 20000, false, true}, false},
        {"nothing is known", {29999, 90000, -1, false, true}, false},
        {"nothing is known, for long", {30000, 90000, -1, false, false}, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(hedge_is_due(&rows[i].f), rows[i].want, "%s", rows[i].name);
}

Test(hedge, losing_a_race_is_not_failing)
{
    cr_expect_not(hedge_was_overtaken(4999, 100, false));
    cr_expect(hedge_was_overtaken(5000, 100, false));
    cr_expect(hedge_was_overtaken(2000, 100, true));
    cr_expect_not(hedge_was_overtaken(20000, -1, false));
}
