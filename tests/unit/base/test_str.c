/* test_str.c - spans compare by length and bytes, and parse nothing they should not. */
#include "base/str.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

Test(str, equality)
{
    /* clang-format off */
    static const struct {
        struct str a, b;
        bool eq, ieq;
    } cases[] = {
        {{"", 0},      {"", 0},      true,  true},
        {{NULL, 0},    {"", 0},      true,  true},
        {{NULL, 0},    {NULL, 0},    true,  true},
        {{"abc", 3},   {"abc", 3},   true,  true},
        {{"abc", 3},   {"abd", 3},   false, false},
        {{"abc", 3},   {"ABC", 3},   false, true},
        {{"ab", 2},    {"abc", 3},   false, false},
        {{"abc", 3},   {"ab", 2},    false, false},
        {{"", 0},      {"a", 1},     false, false},
        {{"a\0b", 3},  {"a\0b", 3},  true,  true},
        {{"a\0b", 3},  {"a\0c", 3},  false, false},
        {{"[", 1},     {"{", 1},     false, false},
        {{"@", 1},     {"`", 1},     false, false},
        {{"Z", 1},     {"z", 1},     false, true},
        {{"\xc4", 1},  {"\xe4", 1},  false, false}, /* only ASCII is folded */
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect_eq(str_eq(cases[i].a, cases[i].b), cases[i].eq, "row %zu", i);
        cr_expect_eq(str_ieq(cases[i].a, cases[i].b), cases[i].ieq, "row %zu", i);
    }
    cr_expect(str_eqz(STR("abc"), "abc"));
    cr_expect_not(str_eqz(STR("abc"), "abcd"));
    cr_expect_not(str_eqz((struct str){"a\0b", 3}, "a"), "a NUL inside is a byte like others");
    cr_expect(str_ieqz(STR("Content-Length"), "content-length"));
    cr_expect_eq(str_of(NULL).len, 0u);
    cr_expect_eq(str_of("four").len, 4u);
}

