/* test_latency.c - percentiles over the last samples, or no word at all. */
#include "policy/latency.h"

#include <criterion/criterion.h>

Test(latency, silent_until_there_are_enough)
{
    struct latency l = {0};

    for (int i = 1; i < LATENCY_ENOUGH; i++)
        latency_add(&l, 0, i);
    cr_expect_eq(latency_percentile(&l, 95), -1);
    latency_add(&l, 0, LATENCY_ENOUGH);
    cr_expect_eq(latency_percentile(&l, 95), 19); /* nearest rank of 1..20 */
    cr_expect_eq(latency_percentile(&l, 100), 20);
    cr_expect_eq(latency_percentile(&l, 1), 1);
    cr_expect_eq(latency_percentile(&l, 50), 10);
}

Test(latency, only_the_last_samples_count)
{
    struct latency l = {0};

    for (int i = 0; i < LATENCY_SAMPLES; i++)
        latency_add(&l, 0, 1000);
    for (int i = 0; i < LATENCY_SAMPLES; i++)
        latency_add(&l, 0, 5);
    cr_expect_eq(latency_percentile(&l, 100), 5);
}

Test(latency, odd_times_are_cut)
{
    struct latency l = {0};

    for (int i = 0; i < LATENCY_ENOUGH; i++)
        latency_add(&l, 0, i % 2 ? -7 : INT64_MAX);
    cr_expect_eq(latency_percentile(&l, 1), 0);
    cr_expect_eq(latency_percentile(&l, 100), UINT32_MAX);
}

Test(latency, the_kept_percentile_follows)
{
    struct latency l = {0};

    for (int i = 1; i < LATENCY_ENOUGH; i++)
        latency_add(&l, i, 10);
    cr_expect_eq(latency_p95_ms(&l), -1);
    latency_add(&l, 77, 10);
    cr_expect_eq(latency_p95_ms(&l), 10);
    cr_expect_eq(l.last_ms, 77);
    for (int i = 0; i < LATENCY_STALE; i++) {
        cr_expect_eq(latency_p95_ms(&l), 10, "after %d", i);
        latency_add(&l, 0, 900);
    }
    cr_expect_eq(latency_p95_ms(&l), 900);
}
