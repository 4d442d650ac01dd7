/* test_picker.c - tier before priority before place in the list, and only usable targets. */
#include "policy/picker.h"

#include "base/base.h"

#include <criterion/criterion.h>

#define YES PICKER_USABLE

Test(picker, priority)
{
    /* clang-format off */
    static const struct {
        const char *name;
        struct picker_target t[4];
        size_t n;
        int want;
    } cases[] = {
        {"no target",                  {{0}}, 0, -1},
        {"one",                        {{0, 5, YES}}, 1, 0},
        {"lowest priority",            {{0, 3, YES}, {0, 1, YES}, {0, 2, YES}}, 3, 1},
        {"equal: the first",           {{0, 2, YES}, {0, 1, YES}, {0, 1, YES}}, 3, 1},
        {"tier before priority",       {{1, 0, YES}, {0, 9, YES}}, 2, 1},
        {"a fallback when needed",     {{0, 1, PICKER_OPEN}, {1, 9, YES}, {2, 0, YES}}, 3, 1},
        {"negative priority",          {{0, 0, YES}, {0, -1, YES}}, 2, 1},
        {"tried",                      {{0, 1, PICKER_TRIED}, {0, 2, YES}}, 2, 1},
        {"forced down",                {{0, 1, PICKER_FORCED_DOWN}, {0, 2, YES}}, 2, 1},
        {"draining",                   {{0, 1, PICKER_DRAINING}, {0, 2, YES}}, 2, 1},
        {"open",                       {{0, 1, PICKER_OPEN}, {0, 2, YES}}, 2, 1},
        {"cooling",                    {{0, 1, PICKER_COOLING}, {0, 2, YES}}, 2, 1},
        {"too small",                  {{0, 1, PICKER_TOO_SMALL}, {0, 2, YES}}, 2, 1},
        {"none is usable",             {{0, 1, PICKER_TRIED}, {0, 2, PICKER_COOLING}}, 2, -1},
        {"not its turn",               {{0, 1, PICKER_RAMPING}, {0, 2, YES}}, 2, 1},
        {"not its turn, all else out", {{0, 1, PICKER_OPEN}, {0, 2, PICKER_RAMPING}}, 2, 1},
        {"a fallback whose turn it is", {{0, 1, PICKER_RAMPING}, {1, 2, YES}}, 2, 1},
        {"nobody's turn: in order",    {{0, 2, PICKER_RAMPING}, {0, 1, PICKER_RAMPING}}, 2, 1},
        {"the list ends where n says", {{0, 1, PICKER_TRIED}, {0, 2, YES}}, 1, -1},
    };
    /* clang-format on */

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        cr_expect_eq(picker_pick(cases[i].t, cases[i].n), cases[i].want, "row '%s'",
                     cases[i].name);
    cr_expect_eq(picker_pick(NULL, 0), -1);
}

Test(picker, every_reason_has_its_name)
{
    for (int i = 0; i < N_PICKER_WHY; i++)
        for (int j = 0; j < i; j++)
            cr_expect_str_neq(picker_why_name((enum picker_why)i),
                              picker_why_name((enum picker_why)j));
    cr_expect_str_eq(picker_why_name(PICKER_USABLE), "usable");
    cr_expect_str_eq(picker_why_name(PICKER_FORCED_DOWN), "forced_down");
}
