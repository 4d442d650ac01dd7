/* test_view_file.c - what a view keeps on disk, and what may come back from there. */
#include "shared/view_file.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL 1700000000000 /* when it was written */
#define MONO 5000
#define HEAD "sluice-view 1 t 1700000000000 "

static const char *const slots[] = {"a", "b"};
static struct view *v;
static char gen[VIEW_GEN_MAX + 1];
static uint64_t ver[2];
static struct err err;

static void setup(void)
{
    v = view_new(slots, 2, 86400000);
    memset(&err, 0, sizeof(err));
}

static void teardown(void)
{
    view_free(v);
}

TestSuite(view_file, .init = setup, .fini = teardown);

static int decode(const char *text, int64_t age_ms)
{
    return view_file_decode(str_of(text), "t", WALL + age_ms, MONO, v, gen, ver, &err);
}

/* One key's file: what stands behind "1 g 7 WALL a ". */
static int decode_a(const char *rest, int64_t age_ms)
{
    char text[700];

    snprintf(text, sizeof(text), HEAD "1\n1 g 7 1700000000000 a %s\nend\n", rest);
    return decode(text, age_ms);
}

Test(view_file, a_view_without_a_snapshot_is_not_written)
{
    struct buf out;

    buf_init(&out, 10000);
    cr_expect_eq(view_file_encode(&out, "t", v, WALL, MONO), -1);
    buf_release(&out);
}

Test(view_file, what_is_written_comes_back)
{
    struct str lines[] = {
        STR("1 g 7 1000 a open 3 21000 2 down 61000 vendor%20incident op 4000"),
        STR("1 g 9 1000 b half-open 5 0 1 drain 0 - - 0")};
    bool changed[2];
    struct buf out;
    struct view *live = view_new(slots, 2, 86400000);

    cr_assert_eq(view_snapshot(live, STR("g"), 9, lines, 2, 100, changed), VIEW_APPLIED);
    buf_init(&out, 10000);
    cr_assert_eq(view_file_encode(&out, "t", live, WALL, 100), 0);
    cr_assert_eq(decode(out.data, 1000), 0, "%s\n%s", err.msg, out.data);
    cr_expect_str_eq(gen, "g");
    cr_expect_eq(ver[0], 7u);
    cr_expect_eq(ver[1], 9u);
    const struct view_slot *a = view_get(v, 0), *b = view_get(v, 1);

    cr_expect_eq(a->st, BREAKER_OPEN);
    cr_expect_eq(a->until_ms, MONO + 19000);
    cr_expect_eq(a->trips, 2);
    cr_expect_eq(a->forced, VIEW_DOWN);
    cr_expect_eq(a->forced_until_ms, MONO + 59000);
    cr_expect_str_eq(a->why, "vendor incident");
    cr_expect_str_eq(a->by, "op");
    cr_expect_eq(a->lim_ms, MONO + 2000);
    cr_expect_eq(a->ver, 0u, "the versions of another run say nothing here");
    cr_expect_eq(b->st, BREAKER_OPEN);
    cr_expect_eq(b->until_ms, MONO, "half-open is due");
    cr_expect_eq(b->forced, VIEW_DRAIN);
    cr_expect_eq(b->forced_until_ms, VIEW_NEVER);
    cr_expect_str_eq(view_gen(v), "", "the first attach replaces it");
    buf_release(&out);
    view_free(live);
}

Test(view_file, deadlines_that_have_passed_are_written_as_now)
{
    struct str lines[] = {STR("1 g 7 1000 a open 3 2000 2 down 2000 x op 2000"),
                          STR("1 g 8 1000 b closed 3 0 0 auto 0 - - 0")};
    bool changed[2];
    struct buf out;
    struct view *live = view_new(slots, 2, 86400000);

    cr_assert_eq(view_snapshot(live, STR("g"), 9, lines, 2, 100, changed), VIEW_APPLIED);
    buf_init(&out, 10000);
    cr_assert_eq(view_file_encode(&out, "t", live, WALL, 90000), 0);
    cr_assert_eq(decode(out.data, 0), 0, "%s", err.msg);
    cr_expect_eq(view_get(v, 0)->until_ms, MONO);
    cr_expect_eq(view_get(v, 0)->forced, VIEW_AUTO);
    cr_expect_eq(view_get(v, 0)->lim_ms, 0);
    buf_release(&out);
    view_free(live);
}

