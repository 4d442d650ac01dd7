/* test_buf.c - the byte buffer holds its cap and leaves itself unchanged when refused. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

Test(buf, cap_at_limit_minus_one_limit_and_plus_one)
{
    struct buf b;

    buf_init(&b, 8);
    cr_assert_eq(buf_append(&b, "1234567", 7), 0);
    cr_assert_eq(buf_append(&b, "8", 1), 0);
    cr_assert_eq(buf_append(&b, "9", 1), -1);
    cr_assert_str_eq(b.data, "12345678");
    cr_assert_eq(buf_appendf(&b, "%d", 9), -1);
    cr_assert_eq(b.len, 8u);
    buf_release(&b);
}

Test(buf, consume_keeps_the_rest)
{
    struct buf b;

    buf_init(&b, 100);
    cr_assert_eq(buf_appendf(&b, "%s-%d", "abc", 42), 0);
    buf_consume(&b, 4);
    cr_assert_str_eq(b.data, "42");
    char *taken = buf_take(&b);
    cr_assert_str_eq(taken, "42");
    cr_assert_eq(b.len, 0u);
    free(taken);
}

Test(buf, take_of_nothing_is_an_empty_string)
{
    struct buf b;

    buf_init(&b, 10);
    char *taken = buf_take(&b);
    cr_assert_str_eq(taken, "");
    free(taken);
}

Test(buf, read_file_names_the_limit)
{
    struct buf b;
    struct err err = {0};

    buf_init(&b, 4);
    cr_assert_eq(buf_read_file(&b, "/proc/self/status", &err), -1);
    cr_assert_not_null(strstr(err.msg, "limit of 4 bytes"));
    cr_assert_eq(buf_read_file(&b, "/nonexistent/x", &err), -1);
    cr_assert_not_null(strstr(err.msg, "cannot open"));
    buf_release(&b);
}
