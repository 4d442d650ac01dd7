/* test_respawn.c - who is started again, and when. */
#include "policy/respawn.h"

#include "base/base.h"

#include <criterion/criterion.h>

Test(respawn, waits_after_repeated_quick_deaths_alone)
{
    static const struct {
        const char *name;
        int64_t lived_ms, want_ms;
    } rows[] = {
        {"the first quick death", 5, 0},
        {"the second", 5, 100},
        {"the third", 5, 200},
        {"lived through one, and not long", 9999, 400},
        {"lived long", 10000, 0},
        {"quick again", 1, 100},
        {"and again", 1, 200},
        {"and again", 1, 400},
        {"and again", 1, 800},
        {"and again", 1, 1600},
        {"and again", 1, 3200},
        {"and no longer than this", 1, 5000},
        {"ever", 1, 5000},
        {"lived long", 3600000, 0},
    };
    struct respawn r = {0};
    int64_t now_ms = 1000000;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(respawn_next(&r, 1, now_ms), 0, "%s: due", rows[i].name);
        respawn_started(&r, now_ms);
        cr_expect_eq(respawn_next(&r, 1, now_ms), -1, "%s: runs", rows[i].name);
        now_ms += rows[i].lived_ms;
        cr_expect_eq(respawn_died(&r, now_ms), rows[i].want_ms, "%s: %lld ms", rows[i].name,
                     (long long)(r.due_ms - now_ms));
        now_ms = r.due_ms;
    }
}

Test(respawn, never_leaves_a_group_without_anybody)
{
    const struct respawn down = {.born_ms = 900, .due_ms = 5000},
                         sooner = {.born_ms = 990, .due_ms = 4000},
                         up = {.running = true, .born_ms = 500}, due = {.due_ms = 1000};
    const struct {
        const char *name;
        struct respawn group[3];
        int64_t now_ms;
        int want;
    } rows[] = {
        {"all run", {up, up, up}, 1000, -1},
        {"one waits beside others", {up, down, up}, 4999, -1},
        {"until its time", {up, down, up}, 5000, 1},
        {"two wait beside one", {down, sooner, up}, 1500, -1},
        {"none is left, one was started just now", {down, sooner, down}, 1089, -1},
        {"none is left: who is due first", {down, sooner, down}, 1090, 1},
        {"who is due comes before", {down, sooner, due}, 1000, 2},
        {"nobody has been started yet", {{0}, {0}, {0}}, 1000, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(respawn_next(rows[i].group, 3, rows[i].now_ms), rows[i].want, "%s",
                     rows[i].name);
}

Test(respawn, a_kernel_that_refuses_is_not_asked_in_a_loop)
{
    struct respawn group[2] = {{0}, {0}};

    respawn_started(&group[1], 1000);
    respawn_refused(&group[0], 1000);
    cr_expect_eq(respawn_next(group, 2, 5999), -1);
    cr_expect_eq(respawn_next(group, 2, 6000), 0);
    respawn_died(&group[1], 1050);
    cr_expect_eq(respawn_next(group, 2, 1050), 1);
    respawn_refused(&group[1], 1050);
    cr_expect_eq(respawn_next(group, 2, 1149), -1);
    cr_expect_eq(respawn_next(group, 2, 1150), 0, "none is left");
}
