/* test_progress.c - when a stream may end, and when it is whole. */
#include "dialect/progress.h"

#include <criterion/criterion.h>

/* clang-format off */
static const struct {
    /* a digit: content of that answer; a letter from 'a': its finish reason; U: usage */
    const char *name, *script;
    int64_t asked;
    bool may_end, whole;
    int64_t content_events;
} rows[] = {
    {"nothing came",                     "",      1, false, false, 0},
    {"content only",                     "00",    1, false, false, 2},
    {"content and its end",              "0a",    1, true,  true,  1},
    {"an end without content",           "a",     1, true,  true,  0},
    {"one of two that were asked for",   "0a",    2, true,  false, 1},
    {"one of two that began",            "01a",   2, false, false, 2},
    {"both, one after the other",        "0a1b",  2, true,  true,  2},
    {"both, interleaved",                "0101ab", 2, true, true,  4},
    {"more than were asked for",         "0a1b",  1, true,  true,  2},
    {"more began than were asked for",   "0a1",   1, false, false, 2},
    {"usage nobody asked for",           "0aU",   1, true,  true,  1},
};

static const struct { /* the same scripts, usage asked for */
    const char *name, *script;
    bool whole;
} usage_rows[] = {
    {"no usage",                         "0a",    false},
    {"behind the end",                   "0aU",   true},
    {"in front of the end",              "0Ua",   false},
    {"of a part only",                   "0U0Ua", false},
    {"of a part and of all",             "0U0aU", true},
    {"behind one end of two",            "01aUb", false},
    {"behind both ends",                 "01abU", true},
};
/* clang-format on */

static void play(struct progress *p, const char *script)
{
    for (const char *c = script; *c != '\0'; c++) {
        struct dialect_event ev = {.kind = DIALECT_META, .says_usage = *c == 'U'};

        if (*c >= 'a') {
            choices_set(&ev.finished, *c - 'a');
        } else if (*c != 'U') {
            ev.kind = DIALECT_CONTENT;
            choices_set(&ev.content, *c - '0');
        }
        progress_note(p, &ev);
    }
}

Test(progress, usage_that_was_asked_for)
{
    for (size_t i = 0; i < ARRAY_LEN(usage_rows); i++) {
        struct progress p = {.asked = 1, .usage_asked = true};

        play(&p, usage_rows[i].script);
        cr_expect(progress_is_finished(&p), "row '%s'", usage_rows[i].name);
        cr_expect_eq(progress_is_whole(&p), usage_rows[i].whole, "row '%s'",
                     usage_rows[i].name);
    }
}

Test(progress, histories)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct progress p = {.asked = rows[i].asked};

        play(&p, rows[i].script);
        cr_expect_eq(progress_may_end(&p), rows[i].may_end, "row '%s'", rows[i].name);
        cr_expect_eq(progress_is_whole(&p), rows[i].whole, "row '%s'", rows[i].name);
        cr_expect_eq(p.content_events, rows[i].content_events, "row '%s'", rows[i].name);
    }
}
