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

Test(buf, shrink_keeps_content_and_room)
{
    static const struct {
        size_t len, extra, want_cap; /* of a buffer of 128 bytes */
    } rows[] = {
        {0, 0, 1},      {10, 0, 11},    {10, 20, 31},  {100, 26, 127},
        {100, 27, 128}, {100, 28, 128}, {127, 0, 128}, {10, SIZE_MAX, 128},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf b;
        char text[128];

        memset(text, 'x', sizeof(text));
        buf_init(&b, 127);
        cr_assert_eq(buf_reserve(&b, 127), 0);
        cr_assert_eq(b.cap, 128u);
        cr_assert_eq(buf_append(&b, text, rows[i].len), 0);
        buf_shrink(&b, rows[i].extra);
        cr_expect_eq(b.cap, rows[i].want_cap, "row %zu: %zu", i, b.cap);
        cr_expect_eq(b.len, rows[i].len);
        cr_expect_eq(memcmp(b.data, text, rows[i].len), 0, "row %zu", i);
        cr_expect_eq(b.data[b.len], '\0', "row %zu", i);
        cr_expect_eq(buf_append(&b, "more", rows[i].len + 4 <= 127 ? 4 : 0), 0);
        buf_release(&b);
    }
}

Test(buf, shrink_of_nothing_is_nothing)
{
    struct buf b;

    buf_init(&b, 127);
    buf_shrink(&b, 10);
    cr_assert_eq(b.cap, 0u);
    cr_assert_null(b.data);
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
