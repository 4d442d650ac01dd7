/* test_backoff.c - the step doubles up to its limit, and the jitter uses all of it. */
#include "redis/backoff.h"

#include "base/base.h"

#include <criterion/criterion.h>

/* clang-format off */
static const struct {
    int64_t first_ms, max_ms;
    unsigned failures;
    int64_t step_ms;
} rows[] = {
    {100, 5000, 0, 100},
    {100, 5000, 1, 200},
    {100, 5000, 5, 3200},
    {100, 5000, 6, 5000},
    {100, 5000, 4000000000u, 5000},
    {100, 100,  9, 100},
    {0,   0,    3, 0},
    {0,   5000, 3, 0},
    {1, INT64_MAX / 2, 62, INT64_MAX / 2},
};
/* clang-format on */

Test(redis_backoff, steps)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rand r;
        int64_t least = INT64_MAX, most = -1;

        rand_init(&r, 42 + i);
        for (int n = 0; n < 2000; n++) {
            int64_t ms =
                redis_backoff_ms(rows[i].first_ms, rows[i].max_ms, rows[i].failures, &r);

            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        cr_expect(least >= 0 && least <= rows[i].step_ms / 50, "row %zu: from %lld", i,
                  (long long)least);
        cr_expect(most <= rows[i].step_ms && most >= rows[i].step_ms / 50 * 49,
                  "row %zu: to %lld", i, (long long)most);
    }
}