Test(str, prefixes)
{
    static const struct {
        const char *s, *prefix;
        bool starts, istarts;
    } cases[] = {
        {"Bearer x", "Bearer ", true, true},
        {"bearer x", "Bearer ", false, true},
        {"Bearer", "Bearer ", false, false},
        {"Bearer ", "Bearer ", true, true},
        {"", "", true, true},
        {"", "a", false, false},
        {"abc", "", true, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cr_expect_eq(str_starts(str_of(cases[i].s), cases[i].prefix), cases[i].starts,
                     "row %zu", i);
        cr_expect_eq(str_istarts(str_of(cases[i].s), cases[i].prefix), cases[i].istarts,
                     "row %zu", i);
    }
    cr_expect(str_starts((struct str){NULL, 0}, ""));
    cr_expect_not(str_starts((struct str){NULL, 0}, "a"));
}

Test(str, trim)
{
    static const struct {
        const char *s, *want;
    } cases[] = {
        {"", ""},           {" ", ""},          {" \t \t", ""}, {"a", "a"},
        {"  a b\t", "a b"}, {"\ra\n", "\ra\n"}, {"a\t", "a"},   {"\ta", "a"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got = str_trim(str_of(cases[i].s));

        cr_expect(str_eqz(got, cases[i].want), "row %zu: '" STR_FMT "'", i, STR_ARG(got));
    }
    cr_expect_eq(str_trim((struct str){NULL, 0}).len, 0u);
}

Test(str, split_tells_no_separator_from_nothing_behind_it)
{
    static const struct {
        const char *s, *head, *rest; /* rest NULL: there was no separator */
    } cases[] = {
        {"a,b", "a", "b"}, {"a", "a", NULL}, {"a,", "a", ""},
        {",b", "", "b"},   {"", "", NULL},   {"a,b,c", "a", "b,c"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str rest, head = str_split(str_of(cases[i].s), ',', &rest);

        cr_expect(str_eqz(head, cases[i].head), "row %zu", i);
        cr_expect_eq(rest.ptr == NULL, cases[i].rest == NULL, "row %zu", i);
        cr_expect(str_eqz(rest, cases[i].rest), "row %zu", i);
    }
}

Test(str, split_may_overwrite_what_it_splits)
{
    struct str s = STR("a,b,c"), head;
    char seen[8] = "";
    size_t n = 0;

    while (s.ptr != NULL && n < 7) {
        head = str_split(s, ',', &s);
        seen[n++] = head.ptr[0];
    }
    cr_expect_str_eq(seen, "abc");
}

Test(str, digits_only)
{
    /* clang-format off */
    static const struct {
        const char *s;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"0",                     true,  0},
        {"00",                    true,  0},
        {"0123",                  true,  123},
        {"18446744073709551614",  true,  UINT64_MAX - 1},
        {"18446744073709551615",  true,  UINT64_MAX},
        {"18446744073709551616",  false, 0},
        {"18446744073709551620",  false, 0},
        {"99999999999999999999",  false, 0},
        {"184467440737095516150", false, 0},
        {"",                      false, 0},
        {"+1",                    false, 0},
        {"-1",                    false, 0},
        {" 1",                    false, 0},
        {"1 ",                    false, 0},
        {"1.0",                   false, 0},
        {"0x10",                  false, 0},
        {"1e3",                   false, 0},
        {"\xd9\xa1",              false, 0},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 77;

        cr_expect_eq(str_to_u64(str_of(cases[i].s), &got), cases[i].ok, "'%s'", cases[i].s);
        cr_expect_eq(got, cases[i].ok ? cases[i].want : 77, "'%s'", cases[i].s);
    }
    uint64_t got = 77;

    cr_expect(str_to_u64((struct str){"12345", 2}, &got));
    cr_expect_eq(got, 12u, "reads no further than its span");
}

Test(str, to_whole_has_one_spelling_of_each_number)
{
    int64_t got = 77;

    cr_expect(str_to_whole(STR("0"), 10, &got) && got == 0);
    cr_expect(str_to_whole(STR("10"), 10, &got) && got == 10);
    cr_expect_not(str_to_whole(STR("11"), 10, &got));
    cr_expect_not(str_to_whole(STR("05"), 10, &got));
    cr_expect_not(str_to_whole(STR("00"), 10, &got));
    cr_expect_not(str_to_whole(STR(""), 10, &got));
    cr_expect_not(str_to_whole(STR("-1"), 10, &got));
    cr_expect_not(str_to_whole(STR("9223372036854775808"), INT64_MAX, &got));
    cr_expect_eq(got, 10, "and leaves it alone otherwise");
}

Test(str, nearest)
{
    static const char *const known[] = {"listen", "regions", "redis", "retry", "up"};
    static const struct {
        const char *word, *want;
    } cases[] = {
        {"listen", "listen"}, {"lisen", "listen"}, {"Redis", "redis"}, {"region", "regions"},
        {"rety", "retry"},    {"rertry", "retry"}, {"breaker", NULL},  {"xxxxxx", NULL},
        {"upp", "up"},        {"u", "up"},         {"x", NULL},        {"", NULL},
        {"ab", NULL},         {"rdeis", "redis"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = str_nearest(cases[i].word, known, ARRAY_LEN(known));

        if (cases[i].want == NULL)
            cr_expect_null(got, "'%s' gave '%s'", cases[i].word, got);
        else
            cr_expect_str_eq(got != NULL ? got : "-", cases[i].want, "'%s'", cases[i].word);
    }
    cr_expect_null(str_nearest("x", (const char *const[]){"y"}, 1), "nothing in common");
    cr_expect_null(str_nearest("listen", known, 0));
}

Test(str, nearest_takes_words_up_to_its_cap)
{
    char word[67], same[67];

    memset(word, 'a', sizeof(word));
    memset(same, 'a', sizeof(same));
    for (size_t len = 63; len <= 65; len++) {
        word[len] = same[len] = '\0';
        const char *got = str_nearest(word, (const char *const[]){same}, 1);

        cr_expect_eq(got != NULL, len <= 64, "%zu letters", len);
        word[len] = same[len] = 'a';
    }
    same[65] = '\0';
    cr_expect_null(str_nearest("a", (const char *const[]){same}, 1));
}
