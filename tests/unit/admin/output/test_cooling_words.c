/* test_cooling_words.c - an operator sees what to do. */
#include "admin/output/cooling_words.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(cooling_words, each_reason)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"throttled", "throttled"},
        {"quota", "quota: out of credit"},
        {"auth", "misconfigured: our key was refused"},
        {"something-newer", "something-newer"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(cooling_words(rows[i].name), rows[i].want);
}
