/* test_ramp.c - the share a recovered region gets back. */
#include "policy/ramp.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(ramp, grows_in_a_straight_line)
{
    static const struct {
        int64_t now_ms, start_ms, ramp_ms;
        int want;
    } rows[] = {
        {1000, 1000, 10000, 10},
        {1001, 1000, 10000, 10},
        {2112, 1000, 10000, 20}, /* 10 + 90 * 1112 / 10000 */
        {6000, 1000, 10000, 55},
        {10999, 1000, 10000, 99},
        {11000, 1000, 10000, 100},
        {11001, 1000, 10000, 100},
        {INT64_C(1) << 52, 1000, 10000, 100},
        {999, 1000, 10000, 10}, /* heard of before our clock says so */
        {1000, 1000, 0, 100},
        {1000, 1000, -1, 100},
        {1000, 1000, 1, 10},
        {1001, 1000, 1, 100},
        {-500, -1000, 1000, 55}, /* a host that has just booted */
        {INT64_C(3600000) - 1, 0, 3600000, 99},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(ramp_share_percent(rows[i].now_ms, rows[i].start_ms, rows[i].ramp_ms),
                     rows[i].want, "row %zu", i);
}

Test(ramp, never_falls)
{
    int last = 0;

    for (int64_t now_ms = 0; now_ms <= 5000; now_ms++) {
        int share = ramp_share_percent(now_ms, 0, 4321);

        cr_assert_geq(share, last);
        last = share;
    }
    cr_expect_eq(last, 100);
}
