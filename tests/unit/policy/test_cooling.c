/* test_cooling.c - lengths, and what is known apart from what is guessed. */
#include "policy/cooling.h"

#include "base/base.h"

#include <criterion/criterion.h>

#define NOW 50000

Test(cooling, lengths)
{
    static const struct {
        enum outcome o;
        int64_t stated_ms, want_ms;
    } rows[] = {
        {OUTCOME_THROTTLED, -1, COOLING_GUESS_MS},
        {OUTCOME_THROTTLED, 0, 0},
        {OUTCOME_THROTTLED, 1, 1},
        {OUTCOME_THROTTLED, COOLING_STATED_MAX_MS - 1, COOLING_STATED_MAX_MS - 1},
        {OUTCOME_THROTTLED, COOLING_STATED_MAX_MS, COOLING_STATED_MAX_MS},
        {OUTCOME_THROTTLED, COOLING_STATED_MAX_MS + 1, COOLING_STATED_MAX_MS},
        {OUTCOME_QUOTA, -1, COOLING_QUOTA_MS},
        {OUTCOME_QUOTA, 5, COOLING_QUOTA_MS},
        {OUTCOME_AUTH, -1, COOLING_AUTH_MS},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct cooling c = {0};

        cr_expect_eq(cooling_note(&c, rows[i].o, rows[i].stated_ms, NOW), rows[i].want_ms,
                     "row %zu", i);
    }
}

Test(cooling, guesses)
{
    struct cooling c = {0};

    cr_expect_not(cooling_is_guess(&c, NOW + 500, NOW), "somebody else's word");
    cooling_note(&c, OUTCOME_THROTTLED, -1, NOW);
    cr_expect(cooling_is_guess(&c, NOW + COOLING_GUESS_MS, NOW + 20));
    cr_expect(cooling_is_guess(&c, NOW + COOLING_GUESS_MS + 100, NOW + 20), "by way of Redis");
    cr_expect_not(cooling_is_guess(&c, NOW + COOLING_GUESS_MS + 101, NOW + 20), "longer");
    cooling_note(&c, OUTCOME_THROTTLED, 300, NOW + 20);
    cr_expect_not(cooling_is_guess(&c, NOW + COOLING_GUESS_MS, NOW + 319), "a stated time");
    cr_expect(cooling_is_guess(&c, NOW + COOLING_GUESS_MS, NOW + 320), "is over");
    cooling_note(&c, OUTCOME_THROTTLED, 10, NOW + 320);
    cooling_note(&c, OUTCOME_THROTTLED, 5, NOW + 320);
    cr_expect_not(cooling_is_guess(&c, NOW + COOLING_GUESS_MS, NOW + 329), "the longer counts");
    cr_expect(cooling_is_guess(&c, NOW + COOLING_GUESS_MS, NOW + 330));
}
