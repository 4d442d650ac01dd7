/* test_text.c - each class of bytes against a list of its members, and the walkers. */
#include "base/text.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

#define DIGITS  "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

Test(text, classes_of_every_byte)
{
    for (int b = 0; b < 256; b++) {
        char c = (char)b;
        bool digit = b != 0 && strchr(DIGITS, b) != NULL;
        bool alnum = digit || (b != 0 && strchr(LETTERS, b) != NULL);
        bool token = alnum || (b != 0 && strchr("!#$%&'*+-.^_`|~", b) != NULL);
        bool plain = alnum || (b != 0 && strchr("._:@/-", b) != NULL);

        cr_expect_eq(text_is_digit(c), digit, "byte %d", b);
        cr_expect_eq(text_is_alnum(c), alnum, "byte %d", b);
        cr_expect_eq(text_is_token_byte(c), token, "byte %d", b);
        cr_expect_eq(text_is_plain_byte(c), plain, "byte %d", b);
        cr_expect_eq(text_is_field_byte(c), b == '\t' || (b >= 0x20 && b != 0x7f), "byte %d",
                     b);
    }
}

Test(text, hex_digits)
{
    static const char lower[] = "0123456789abcdef", upper[] = "0123456789ABCDEF";

    for (int b = 0; b < 256; b++) {
        const char *at = b == 0 ? NULL : strchr(lower, b);
        const char *up = b == 0 ? NULL : strchr(upper, b);
        int want = at != NULL ? (int)(at - lower) : up != NULL ? (int)(up - upper) : -1;

        cr_expect_eq(text_hex_digit((char)b), want, "byte %d", b);
    }
}

Test(text, spans)
{
    /* clang-format off */
    static const struct {
        struct str s;
        bool token, value, alnum_or; /* alnum_or: "._-" */
    } rows[] = {
        {{"", 0},          false, true,  true},
        {{NULL, 0},        false, true,  true},
        {{"a", 1},         true,  true,  true},
        {{"x-a.b_9", 7},   true,  true,  true},
        {{"x*a", 3},       true,  true,  false},
        {{"a b", 3},       false, true,  false},
        {{"a\tb", 3},      false, true,  false},
        {{"a:b", 3},       false, true,  false},
        {{"\xc3\xa9", 2},  false, true,  false},
        {{"a\0b", 3},      false, false, false},
        {{"a\r", 2},       false, false, false},
        {{"a\x7f", 2},     false, false, false},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(text_is_token(rows[i].s), rows[i].token, "row %zu", i);
        cr_expect_eq(text_is_field_value(rows[i].s), rows[i].value, "row %zu", i);
        cr_expect_eq(text_is_alnum_or(rows[i].s, "._-"), rows[i].alnum_or, "row %zu", i);
    }
}

Test(text, percent)
{
    static const struct {
        const char *s;
        size_t at;
        int want;
    } rows[] = {
        {"%41", 0, 0x41}, {"%fF", 0, 0xff}, {"%00", 0, 0},  {"a%2Db", 1, '-'},
        {"%4", 0, -1},    {"%", 0, -1},     {"a%4", 1, -1}, {"%4g", 0, -1},
        {"%g4", 0, -1},   {"% 4", 0, -1},   {"%+4", 0, -1}, {"%%41", 1, 0x41},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(text_percent(str_of(rows[i].s), rows[i].at), rows[i].want, "'%s'",
                     rows[i].s);
}

Test(text, items_of_a_list)
{
    struct str list = STR(" a,\tb c ,,d"), item;
    static const char *const want[] = {"a", "b c", "", "d"};

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        cr_assert(text_next_item(&list, &item));
        cr_expect(str_eqz(item, want[i]), "item %zu", i);
    }
    cr_expect_not(text_next_item(&list, &item));

    list = STR(""); /* one empty item, as a list without a comma has one */
    cr_assert(text_next_item(&list, &item));
    cr_expect_eq(item.len, 0);
    cr_expect_not(text_next_item(&list, &item));
}

Test(text, list_has)
{
    static const struct {
        const char *list, *item;
        bool has;
    } rows[] = {
        {"close", "close", true},
        {"Close", "cLOSE", true},
        {"a, \tclose ,b", "close", true},
        {"a,close", "close", true},
        {",,close", "close", true},
        {"", "close", false},
        {",", "close", false},
        {"closer, xclose", "close", false},
        {"close x", "close", false},
        {"a;close", "close", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(text_list_has(str_of(rows[i].list), str_of(rows[i].item)), rows[i].has,
                     "'%s' in '%s'", rows[i].item, rows[i].list);
    cr_expect_not(text_list_has((struct str){NULL, 0}, STR("close")));
}
