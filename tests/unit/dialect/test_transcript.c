/* test_transcript.c - channels are told apart, and what is said again is found in its place. */
#include "dialect/transcript.h"

#include <criterion/criterion.h>

static struct dialect_piece piece(int64_t choice, const char *place, const char *value)
{
    return (struct dialect_piece){.kind = value[0] == '"' ? DIALECT_TEXT : DIALECT_ITEM,
                                  .choice = choice,
                                  .place = str_of(place),
                                  .value = str_of(value)};
}

/* clang-format off */
static const struct {
    const char *name;
    const char *said[3], *again[3];
    const char *rest; /* of the last; NULL: it differs */
    bool matched;
} rows[] = {
    {"a text in one piece",       {"\"abc\""},             {"\"abc\""},             "",  true},
    {"in other pieces",           {"\"ab\"", "\"c\""},     {"\"a\"", "\"bc\""},     "",  true},
    {"a part of it",              {"\"abc\""},             {"\"ab\""},              "",  false},
    {"more than it",              {"\"abc\""},             {"\"ab\"", "\"cd\""},    "d", true},
    {"another text",              {"\"abc\""},             {"\"abd\""},             NULL, false},
    {"values",                    {"1", "{\"a\":2}"},      {"1", "{\"a\":2}"},      "",  true},
    {"one value of two",          {"1", "2"},              {"1"},                   "",  false},
    {"another value",             {"12"},                  {"1"},                   NULL, false},
    {"a longer value",            {"1"},                   {"12"},                  NULL, false},
    {"a value with other white space", {"{\"a\": [\"b \\\" c\"]}"}, {" {\n\"a\":[\"b \\\" c\"] }"}, "", true},
    {"white space within its text", {"[\"b c\"]"},         {"[\"bc\"]"},            NULL, false},
    {"a text for a value",        {"1"},                   {"\"1\""},               NULL, false},
    {"a value for a text",        {"\"1\""},               {"1"},                   NULL, false},
    {"both at one place",         {"\"a\"", "1", "\"b\""}, {"\"a\"", "1", "\"bc\""}, "c", true},
    {"a text that goes on where a value was", {"\"a\"", "1"}, {"\"ab\""},           NULL, false},
};
/* clang-format on */

Test(transcript, said_again)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct transcript t;
        struct str rest = {NULL, 0};
        int rc = 0;

        transcript_init(&t, 1000);
        for (size_t k = 0; k < 3 && rows[i].said[k] != NULL; k++) {
            struct dialect_piece p = piece(0, "x", rows[i].said[k]);

            cr_assert_eq(transcript_add(&t, &p), 0);
        }
        cr_expect(transcript_is_matched(&t));
        transcript_rewind(&t);
        for (size_t k = 0; k < 3 && rows[i].again[k] != NULL; k++) {
            struct dialect_piece p = piece(0, "x", rows[i].again[k]);

            cr_assert_eq(rc, 0, "row '%s'", rows[i].name);
            rc = transcript_match(&t, transcript_find(&t, &p), &p, &rest);
        }
        cr_expect_eq(rc, rows[i].rest != NULL ? 0 : -1, "row '%s'", rows[i].name);
        if (rc == 0)
            cr_expect(str_eqz(rest, rows[i].rest), "row '%s'", rows[i].name);
        cr_expect_eq(transcript_is_matched(&t), rows[i].matched, "row '%s'", rows[i].name);
        transcript_release(&t);
    }
}

Test(transcript, channels_are_told_apart)
{
    const struct dialect_piece pieces[] = {piece(0, "x", "\"a\""), piece(1, "x", "\"b\""),
                                           piece(0, "xy", "\"c\""),
                                           piece(DIALECT_NO_CHOICE, "x", "\"d\"")};
    struct choices one = {{0}};
    struct transcript t;
    struct str rest;

    choices_set(&one, 1);
    transcript_init(&t, 1000);
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        cr_expect_null(transcript_find(&t, &pieces[i]));
        cr_assert_eq(transcript_add(&t, &pieces[i]), 0);
    }
    transcript_rewind(&t);
    cr_expect_not(transcript_are_matched(&t, &one));
    cr_assert_eq(transcript_match(&t, transcript_find(&t, &pieces[1]), &pieces[1], &rest), 0);
    cr_expect(transcript_are_matched(&t, &one));
    cr_expect_not(transcript_is_matched(&t));
    transcript_release(&t);
}
