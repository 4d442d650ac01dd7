/* test_table.c - columns stand in line, whatever the cells hold. */
#include "admin/output/table.h"

#include <criterion/criterion.h>
#include <string.h>

static const char *const heads[] = {"NAME", ">N", "WHY"};

static void expect(const struct table *t, bool colour, const char *want)
{
    struct buf out;

    buf_init(&out, 1u << 16);
    cr_assert_eq(table_print(t, colour, &out), 0);
    cr_expect_str_eq(out.data, want);
    buf_release(&out);
}

Test(table, columns_are_as_wide_as_their_widest_cell)
{
    struct table *t = table_new(heads, ARRAY_LEN(heads));

    expect(t, false, "NAME  N  WHY\n");
    table_cell(t, TABLE_PLAIN, "a");
    table_cell(t, TABLE_PLAIN, "%d", 100);
    table_cell(t, TABLE_PLAIN, "%s", "");
    table_cell(t, TABLE_PLAIN, "longer");
    table_cell(t, TABLE_PLAIN, "7");
    table_cell(t, TABLE_PLAIN, "two words");
    expect(t, false,
           "NAME      N  WHY\n"
           "a       100  -\n"
           "longer    7  two words\n");
    table_free(t);
}

Test(table, width_is_in_characters)
{
    struct table *t = table_new(heads, ARRAY_LEN(heads));

    table_cell(t, TABLE_PLAIN, "z\xc3\xbcrich");
    table_cell(t, TABLE_PLAIN, "1");
    table_cell(t, TABLE_PLAIN, "x");
    table_cell(t, TABLE_PLAIN, "zurich");
    table_cell(t, TABLE_PLAIN, "1");
    table_cell(t, TABLE_PLAIN, "x");
    expect(t, false,
           "NAME    N  WHY\n"
           "z\xc3\xbcrich  1  x\n"
           "zurich  1  x\n");
    table_free(t);
}

Test(table, colour_takes_no_width)
{
    struct table *t = table_new(heads, ARRAY_LEN(heads));

    table_cell(t, TABLE_RED, "a");
    table_cell(t, TABLE_PLAIN, "1");
    table_cell(t, TABLE_GREEN, "x");
    expect(t, true,
           "\033[1mNAME\033[0m  \033[1mN\033[0m  \033[1mWHY\033[0m\n"
           "\033[31ma\033[0m     1  \033[32mx\033[0m\n");
    expect(t, false, "NAME  N  WHY\na     1  x\n");
    table_free(t);
}

Test(table, without_heads_there_is_no_line_of_them)
{
    static const char *const none[] = {"", ""};
    struct table *t = table_new(none, ARRAY_LEN(none));

    table_cell(t, TABLE_PLAIN, "state");
    table_cell(t, TABLE_PLAIN, "open");
    expect(t, false, "state  open\n");
    table_free(t);
}

Test(table, no_cell_steers_the_terminal)
{
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"plain", "plain"},
        {"\033]0;title\007", "?]0;title?"},
        {"a\nb\tc\x7f", "a?b?c?"},
        {"\xc2\x9b"
         "31m",
         "?31m"},                 /* CSI as one C1 character */
        {"\xc2\xa0", "\xc2\xa0"}, /* the first character after C1 */
        {"\xc2\x80\xc2\x85\xc2\x9f", "???"},
        {"\xd8\x9c|\xe2\x80\x8e|\xe2\x80\x8f", "?|?|?"}, /* U+061C, U+200E, U+200F */
        {"\xe2\x80\xaa|\xe2\x80\xab|\xe2\x80\xac|\xe2\x80\xad|\xe2\x80\xae",
         "?|?|?|?|?"},                                                      /* U+202A..E */
        {"\xe2\x81\xa6|\xe2\x81\xa7|\xe2\x81\xa8|\xe2\x81\xa9", "?|?|?|?"}, /* U+2066..9 */
        {"\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa",
         "\xe2\x80\x8d\xe2\x80\x90\xe2\x80\xa9\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"}, /* beside them */
        {"\xd7\xa9\xd7\x9c", "\xd7\xa9\xd7\x9c"}, /* letters written to the left */
        {"\x9b"
         "31m\xff",
         "?31m?"}, /* no UTF-8 */
        {"\xe2\x82\xac", "\xe2\x82\xac"},
        {"", ""},
    };
    struct buf out;

    buf_init(&out, 1024);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_clear(&out);
        cr_assert_eq(table_clean(str_of(rows[i].in), &out), 0);
        cr_expect_eq(out.len, strlen(rows[i].want), "row %zu", i);
        cr_expect(out.len == 0 || strcmp(out.data, rows[i].want) == 0, "row %zu: %s", i,
                  out.data);
    }
    buf_release(&out);

    struct table *t = table_new(heads, ARRAY_LEN(heads));

    table_cell(t, TABLE_PLAIN, "\033[2J");
    table_cell(t, TABLE_PLAIN, "1");
    table_cell(t, TABLE_PLAIN, "x\ny");
    expect(t, false, "NAME  N  WHY\n?[2J  1  x?y\n");
    table_free(t);
}

Test(table, a_cap_is_no_crash)
{
    struct table *t = table_new(heads, ARRAY_LEN(heads));
    struct buf out;

    table_cell(t, TABLE_PLAIN, "a");
    table_cell(t, TABLE_PLAIN, "1");
    table_cell(t, TABLE_PLAIN, "x");
    for (size_t max = 0; max < strlen("NAME  N  WHY\na     1  x\n"); max++) {
        buf_init(&out, max);
        cr_expect_eq(table_print(t, false, &out), -1, "cap %zu", max);
        buf_release(&out);
    }
    table_free(t);
}