Test(view_file, what_is_too_old_is_left_out)
{
    static const struct {
        const char *name, *rest;
        int64_t age_ms;
        enum breaker_state st;
        enum view_forced forced;
        bool cooling;
    } rows[] = {
        {"open, ten minutes", "open 3 1700000900000 2 auto 0 - - 0", 600000, BREAKER_OPEN,
         VIEW_AUTO, false},
        {"open, longer", "open 3 1700000900000 2 auto 0 - - 0", 600001, BREAKER_CLOSED,
         VIEW_AUTO, false},
        {"cooling, ten minutes", "closed 3 0 2 auto 0 - - 1700000900000", 600000,
         BREAKER_CLOSED, VIEW_AUTO, true},
        {"cooling, longer", "closed 3 0 2 auto 0 - - 1700000900000", 600001, BREAKER_CLOSED,
         VIEW_AUTO, false},
        {"cooling, over", "closed 3 0 2 auto 0 - - 1700000001000", 1000, BREAKER_CLOSED,
         VIEW_AUTO, false},
        {"forced, a day", "closed 3 0 0 down 0 - - 0", 86400000, BREAKER_CLOSED, VIEW_DOWN,
         false},
        {"forced, longer", "closed 3 0 0 down 0 - - 0", 86400001, BREAKER_CLOSED, VIEW_AUTO,
         false},
        {"forced, time left", "closed 3 0 0 down 1700000001000 - - 0", 999, BREAKER_CLOSED,
         VIEW_DOWN, false},
        {"forced, ran out", "closed 3 0 0 down 1700000001000 - - 0", 1000, BREAKER_CLOSED,
         VIEW_AUTO, false},
        {"our clock was set back", "open 3 1700000001000 2 down 0 - - 0", -300000, BREAKER_OPEN,
         VIEW_DOWN, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        teardown();
        setup();
        cr_assert_eq(decode_a(rows[i].rest, rows[i].age_ms), 0, "row '%s': %s", rows[i].name,
                     err.msg);
        const struct view_slot *k = view_get(v, 0);

        cr_expect_eq(k->st, rows[i].st, "row '%s'", rows[i].name);
        cr_expect_eq(view_forced_now(k, MONO), rows[i].forced, "row '%s'", rows[i].name);
        cr_expect_eq(k->lim_ms > MONO, rows[i].cooling, "row '%s'", rows[i].name);
        cr_expect_leq(k->until_ms, MONO + 900000, "row '%s'", rows[i].name);
        cr_expect_str_eq(gen, rows[i].age_ms <= 86400000 ? "g" : "", "row '%s'", rows[i].name);
    }
}

#define LINE_A "1 g 7 1700000000000 a open 3 1700000009000 2 down 0 - - 0\n"
#define LINE_B "1 g 7 1700000000000 b closed 1 0 0 auto 0 - - 0\n"

Test(view_file, anything_else_is_refused_and_changes_nothing)
{
    static const struct {
        const char *name, *text, *want;
    } rows[] = {
        {"empty", "", "line 1 "},
        {"no line end", "sluice-view", "line 1 "},
        {"another kind", "sluice-log 1 t 1700000000000 1\n" LINE_A "end\n", "line 1 "},
        {"another form", "sluice-view 2 t 1700000000000 1\n" LINE_A "end\n", "line 1 "},
        {"a field short", "sluice-view 1 t 1700000000000\n" LINE_A "end\n", "line 1 "},
        {"a field more", HEAD "1 1\n" LINE_A "end\n", "line 1 "},
        {"no number", "sluice-view 1 t soon 1\n" LINE_A "end\n", "line 1 "},
        {"signed", "sluice-view 1 t -1700000000000 1\n" LINE_A "end\n", "line 1 "},
        {"too many lines", HEAD "4097\n" LINE_A "end\n", "line 1 "},
        {"another fleet", "sluice-view 1 u 1700000000000 1\n" LINE_A "end\n", "another fleet"},
        {"cut in a line", HEAD "2\n" LINE_A "1 g 7 17000", "line 3 "},
        {"cut behind a line", HEAD "2\n" LINE_A, "line 3 "},
        {"cut at the end", HEAD "1\n" LINE_A, "line 3 "},
        {"cut in the end", HEAD "1\n" LINE_A "end", "line 3 "},
        {"more than the end", HEAD "1\n" LINE_A "end\nend\n", "line 3 "},
        {"more lines", HEAD "1\n" LINE_A LINE_B "end\n", "line 3 "},
        {"of another time",
         HEAD "2\n" LINE_A "1 g 7 1700000000001 b closed 1 0 0 auto 0 - - 0\n"
              "end\n",
         "line 3 "},
        {"of another generation",
         HEAD "2\n" LINE_A "1 h 7 1700000000000 b closed 1 0 0 auto 0 - - 0\nend\n", "line 3 "},
        {"rubbish in the last line", HEAD "2\n" LINE_A "1 g 7 purple\nend\n", "line 3 "},
        {"carriage returns", HEAD "1\r\n" LINE_A "end\n", "line 1 "},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_expect_eq(decode(rows[i].text, 0), -1, "row '%s'", rows[i].name);
        cr_expect_not_null(strstr(err.msg, rows[i].want), "row '%s': %s", rows[i].name,
                           err.msg);
        cr_expect_eq(view_get(v, 0)->forced, VIEW_AUTO, "row '%s'", rows[i].name);
        cr_expect_eq(view_get(v, 0)->st, BREAKER_CLOSED, "row '%s'", rows[i].name);
    }
    cr_expect_eq(decode(HEAD "1\n" LINE_A "end\n", -300001), -1, "from the future");
    cr_expect_not_null(strstr(err.msg, "ahead"), "%s", err.msg);
}

Test(view_file, keys_nobody_has_any_more_are_skipped)
{
    cr_assert_eq(decode(HEAD "2\n1 g 7 1700000000000 gone closed 1 0 0 down 0 - - 0\n" LINE_A
                             "end\n",
                        0),
                 0);
    cr_expect_eq(view_get(v, 0)->forced, VIEW_DOWN);
    cr_expect_eq(view_get(v, 1)->forced, VIEW_AUTO);
}

Test(view_file, a_text_beyond_the_cap_is_refused)
{
    size_t len = VIEW_FILE_MAX_BYTES + 1;
    char *text = xcalloc(len + 1, 1);

    memset(text, 'x', len);
    cr_expect_eq(view_file_decode((struct str){text, len}, "t", WALL, MONO, v, gen, ver, &err),
                 -1);
    cr_expect_eq(err.code, ERR_LIMIT);
    free(text);
}
