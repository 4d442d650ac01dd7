/* test_state_line.c - the state line: one spelling of each value, everything else refused. */
#include "shared/state_line.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define GOOD "1 g7 9 1000 us-east open 3 1500 2 auto 0 5_failures_in_a_row r1 0"

static const struct {
    const char *name, *line;
} good[] = {
    {"open", GOOD},
    {"open and due", "1 g7 9 1000 us-east open 3 1000 2 auto 0 - r1 0"},
    {"open for as long as may be", "1 g7 9 1000 us-east open 3 86401000 2 auto 0 - r1 0"},
    {"closed, nothing heard", "1 g7 0 1000 us-east/gpt-4.1 closed 1 0 0 auto 0 - - 0"},
    {"half-open", "1 g7 9 1000 us-east half-open 4 0 2 auto 0 recovery_time_over r1 0"},
    {"forced without end", "1 g7 9 1000 a closed 3 0 0 down 0 vendor%20incident me@host 0"},
    {"forced until now", "1 g7 9 1000 a closed 3 0 0 drain 1000 - - 0"},
    {"forced up for years", "1 g7 9 1000 a closed 3 0 0 up 9007199254740991 - - 0"},
    {"cooling", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 86401000"},
    {"the word dash", "1 g7 9 1000 a closed 3 0 0 auto 0 %2D %2D 0"},
    {"UTF-8", "1 g7 9 1000 a closed 3 0 0 up 0 %C3%A4 - 0"},
    {"ramping", "1 g7 9 1000000 a closed 3 0 0 auto 0 - - 0 999999"},
    {"ramping from now on", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 1000"},
    {"ramping for as long as may be", "1 g7 9 3601000 a closed 3 0 0 auto 0 - - 0 1000"},
    {"open with doubt", "1 g7 9 1000 a open 3 1500 1 auto 0 - - 0 0 1"},
    {"out of credit", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 1700 0 0 quota"},
    {"our key refused, in doubt", "1 g7 9 1000 a open 3 1500 1 auto 0 - - 1700 0 1 auth"},
    {"our key refused, ramping", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 1700 900 0 auth"},
    {"largest numbers",
     "1 g7 9007199254740991 1 a closed 9007199254740991 0 1000000 up 0 - - 0"},
};

Test(state_line, what_decodes_encodes_to_the_same_bytes)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct state_line l;
        struct buf b;

        buf_init(&b, 1000);
        cr_assert(state_line_decode(str_of(good[i].line), &l), "row '%s'", good[i].name);
        cr_assert_eq(state_line_encode(&b, &l), 0, "row '%s'", good[i].name);
        cr_expect_str_eq(b.data, good[i].line, "row '%s'", good[i].name);
        buf_release(&b);
    }
}

Test(state_line, fields_land_where_they_belong)
{
    struct state_line l;

    cr_assert(state_line_decode(
        str_of("1 g7 9 1000 a%20b open 3 1500 2 drain 2000 w%25y m 1700"), &l));
    cr_expect_str_eq(l.gen, "g7");
    cr_expect_eq(l.ver, 9u);
    cr_expect_eq(l.now_ms, 1000);
    cr_expect_str_eq(l.slot, "a b");
    cr_expect_eq(l.st, BREAKER_OPEN);
    cr_expect_eq(l.ep, 3u);
    cr_expect_eq(l.until_ms, 1500);
    cr_expect_eq(l.trips, 2);
    cr_expect_eq(l.forced, VIEW_DRAIN);
    cr_expect_eq(l.funtil_ms, 2000);
    cr_expect_str_eq(l.why, "w%y");
    cr_expect_str_eq(l.by, "m");
    cr_expect_eq(l.lim_ms, 1700);
    cr_expect_eq(l.ramp_ms, 0, "routers of the first versions say no more");
    cr_expect_not(l.doubt);
    cr_assert(state_line_decode(str_of("1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 900"), &l));
    cr_expect_eq(l.ramp_ms, 900);
    cr_expect_not(l.doubt);
    cr_assert(state_line_decode(str_of("1 g7 9 1000 a open 3 1500 1 auto 0 - - 0 0 1"), &l));
    cr_expect_eq(l.ramp_ms, 0);
    cr_expect(l.doubt);
    cr_expect_eq(l.cools, COOLING_WHY_THROTTLED);
    cr_assert(
        state_line_decode(str_of("1 g7 9 1000 a closed 3 0 0 auto 0 - - 1700 0 0 quota"), &l));
    cr_expect_eq(l.cools, COOLING_WHY_QUOTA);
    cr_expect_eq(l.lim_ms, 1700);
}

Test(state_line, what_a_later_version_adds_is_passed_over)
{
    static const struct {
        const char *tail;
        bool doubt;
    } more[] = {{" 0 0 7", false}, {" 0 1 7", true}, {" 0 0 x=1 ~ 0", false}};
    struct state_line l;

    for (size_t i = 0; i < ARRAY_LEN(more); i++) {
        char line[200];

        snprintf(line, sizeof(line), GOOD "%s", more[i].tail);
        cr_assert(state_line_decode(str_of(line), &l), "%s", line);
        cr_expect_eq(l.doubt, more[i].doubt, "%s", line);
        cr_expect_eq(l.ramp_ms, 0);
        cr_expect_eq(l.until_ms, 1500);
    }
    cr_assert(state_line_decode(str_of("1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 900 0 7"), &l));
    cr_expect_eq(l.ramp_ms, 900);
}

static const struct {
    const char *name, *line;
} bad[] = {
    {"empty", ""},
    {"another format", "2 g7 9 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"a field short", "1 g7 9 1000 us-east open 3 1500 2 auto 0 - r1"},
    {"more, but empty", GOOD " 0 1 "},
    {"more, with two spaces", GOOD " 0 1  7"},
    {"more, with a space behind", GOOD " 0 1 7 "},
    {"more, with a tab", GOOD " 0 1 7\t8"},
    {"more, not in ASCII", GOOD " 0 1 \xc3\xa9"},
    {"more behind a doubt of two", GOOD " 0 2 7"},
    {"more behind a ramp that is none", GOOD " - 1 7"},
    {"more behind a ramp while open", GOOD " 900 0 7"},
    {"a ramp that says nothing", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 0"},
    {"a ramp while open", GOOD " 900"},
    {"a ramp and a doubt", GOOD " 900 1"},
    {"a ramp to come", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 1001"},
    {"a ramp of long ago", "1 g7 9 3601001 a closed 3 0 0 auto 0 - - 0 1000"},
    {"a doubt that says nothing", GOOD " 0 0"},
    {"a doubt of two", GOOD " 0 2"},
    {"a doubt while closed", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 0 1"},
    {"a doubt while half-open", "1 g7 9 1000 a half-open 3 0 1 auto 0 - - 0 0 1"},
    {"out of credit, but not cooling", "1 g7 9 1000 a closed 3 0 0 auto 0 - - 0 0 0 quota"},
    {"a field too many", GOOD " 0"},
    {"trailing space", GOOD " "},
    {"leading space", " " GOOD},
    {"two spaces", "1 g7  9 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"tab", "1\tg7 9 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"line end", GOOD "\n"},
    {"no generation", "1  9 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"encoded generation", "1 g%20 9 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"long generation",
     "1 ggggggggggggggggggggggggggggggggggggggggg 9 1000 a open 3 1500 2 auto 0 - r1 0"},
    {"signed version", "1 g7 +9 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"leading zero", "1 g7 09 1000 us-east open 3 1500 2 auto 0 - r1 0"},
    {"version of 2^53", "1 g7 9007199254740992 1000 a open 3 1500 2 auto 0 - r1 0"},
    {"float", "1 g7 9 1e3 us-east open 3 1500 2 auto 0 - r1 0"},
    {"empty key", "1 g7 9 1000 - open 3 1500 2 auto 0 - r1 0"},
    {"state in capitals", "1 g7 9 1000 us-east OPEN 3 1500 2 auto 0 - r1 0"},
    {"unknown state", "1 g7 9 1000 us-east ajar 3 1500 2 auto 0 - r1 0"},
    {"prefix of a state", "1 g7 9 1000 us-east half 3 0 2 auto 0 - r1 0"},
    {"epoch 0", "1 g7 9 1000 us-east open 0 1500 2 auto 0 - r1 0"},
    {"open until the past", "1 g7 9 1000 us-east open 3 999 2 auto 0 - r1 0"},
    {"open for too long", "1 g7 9 1000 us-east open 3 86401001 2 auto 0 - r1 0"},
    {"closed with a deadline", "1 g7 9 1000 us-east closed 3 1500 2 auto 0 - r1 0"},
    {"half-open with a deadline", "1 g7 9 1000 us-east half-open 3 1500 2 auto 0 - r1 0"},
    {"too many trips", "1 g7 9 1000 us-east open 3 1500 1000001 auto 0 - r1 0"},
    {"unknown word", "1 g7 9 1000 us-east open 3 1500 2 sideways 0 - r1 0"},
    {"auto with a deadline", "1 g7 9 1000 us-east open 3 1500 2 auto 1500 - r1 0"},
    {"forced until the past", "1 g7 9 1000 us-east open 3 1500 2 down 999 - r1 0"},
    {"raw byte in a word", "1 g7 9 1000 us-east open 3 1500 2 auto 0 a,b r1 0"},
    {"cut escape", "1 g7 9 1000 us-east open 3 1500 2 auto 0 a%2 r1 0"},
    {"lone percent", "1 g7 9 1000 us-east open 3 1500 2 auto 0 % r1 0"},
    {"small hex", "1 g7 9 1000 us-east open 3 1500 2 auto 0 a%c3 r1 0"},
    {"no hex", "1 g7 9 1000 us-east open 3 1500 2 auto 0 a%GG r1 0"},
    {"needless escape", "1 g7 9 1000 us-east open 3 1500 2 auto 0 %41 r1 0"},
    {"NUL", "1 g7 9 1000 us-east open 3 1500 2 auto 0 a%00 r1 0"},
    {"line end in a word", "1 g7 9 1000 us-east open 3 1500 2 auto 0 a%0A r1 0"},
    {"cooling in the past", "1 g7 9 1000 us-east open 3 1500 2 auto 0 - r1 999"},
    {"cooling for too long", "1 g7 9 1000 us-east open 3 1500 2 auto 0 - r1 86401001"},
};

Test(state_line, everything_else_is_refused)
{
    struct state_line l;

    cr_assert(state_line_decode(str_of(GOOD), &l));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        cr_expect_not(state_line_decode(str_of(bad[i].line), &l), "row '%s'", bad[i].name);
    cr_expect_not(state_line_decode((struct str){GOOD "\0", sizeof(GOOD)}, &l),
                  "NUL byte at the end");
}

Test(state_line, words_at_their_limits)
{
    char text[600], word[VIEW_WORD_MAX + 3], slot[VIEW_SLOT_MAX + 3];
    struct state_line l;

    for (size_t more = 0; more <= 1; more++) {
        memset(word, 'w', sizeof(word));
        word[VIEW_WORD_MAX + more] = '\0';
        snprintf(text, sizeof(text), "1 g 9 1000 a closed 3 0 0 auto 0 %s %s 0", word, "r");
        cr_expect_eq(state_line_decode(str_of(text), &l), more == 0);
        memset(slot, 'k', sizeof(slot));
        slot[VIEW_SLOT_MAX + more] = '\0';
        snprintf(text, sizeof(text), "1 g 9 1000 %s closed 3 0 0 auto 0 - - 0", slot);
        cr_expect_eq(state_line_decode(str_of(text), &l), more == 0);
    }
}

Test(state_line, lines_at_their_limit)
{
    char text[700];
    struct state_line l;

    for (int escaped = 0; escaped < 60; escaped++) { /* each ä takes six bytes of the line */
        int n = snprintf(text, sizeof(text), "1 g 9 1000 %0120d closed 3 0 0 down 0 ", 7);

        for (int i = 0; i < escaped; i++)
            n += snprintf(text + n, sizeof(text) - (size_t)n, "%%C3%%A4");
        n += snprintf(text + n, sizeof(text) - (size_t)n, "x - 0");
        cr_expect_eq(state_line_decode((struct str){text, (size_t)n}, &l),
                     n <= VIEW_LINE_MAX && 2 * escaped + 1 <= VIEW_WORD_MAX, "%d bytes", n);
    }
}

Test(state_line, encoding_refuses_what_no_line_may_say)
{
    static const struct state_line base = {
        .gen = "g", .ver = 1, .now_ms = 1000, .slot = "a", .st = BREAKER_CLOSED, .ep = 1};
    struct buf b;

    buf_init(&b, 1000);
    cr_assert_eq(state_line_encode(&b, &base), 0);
    buf_clear(&b);
    struct state_line l = base;

    l.until_ms = 2000;
    cr_expect_eq(state_line_encode(&b, &l), -1);
    l = base;
    memcpy(l.why, "a\nb", 4);
    cr_expect_eq(state_line_encode(&b, &l), -1);
    cr_expect_eq(b.len, 0u);
    buf_release(&b);
    buf_init(&b, 10);
    cr_expect_eq(state_line_encode(&b, &base), -1);
    buf_release(&b);
}
