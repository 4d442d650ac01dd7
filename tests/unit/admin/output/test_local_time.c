/* test_local_time.c - spans and dates as people read them. */
#include "admin/output/local_time.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <time.h>

Test(local_time, spans)
{
    static const struct {
        int64_t ms;
        const char *want;
    } rows[] = {
        {-5, "0s"},
        {0, "0s"},
        {1, "1ms"},
        {99, "99ms"},
        {100, "0.1s"},
        {999, "0.9s"},
        {1000, "1s"},
        {59999, "59s"},
        {60000, "1m"},
        {61000, "1m01s"},
        {599000, "9m59s"},
        {3600000, "1h"},
        {3660000, "1h01m"},
        {86399999, "23h59m"},
        {86400000, "1d"},
        {90000000, "1d01h"},
        {INT64_C(31622400000), "366d"},
        {INT64_MAX, "106751991167d07h"},
    };
    char out[LOCAL_TIME_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        local_time_span(rows[i].ms, out);
        cr_expect_str_eq(out, rows[i].want, "%lld ms: %s", (long long)rows[i].ms, out);
    }
}

Test(local_time, dates_are_local)
{
    char out[LOCAL_TIME_MAX];

    setenv("TZ", "UTC0", 1);
    tzset();
    local_time_date(INT64_C(1795218795381), out);
    cr_expect_str_eq(out, "2026-11-20 23:53:15");
    setenv("TZ", "XXX-2", 1);
    tzset();
    local_time_date(INT64_C(1795218795381), out);
    cr_expect_str_eq(out, "2026-11-21 01:53:15");
    local_time_date(0, out);
    cr_expect_str_eq(out, "1970-01-01 02:00:00");
    local_time_date(INT64_MAX, out); /* whatever it is, it ends */
    cr_expect_neq(out[0], '\0');
}
