/* test_retry_after.c - every way to state a wait, which one counts, and what counts for
 * nothing. */
#include "dialect/retry_after.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

#define WALL_MS 784111777000LL /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DAY_MS  86400000LL

/* Fields as "name: value" lines. */
static struct str get(const void *arg, const char *name)
{
    struct str rest = str_of(arg);

    while (rest.len > 0) {
        struct str value, line = str_split(rest, '\n', &rest),
                          field = str_split(line, ':', &value);

        if (str_eqz(field, name))
            return value;
    }
    return (struct str){NULL, 0};
}

/* clang-format off */
static const struct {
    const char *fields;
    int64_t want_ms;
} cases[] = {
    {"",                                              -1},
    {"retry-after:",                                  -1},
    {"retry-after: 0",                                0},
    {"retry-after: 1",                                1000},
    {"retry-after: 007",                              7000},
    {"retry-after: 1.5",                              1500},
    {"retry-after: 0.0001",                           1},
    {"retry-after: 1.001",                            1001},
    {"retry-after: 0.1",                              100},
    {"retry-after: 86399",                            DAY_MS - 1000},
    {"retry-after: 86400",                            DAY_MS},
    {"retry-after: 86401",                            DAY_MS},
    {"retry-after: 99999999999999999999999999999999", DAY_MS},
    {"retry-after: -1",                               -1},
    {"retry-after: +1",                               -1},
    {"retry-after: 1e3",                              -1},
    {"retry-after: 1.",                               -1},
    {"retry-after: .5",                               -1},
    {"retry-after: 1s",                               -1},
    {"retry-after: soon",                             -1},
    {"retry-after: 1 2",                              -1},
    {"retry-after: 0x10",                             -1},
    {"retry-after: nan",                              -1},
    /* dates */
    {"retry-after: Sun, 06 Nov 1994 08:49:47 GMT",    10000},
    {"retry-after: Sunday, 06-Nov-94 08:49:47 GMT",   10000},
    {"retry-after: Sun Nov  6 08:49:47 1994",         10000},
    {"retry-after: Sun, 06 Nov 1994 08:49:37 GMT",    0},
    {"retry-after: Sun, 06 Nov 1994 08:49:36 GMT",    0},
    {"retry-after: Thu, 01 Jan 1970 00:00:00 GMT",    0},
    {"retry-after: Mon, 07 Nov 1994 08:49:36 GMT",    DAY_MS - 1000},
    {"retry-after: Mon, 07 Nov 1994 08:49:37 GMT",    DAY_MS},
    {"retry-after: Mon, 07 Nov 1994 08:49:38 GMT",    DAY_MS},
    {"retry-after: Fri, 31 Dec 9999 23:59:59 GMT",    DAY_MS},
    {"retry-after: Sun, 06 Nov 1994 08:49:99 GMT",    -1},
    /* milliseconds go first */
    {"retry-after-ms: 250",                           250},
    {"retry-after-ms: 250.2",                         251},
    {"retry-after-ms: 0",                             0},
    {"retry-after-ms: 250\nretry-after: 9",           250},
    {"retry-after-ms: -5\nretry-after: 9",            9000},
    {"retry-after-ms: 99999999999999999",             DAY_MS},
    /* OpenAI's two resets */
    {"x-ratelimit-reset-requests: 1s",                1000},
    {"x-ratelimit-reset-requests: 6m0s",              360000},
    {"x-ratelimit-reset-tokens: 20ms",                20},
    {"x-ratelimit-reset-tokens: 1h2m3.5s",            3723500},
    {"x-ratelimit-reset-tokens: 2m59.56s",            179560},
    {"x-ratelimit-reset-tokens: 1d2h",                DAY_MS},
    {"x-ratelimit-reset-tokens: 23h59m59s999ms",      DAY_MS - 1},
    {"x-ratelimit-reset-tokens: 0s",                  0},
    {"x-ratelimit-reset-tokens: 5",                   -1},
    {"x-ratelimit-reset-tokens: s",                   -1},
    {"x-ratelimit-reset-tokens: 1s1m",                -1},
    {"x-ratelimit-reset-tokens: 1s1s",                -1},
    {"x-ratelimit-reset-tokens: -1s",                 -1},
    {"x-ratelimit-reset-tokens: 1sx",                 -1},
    {"x-ratelimit-reset-tokens: 1 s",                 -1},
    {"x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 3s", 3000},
    {"x-ratelimit-reset-requests: 3s\nx-ratelimit-reset-tokens: 1s", 3000},
    {"x-ratelimit-reset-requests: 3s\nx-ratelimit-reset-tokens: 1s\nx-ratelimit-remaining-requests: 7", 1000},
    {"x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 3s\nx-ratelimit-remaining-requests: 0", 1000},
    {"retry-after: 2\nx-ratelimit-reset-requests: 9s", 2000},
    {"retry-after: x\nx-ratelimit-reset-requests: 9s", 9000},
    /* seconds or a moment */
    {"x-ratelimit-reset: 30",                         30000},
    {"x-ratelimit-reset: 0",                          0},
    {"x-ratelimit-reset: 1.25",                       1250},
    {"x-ratelimit-reset: 30s",                        -1},
    {"x-ratelimit-reset: 999999999",                  DAY_MS},
    {"x-ratelimit-reset: later\nretry-after: ",       -1},
    {"x-ratelimit-reset-tokens: 4s\nx-ratelimit-reset: 9", 4000},
};
/* clang-format on */

Test(retry_after, forms_and_their_order)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t ms = retry_after_ms(get, cases[i].fields, WALL_MS);

        cr_expect_eq(ms, cases[i].want_ms, "row %zu '%s': %lld", i, cases[i].fields,
                     (long long)ms);
    }
}

Test(retry_after, a_moment_in_seconds_or_milliseconds)
{
    const int64_t wall_ms = 1741305590000;

    cr_expect_eq(retry_after_ms(get, "x-ratelimit-reset: 1741305600", wall_ms), 10000);
    cr_expect_eq(retry_after_ms(get, "x-ratelimit-reset: 1741305600000", wall_ms), 10000);
    cr_expect_eq(retry_after_ms(get, "x-ratelimit-reset: 1741305590", wall_ms), 0);
    cr_expect_eq(retry_after_ms(get, "x-ratelimit-reset: 1741300000", wall_ms), 0);
    cr_expect_eq(retry_after_ms(get, "x-ratelimit-reset: 9999999999", wall_ms), DAY_MS);
}
