/* test_choices.c - a set of answers: what is in it, how many, and what is within what. */
#include "dialect/choices.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

Test(choices, an_index_beyond_the_bounds_counts_as_the_nearest)
{
    static const struct {
        int64_t index;
        uint64_t bits[2];
    } rows[] = {
        {INT64_MIN, {1, 0}},
        {-1, {1, 0}},
        {0, {1, 0}},
        {1, {2, 0}},
        {63, {1ULL << 63, 0}},
        {64, {0, 1}},
        {127, {0, 1ULL << 63}},
        {128, {0, 1ULL << 63}},
        {INT64_MAX, {0, 1ULL << 63}},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct choices set = {{0, 0}};

        choices_set(&set, rows[i].index);
        cr_expect_eq(memcmp(set.bits, rows[i].bits, 16), 0, "row %zu", i);
        cr_expect_eq(choices_count(&set), 1, "row %zu", i);
    }
}

Test(choices, sets_are_added_counted_and_compared)
{
    struct choices set = {{0, 0}}, more = {{5, 1}}, part = {{4, 1}};

    cr_expect_eq(choices_count(&set), 0);
    cr_expect(choices_within(&set, &more) && !choices_within(&more, &set));
    choices_add(&set, &more);
    cr_expect_eq(choices_count(&set), 3);
    cr_expect(choices_within(&part, &set) && !choices_within(&set, &part));
}
