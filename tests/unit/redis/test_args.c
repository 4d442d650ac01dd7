/* test_args.c - the arguments of one command are what was added, in order. */
#include "redis/args.h"

#include <criterion/criterion.h>
#include <stdint.h>

Test(redis_args, words_are_borrowed_and_numbers_are_kept)
{
    const char *word = "w";
    struct redis_args a;

    redis_args_init(&a, 5);
    redis_args_word(&a, word);
    redis_args_number(&a, INT64_MIN);
    redis_args_number(&a, -1);
    redis_args_unsigned(&a, UINT64_MAX);
    redis_args_word(&a, NULL);
    cr_assert_eq(a.n, 5);
    cr_expect_eq(a.v[0], word);
    cr_expect_str_eq(a.v[1], "-9223372036854775808");
    cr_expect_str_eq(a.v[2], "-1");
    cr_expect_str_eq(a.v[3], "18446744073709551615");
    cr_expect_null(a.v[4]);
    redis_args_release(&a);
    cr_expect_eq(a.n, 0);
    redis_args_release(&a);
}

Test(redis_args, none_are_fine)
{
    struct redis_args a;

    redis_args_init(&a, 0);
    cr_expect_eq(a.n, 0);
    redis_args_release(&a);
}
