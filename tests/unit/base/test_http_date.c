/* test_http_date.c - the three forms of RFC 9110 section 5.6.7, and what is none of them. */
#include "base/http_date.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOW_MS 1717171717000LL /* 2024-05-31 16:08:37 */

/* clang-format off */
static const struct {
    const char *text;
    int64_t want_s; /* -1: refused */
} cases[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT",   784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT",  784111777},
    {"Sun Nov  6 08:49:37 1994",        784111777},
    {"Wed Nov 16 08:49:37 1994",        784975777},
    {"Thu, 01 Jan 1970 00:00:00 GMT",   0},
    {"Thu, 29 Feb 2024 23:59:59 GMT",   1709251199},
    {"Tue, 29 Feb 2000 00:00:00 GMT",   951782400},
    {"Sat, 31 Dec 2016 23:59:60 GMT",   1483228800},
    {"Fri, 31 Dec 9999 23:59:59 GMT",   253402300799},
    {"Friday, 31-May-24 16:08:37 GMT",  1717171717},
    {"Friday, 01-Jan-99 00:00:00 GMT",  915148800},
    {"Wednesday, 01-Jan-70 00:00:00 GMT", 3155760000},
    {"Sunday, 01-Jan-84 00:00:00 GMT",  441763200},
    {"",                                -1},
    {"Sun, 06 Nov 1994 08:49:37",       -1},
    {"Sun, 06 Nov 1994 08:49:37 UTC",   -1},
    {"Sun, 06 Nov 1994 08:49:37 +0000", -1},
    {"Sun, 06 Nov 1994 08:49:37 GMTx",  -1},
    {"Sun, 06 Nov 94 08:49:37 GMT",     -1},
    {"Sun, 6 Nov 1994 08:49:37 GMT",    -1},
    {"Sun, 06 nov 1994 08:49:37 GMT",   -1},
    {"sun, 06 Nov 1994 08:49:37 GMT",   -1},
    {"Xyz, 06 Nov 1994 08:49:37 GMT",   -1},
    {"Sun,06 Nov 1994 08:49:37 GMT",    -1},
    {"Sun, 06 Nov 1994 8:49:37 GMT",    -1},
    {"Sun, 06 Nov 1994 08:49 GMT",      -1},
    {"Sun, 00 Nov 1994 08:49:37 GMT",   -1},
    {"Sun, 31 Nov 1994 08:49:37 GMT",   -1},
    {"Wed, 29 Feb 2023 08:49:37 GMT",   -1},
    {"Thu, 29 Feb 1900 08:49:37 GMT",   -1},
    {"Sun, 06 Nov 1994 24:00:00 GMT",   -1},
    {"Sun, 06 Nov 1994 08:60:00 GMT",   -1},
    {"Sun, 06 Nov 1994 08:49:61 GMT",   -1},
    {"Sun, -6 Nov 1994 08:49:37 GMT",   -1},
    {"Sun, 06-Nov-94 08:49:37 GMT",     -1},
    {"Sun Nov 6 08:49:37 1994",         -1},
    {"Sun Nov 06 08:49:37 1994 GMT",    -1},
    {"1994-11-06T08:49:37Z",            -1},
};
/* clang-format on */

Test(http_date, forms)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t out = 42;
        int rc = http_date_read(str_of(cases[i].text), NOW_MS, &out);

        cr_expect_eq(rc, cases[i].want_s >= 0 ? 0 : -1, "'%s'", cases[i].text);
        cr_expect_eq(out, rc == 0 ? cases[i].want_s * 1000 : 42, "'%s': %lld", cases[i].text,
                     (long long)out);
    }
}

Test(http_date, every_cut_of_a_date_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t out;

        for (size_t cut = 0; cases[i].want_s >= 0 && cut < strlen(cases[i].text); cut++)
            cr_expect_eq(http_date_read((struct str){cases[i].text, cut}, NOW_MS, &out), -1);
    }
}

/* Every 5 days and some seconds over 150 years, as the C library writes them. */
Test(http_date, the_calendar_is_the_c_librarys)
{
    for (time_t t = 0; t < 150LL * 366 * 86400; t += 5 * 86400 + 12347) {
        char fixdate[64], asctime_form[64];
        struct tm tm;
        int64_t out = -1;

        gmtime_r(&t, &tm);
        strftime(fixdate, sizeof(fixdate), "%a, %d %b %Y %H:%M:%S GMT", &tm);
        strftime(asctime_form, sizeof(asctime_form), "%a %b %e %H:%M:%S %Y", &tm);
        cr_assert_eq(http_date_read(str_of(fixdate), NOW_MS, &out), 0, "%s", fixdate);
        cr_assert_eq(out, (int64_t)t * 1000, "%s", fixdate);
        cr_assert_eq(http_date_read(str_of(asctime_form), NOW_MS, &out), 0, "%s", asctime_form);
        cr_assert_eq(out, (int64_t)t * 1000, "%s", asctime_form);
    }
}
