/* test_outcome.c - every outcome has a full row, and the rows keep the promises between them.
 */
#include "policy/outcome.h"

#include "base/base.h"

#include <criterion/criterion.h>
#include <string.h>

Test(outcome, each_row)
{
    /* One letter per trait that is on: u hurts, h heals, o other may help, l larger window
     * only, c cools, m misconfigured; then when the same target may be tried again. */
    /* clang-format off */
    static const struct {
        enum outcome o;
        const char *name, *traits;
        enum outcome_same same;
    } cases[] = {
        {OUTCOME_OK,           "ok",           "h",  OUTCOME_SAME_NO},
        {OUTCOME_CLIENT_FAULT, "client_fault", "",   OUTCOME_SAME_NO},
        {OUTCOME_TOO_LONG,     "too_long",     "ol", OUTCOME_SAME_NO},
        {OUTCOME_AUTH,         "auth",         "om", OUTCOME_SAME_NO},
        {OUTCOME_THROTTLED,    "throttled",    "oc", OUTCOME_SAME_AFTER_WAIT},
        {OUTCOME_QUOTA,        "quota",        "oc", OUTCOME_SAME_NO},
        {OUTCOME_SERVER_ERROR, "server_error", "uo", OUTCOME_SAME_LONE_500},
        {OUTCOME_CONNECT,      "connect",      "uo", OUTCOME_SAME_REUSED},
        {OUTCOME_TIMEOUT,      "timeout",      "uo", OUTCOME_SAME_NO},
        {OUTCOME_BROKEN,       "broken",       "uo", OUTCOME_SAME_NO},
        {OUTCOME_UNFIT,        "unfit",        "o",  OUTCOME_SAME_NO},
        {OUTCOME_ABORTED,      "aborted",      "",   OUTCOME_SAME_NO},
    };
    /* clang-format on */

    cr_assert_eq(ARRAY_LEN(cases), N_OUTCOMES);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct outcome_traits *t = outcome_traits(cases[i].o);
        char got[8] = "", *p = got;

        if (t->hurts)
            *p++ = 'u';
        if (t->heals)
            *p++ = 'h';
        if (t->other_may_help)
            *p++ = 'o';
        if (t->larger_window_only)
            *p++ = 'l';
        if (t->cools)
            *p++ = 'c';
        if (t->misconfigured)
            *p++ = 'm';
        *p = '\0';
        cr_expect_str_eq(t->name, cases[i].name);
        cr_expect_str_eq(got, cases[i].traits, "%s: '%s'", t->name, got);
        cr_expect_eq(t->same, cases[i].same, "%s", t->name);
    }
}

Test(outcome, names_differ_and_need_no_escape)
{
    for (int i = 0; i < N_OUTCOMES; i++) {
        const char *name = outcome_traits((enum outcome)i)->name;

        cr_expect_eq(name[strspn(name, "abcdefghijklmnopqrstuvwxyz_")], '\0', "%s", name);
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(name, outcome_traits((enum outcome)j)->name);
    }
}
