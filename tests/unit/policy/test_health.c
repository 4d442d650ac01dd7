/* test_health.c - the score after histories of attempts. */
#include "policy/health.h"

#include "base/base.h"

#include <criterion/criterion.h>

static const struct { /* o = went well, f = failed */
    const char *history;
    int want;
} rows[] = {
    {"", 100},
    {"o", 100},
    {"f", 95},
    {"ff", 90},
    {"fff", 86},
    {"ffffffffff", 60},
    {"ffffffffffo", 70},
    {"ffffffffffooo", 90},
    {"ffffffffffoooo", 100},
    {"fo", 100},
    {"ffo", 100},
    {"fffo", 96},
};

Test(health, histories)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct health h = {0};

        for (const char *c = rows[i].history; *c != '\0'; c++)
            health_note(&h, *c == 'o');
        cr_expect_eq(health_score(&h), rows[i].want, "'%s': %d", rows[i].history,
                     health_score(&h));
    }
}

Test(health, stays_within_its_bounds)
{
    struct health h = {0};

    for (int i = 0; i < 1000; i++) {
        health_note(&h, false);
        cr_assert(health_score(&h) >= 0 && health_score(&h) <= 100);
    }
    cr_expect_eq(health_score(&h), 0, "failures alone end at nothing");
    for (int i = 0; i < 10; i++)
        health_note(&h, true);
    cr_expect_eq(health_score(&h), 100, "ten successes bring anything back");
}
