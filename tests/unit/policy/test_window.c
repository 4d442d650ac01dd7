/* test_window.c - buckets leave the sum one by one, and exactly on their edge. */
#include "policy/window.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(window, one_count_is_seen_until_ten_buckets_later)
{
    static const struct {
        const char *name;
        int64_t length_ms, add_at_ms, sum_at_ms, want;
    } cases[] = {
        {"same moment", 1000, 0, 0, 1},
        {"last millisecond of the window", 1000, 0, 999, 1},
        {"tenth bucket later", 1000, 0, 1000, 0},
        {"added at the end of its bucket, gone with it", 1000, 99, 1000, 0},
        {"added in the next bucket, still seen", 1000, 100, 1000, 1},
        {"... until its own end", 1000, 100, 1099, 1},
        {"... and gone", 1000, 100, 1100, 0},
        {"large times", 10000, 1700000000000, 1700000009999, 1},
        {"large times, gone", 10000, 1700000000000, 1700000010000, 0},
        {"far later", 1000, 0, 1000000000, 0},
        {"the same slot, one turn later", 1000, 50, 1050, 0},
        {"length not a multiple of ten is rounded down", 1009, 0, 999, 1},
        {"length not a multiple of ten, gone", 1009, 0, 1000, 0},
        {"shortest length: 1 ms buckets", 0, 5, 14, 1},
        {"shortest length, gone", 0, 5, 15, 0},
        {"a clock that went back does not see the future", 1000, 500, 399, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct window w;

        window_init(&w, cases[i].length_ms);
        window_add(&w, 0, 1, 0, cases[i].add_at_ms);
        cr_expect_eq(window_sum(&w, cases[i].sum_at_ms).fail, cases[i].want, "row '%s'",
                     cases[i].name);
    }
}

Test(window, sums_every_kind_over_all_buckets)
{
    struct window w;

    window_init(&w, 1000);
    for (int i = 0; i < 10; i++)
        window_add(&w, 1, 2, 3, i * 100);
    struct window_counts sum = window_sum(&w, 999);

    cr_expect_eq(sum.ok, 10);
    cr_expect_eq(sum.fail, 20);
    cr_expect_eq(sum.slow, 30);
    window_add(&w, 5, 0, 0, 1000); /* takes over the slot of the first bucket */
    sum = window_sum(&w, 1000);
    cr_expect_eq(sum.ok, 14);
    cr_expect_eq(sum.fail, 18);
}

Test(window, clear_forgets_and_keeps_the_length)
{
    struct window w;

    window_init(&w, 1000);
    window_add(&w, 1, 1, 1, 100);
    window_clear(&w);
    cr_expect_eq(window_sum(&w, 100).ok, 0);
    window_add(&w, 1, 0, 0, 100);
    cr_expect_eq(window_sum(&w, 1099).ok, 1);
    cr_expect_eq(window_sum(&w, 1100).ok, 0);
}

Test(window, numbers_below_zero_count_as_zero)
{
    struct window w;

    window_init(&w, 1000);
    window_add(&w, 3, 3, 3, 0);
    window_add(&w, -1, -1, -1, 0);
    struct window_counts sum = window_sum(&w, 0);

    cr_expect_eq(sum.ok, 3);
    cr_expect_eq(sum.fail, 3);
    cr_expect_eq(sum.slow, 3);
}
