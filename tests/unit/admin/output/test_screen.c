/* test_screen.c - what is drawn fits the terminal. */
#include "admin/output/screen.h"

#include <criterion/criterion.h>
#include <string.h>

Test(screen, lines_and_columns_are_cut)
{
    static const struct {
        const char *text;
        size_t rows, columns;
        bool first;
        const char *want;
    } rows[] = {
        {"ab\ncd\n", 4, 2, true, "\033[2J\033[Hab\033[K\ncd\033[K\n\033[J"},
        {"ab\ncd\n", 4, 2, false, "\033[Hab\033[K\ncd\033[K\n\033[J"},
        {"abc\n", 4, 2, false, "\033[Hab\033[0m\033[K\n\033[J"},
        {"ab\ncd\n", 3, 9, false, "\033[Hab\033[K\ncd\033[K\n\033[J"},
        {"ab\ncd\nef\n", 3, 9, false, "\033[Hab\033[K\n... and 2 more lines\033[K\n\033[J"},
        {"ab\ncd\nef\n", 2, 9, false, "\033[H... and 3 more lines\033[K\n\033[J"},
        {"a\n\nb", 9, 9, false, "\033[Ha\033[K\n\033[K\nb\033[K\n\033[J"},
        {"\033[31mab\033[0m\n", 4, 2, false, "\033[H\033[31mab\033[0m\033[K\n\033[J"},
        {"\033[31mabc\033[0m\n", 4, 2, false, "\033[H\033[31mab\033[0m\033[K\n\033[J"},
        {"\xc3\xbc"
         "bc\n",
         4, 2, false,
         "\033[H\xc3\xbc"
         "b\033[0m\033[K\n\033[J"},
        {"", 4, 2, false, "\033[H\033[J"},
    };
    struct buf out;

    buf_init(&out, 4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        cr_assert_eq(screen_draw(&out, str_of(rows[i].text),
                                 (struct screen_size){rows[i].rows, rows[i].columns},
                                 rows[i].first),
                     0);
        cr_expect_str_eq(out.data, rows[i].want, "row %zu", i);
    }
    buf_release(&out);
}

Test(screen, a_file_has_a_size_too)
{
    FILE *f = tmpfile();
    struct screen_size size = screen_size(f);

    cr_expect_eq(size.rows, 24);
    cr_expect_eq(size.columns, 80);
    fclose(f);
}
