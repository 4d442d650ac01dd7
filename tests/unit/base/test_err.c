/* test_err.c - sentences grow in front, are cut at the end, and NULL is a place to put them. */
#include "base/err.h"

#include <criterion/criterion.h>
#include <string.h>

Test(err, set_then_wrap_twice)
{
    struct err err = {0};

    cr_expect_eq(err_set(&err, ERR_RANGE, "%s is '%d', want %d..%d", "port", 0, 1, 65535), -1);
    cr_expect_eq(err_wrap(&err, "line %d", 2), -1);
    cr_expect_eq(err_wrap(&err, "config '%s'", "r.json"), -1);
    cr_expect_str_eq(err.msg, "config 'r.json': line 2: port is '0', want 1..65535");
    cr_expect_eq(err.code, ERR_RANGE, "the code is of the cause");
}

Test(err, set_replaces)
{
    struct err err = {0};

    err_set(&err, ERR_IO, "a long first sentence");
    err_set(&err, ERR_SYNTAX, "second");
    cr_expect_str_eq(err.msg, "second");
    cr_expect_eq(err.code, ERR_SYNTAX);
}

Test(err, nobody_wants_it)
{
    cr_expect_eq(err_set(NULL, ERR_IO, "x %d", 1), -1);
    cr_expect_eq(err_wrap(NULL, "y"), -1);
}

/* msg holds 1023 bytes of text. */
Test(err, cut_at_the_end)
{
    static const struct {
        size_t inner, context, want; /* lengths; want: of the whole */
    } cases[] = {
        {1022, 0, 1022},  {1023, 0, 1023},  {1024, 0, 1023}, {3000, 0, 1023},
        {1019, 1, 1022},  {1020, 1, 1023},  {1021, 1, 1023}, {1023, 1023, 1023},
        {10, 1021, 1023}, {10, 1020, 1023}, {0, 5, 7},       {5, 3000, 1023},
    };
    char inner[3001], context[3001];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct err err;

        memset(&err, '#', sizeof(err));
        memset(inner, 'i', sizeof(inner));
        memset(context, 'c', sizeof(context));
        inner[cases[i].inner] = context[cases[i].context] = '\0';
        err_set(&err, ERR_LIMIT, "%s", inner);
        if (cases[i].context > 0)
            err_wrap(&err, "%s", context);
        cr_expect_eq(strnlen(err.msg, sizeof(err.msg)), cases[i].want, "row %zu: %zu", i,
                     strnlen(err.msg, sizeof(err.msg)));
        cr_expect_eq(err.msg[0], cases[i].context > 0 ? 'c' : 'i', "row %zu", i);
        cr_expect_eq(err.code, ERR_LIMIT);
    }
}
