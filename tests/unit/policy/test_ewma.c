/* test_ewma.c - the average follows its samples. */
#include "policy/ewma.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(ewma, the_first_sample_is_the_value)
{
    struct ewma e = {0};

    cr_expect_eq(ewma_us(&e, 777), 777, "the prior, while there is none");
    ewma_add(&e, 1000);
    cr_expect_eq(ewma_us(&e, 777), 1000);
}

Test(ewma, a_sample_counts_one_tenth)
{
    static const struct {
        int64_t sample, want;
    } rows[] = {{1000, 1000}, {2000, 1100}, {2000, 1190}, {0, 1071}, {-5, 964}};
    struct ewma e = {0};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        ewma_add(&e, rows[i].sample);
        cr_expect_eq(ewma_us(&e, 0), rows[i].want, "row %zu: %lld", i,
                     (long long)ewma_us(&e, 0));
    }
}

Test(ewma, small_differences_are_not_lost)
{
    struct ewma e = {0};

    ewma_add(&e, 100);
    for (int i = 0; i < 200; i++)
        ewma_add(&e, 101);
    cr_expect_eq(ewma_us(&e, 0), 101);
}
