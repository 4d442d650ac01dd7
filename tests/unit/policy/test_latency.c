/* test_latency.c - percentiles over the last samples, or no word at all. */
#include "policy/latency.h"

#include <criterion/criterion.h>

Test(latency, silent_until_there_are_enough)
{
    struct latency l = {0};

    for (int i = 1; i < LATENCY_ENOUGH; i++)
        latency_add(&l, i);
    cr_expect_eq(latency_percentile(&l, 95), -1);
    latency_add(&l, LATENCY_ENOUGH);
    cr_expect_eq(latency_percentile(&l, 95), 19); /* nearest rank of 1..20 */
    cr_expect_eq(latency_percentile(&l, 100), 20);
    cr_expect_eq(latency_percentile(&l, 1), 1);
    cr_expect_eq(latency_percentile(&l, 50), 10);
}

Test(latency, only_the_last_samples_count)
{
    struct latency l = {0};

    for (int i = 0; i < LATENCY_SAMPLES; i++)
        latency_add(&l, 1000);
    for (int i = 0; i < LATENCY_SAMPLES; i++)
        latency_add(&l, 5);
    cr_expect_eq(latency_percentile(&l, 100), 5);
}

Test(latency, odd_times_are_cut)
{
    struct latency l = {0};

    for (int i = 0; i < LATENCY_ENOUGH; i++)
        latency_add(&l, i % 2 ? -7 : INT64_MAX);
    cr_expect_eq(latency_percentile(&l, 1), 0);
    cr_expect_eq(latency_percentile(&l, 100), UINT32_MAX);
}
