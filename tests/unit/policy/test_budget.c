/* test_budget.c - extra attempts never exceed their share plus what was saved. */
#include "policy/budget.h"

#include <criterion/criterion.h>

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static const struct { /* r = request, s = spend granted, x = spend refused, b = bill */
    const char *name;
    int percent;
    int64_t cap, saved;
    const char *script;
} rows[] = {
    {"nothing saved", 20, 10, 0, "x"},
    {"five requests buy one", 20, 10, 0, "rrrrxrsx"},
    {"saved ones first", 20, 10, 2, "ssx"},
    {"saving is capped", 50, 2, 0, "rrrrrrrrrrssx"},
    {"no more in hand than the cap", 20, 1, 9, "sx"},
    {"every request one", 100, 10, 0, "rsxrsx"},
    {"no bound", 0, 10, 0, "ssssssss"},
    {"a bill is paid", 20, 10, 1, "bx"},
    {"a debt is paid first", 20, 10, 0, "bxrrrrrxrrrrrsx"},
    {"no deeper than what may be saved", 50, 1, 0, "bbbbbrrxrrsx"},
    {"no bound, no bill", 0, 10, 0, "bbsb"},
};

Test(budget, histories)
{
    for (size_t i = 0; i < LEN(rows); i++) {
        struct budget b;

        budget_init(&b, rows[i].percent, rows[i].cap, rows[i].saved);
        for (const char *c = rows[i].script; *c != '\0'; c++) {
            if (*c == 'r') {
                budget_earn(&b);
                continue;
            }
            if (*c == 'b') {
                budget_bill(&b);
                continue;
            }
            cr_expect_eq(budget_has(&b), *c == 's', "row '%s'", rows[i].name);
            cr_expect_eq(budget_spend(&b), *c == 's', "row '%s' at %ld", rows[i].name,
                         (long)(c - rows[i].script));
        }
    }
}

Test(budget, long_run_stays_within_the_share)
{
    struct budget b;
    int spent = 0;

    budget_init(&b, 20, 100, 100);
    for (int i = 0; i < 10000; i++) {
        budget_earn(&b);
        spent += budget_spend(&b);
        spent += budget_spend(&b);
    }
    cr_expect_leq(spent, 2000 + 100);
    cr_expect_geq(spent, 2000);
}
