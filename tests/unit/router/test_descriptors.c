/* test_descriptors.c - half of the open files for clients. */
#include "router/descriptors.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <sys/resource.h>

Test(descriptors, clients_get_half_of_what_is_not_our_own)
{
    static const struct {
        const char *name;
        uint64_t limit;
        size_t wanted, want;
    } rows[] = {
        {"nothing", 0, 100, 1},
        {"less than our own", 64, 100, 1},
        {"room for a half", 65, 100, 1},
        {"room for one", 66, 100, 1},
        {"room for two", 68, 100, 2},
        {"one less than wanted", 64 + 198, 100, 99},
        {"just what is wanted", 64 + 200, 100, 100},
        {"more than wanted", 64 + 202, 100, 100},
        {"no limit at all", RLIM_INFINITY, 1000000, 1000000},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(descriptors_for_clients(rows[i].limit, rows[i].wanted), rows[i].want,
                     "row '%s'", rows[i].name);
}

Test(descriptors, the_soft_limit_is_raised_to_the_hard_one)
{
    struct rlimit limit;

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = 64;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_eq(descriptors_raise(), limit.rlim_max);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    cr_expect_eq(limit.rlim_cur, limit.rlim_max);
    cr_expect_eq(descriptors_raise(), limit.rlim_max, "again: it stays");
}
