/* test_rand.c - the published sequence, and numbers that stay where they were asked for. */
#include "base/rand.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

/* First outputs of the reference xoshiro256** from the state {1, 2, 3, 4}. */
Test(rand, matches_the_reference)
{
    static const uint64_t want[] = {
        11520u,
        0u,
        1509978240u,
        1215971899390074240u,
        1216172134540287360u,
        607988272756665600u,
        16172922978634559625u,
        8476171486693032832u,
        10595114339597558777u,
        2904607092377533576u,
    };
    struct rand r = {{1, 2, 3, 4}};

    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        cr_expect_eq(rand_u64(&r), want[i], "output %zu", i);
}

/* The state is filled by SplitMix64, as the authors of the generator advise. */
Test(rand, seeds_by_splitmix)
{
    static const uint64_t want[4] = {0xe220a8397b1dcdafu, 0x6e789e6aa1b965f4u,
                                     0x06c45d188009454fu, 0xf88bb8a8724c81ecu};
    struct rand r;

    rand_init(&r, 0);
    for (size_t i = 0; i < 4; i++)
        cr_expect_eq(r.s[i], want[i], "word %zu", i);
}

Test(rand, same_seed_same_sequence_other_seed_another)
{
    struct rand a, b, c;
    int equal = 0;

    rand_init(&a, 42);
    rand_init(&b, 42);
    rand_init(&c, 43);
    for (int i = 0; i < 100; i++) {
        uint64_t x = rand_u64(&a);

        cr_expect_eq(x, rand_u64(&b));
        equal += x == rand_u64(&c);
    }
    cr_expect_eq(equal, 0);
}

Test(rand, two_seeds_of_the_system_differ)
{
    struct rand a, b;

    rand_init_os(&a);
    rand_init_os(&b);
    cr_expect_neq(memcmp(&a, &b, sizeof(a)), 0);
}

Test(rand, below_reaches_every_number_and_no_other)
{
    static const uint64_t bounds[] = {1, 2, 3, 7, 10};
    struct rand r;

    rand_init(&r, 7);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        int count[10] = {0};

        for (int n = 0; n < 10000; n++) {
            uint64_t x = rand_below(&r, bounds[i]);

            cr_assert_lt(x, bounds[i]);
            count[x]++;
        }
        for (uint64_t x = 0; x < bounds[i]; x++) { /* far beyond five standard deviations */
            cr_expect_gt(count[x], 10000 / (int)bounds[i] * 8 / 10);
            cr_expect_lt(count[x], 10000 / (int)bounds[i] * 12 / 10 + 1);
        }
    }
    for (int n = 0; n < 1000; n++)
        cr_assert_lt(rand_below(&r, UINT64_MAX), UINT64_MAX);
}

Test(rand, jitter_covers_its_range)
{
    struct rand r;
    uint16_t low = UINT16_MAX, high = 0;

    rand_init(&r, 1);
    for (int i = 0; i < 10000; i++) {
        uint16_t x = rand_jitter(&r);

        low = x < low ? x : low;
        high = x > high ? x : high;
    }
    cr_expect_lt(low, 100);
    cr_expect_gt(high, 65435);
}

Test(rand, hex_writes_its_digits_and_a_nul)
{
    static const size_t sizes[] = {0, 1, 16, 31};
    struct rand r;

    rand_init(&r, 5);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char out[40];

        memset(out, '#', sizeof(out));
        rand_hex(&r, out, sizes[i]);
        cr_expect_eq(strspn(out, "0123456789abcdef"), sizes[i]);
        cr_expect_eq(out[sizes[i]], '\0');
        cr_expect_eq(out[sizes[i] + 1], '#', "nothing is written behind the NUL");
    }
}

/* clang-format off */
static const struct {
    int64_t first_ms, max_ms;
    unsigned failures;
    int64_t step_ms;
} backoffs[] = {
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

Test(rand, backoff_doubles_up_to_its_limit_and_the_jitter_uses_all_of_it)
{
    for (size_t i = 0; i < ARRAY_LEN(backoffs); i++) {
        struct rand r;
        int64_t least = INT64_MAX, most = -1;

        rand_init(&r, 42 + i);
        for (int n = 0; n < 2000; n++) {
            int64_t ms = rand_backoff_ms(&r, backoffs[i].first_ms, backoffs[i].max_ms,
                                         backoffs[i].failures);

            least = ms < least ? ms : least;
            most = ms > most ? ms : most;
        }
        cr_expect(least >= 0 && least <= backoffs[i].step_ms / 50, "row %zu: from %lld", i,
                  (long long)least);
        cr_expect(most <= backoffs[i].step_ms && most >= backoffs[i].step_ms / 50 * 49,
                  "row %zu: to %lld", i, (long long)most);
    }
}
