/* test_view.c - by which rules news changes one router's picture of the shared state. */
#include "shared/view.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const slots[] = {"a", "b"};
static struct view *v;
static bool changed[2];
static int at;

static enum view_verdict snapshot(const char *gen, uint64_t ver, const char *line0,
                                  const char *line1, int64_t now_ms)
{
    struct str lines[2] = {str_of(line0), str_of(line1)};

    return view_snapshot(v, str_of(gen), ver, lines, line1 != NULL ? 2 : 1, now_ms, changed);
}

static enum view_verdict push(const char *line, int64_t now_ms)
{
    return view_push(v, str_of(line), now_ms, &at);
}

#define A0 "1 g 0 1000 a closed 1 0 0 auto 0 - - 0"
#define B0 "1 g 0 1000 b closed 1 0 0 auto 0 - - 0"
#define A1 "1 g 1 1000 a open 2 1500 1 auto 0 bad r1 0"
#define A2 "1 g 2 1600 a half-open 3 0 1 auto 0 due r1 0"
#define B2 "1 g 2 1600 b open 2 2000 1 auto 0 bad r2 0"
#define A3 "1 g 3 1700 a closed 4 0 1 auto 0 fine r1 0"

static void setup(void)
{
    v = view_new(slots, 2, 60000);
    cr_assert_eq(snapshot("g", 0, A0, B0, 50), VIEW_APPLIED);
}

static void teardown(void)
{
    view_free(v);
}

TestSuite(view, .init = setup, .fini = teardown);

Test(view, starts_without_a_word_heard)
{
    struct view *fresh = view_new(slots, 2, 60000);

    cr_expect_str_eq(view_gen(fresh), "");
    cr_expect_eq(view_get(fresh, 1)->ver, 0u);
    cr_expect_eq(view_get(fresh, 1)->st, BREAKER_CLOSED);
    cr_expect_eq(view_count(fresh), 2u);
    cr_expect_eq(view_push(fresh, str_of(A1), 0, &at), VIEW_OTHER_GEN);
    view_free(fresh);
    view_free(NULL);
}

Test(view, pushes_in_order_apply_one_by_one)
{
    cr_expect_eq(push(A1, 100), VIEW_APPLIED);
    cr_expect_eq(at, 0);
    cr_expect_eq(view_get(v, 0)->st, BREAKER_OPEN);
    cr_expect_eq(push(B2, 110), VIEW_APPLIED);
    cr_expect_eq(at, 1);
    cr_expect_eq(push(A3, 120), VIEW_APPLIED);
    cr_expect_eq(view_ver(v), 3u);
    cr_expect_eq(view_get(v, 0)->ep, 4u);
    cr_expect_str_eq(view_get(v, 0)->why, "fine");
}

Test(view, the_same_push_again_is_old)
{
    push(A1, 100);
    cr_expect_eq(push(A1, 200), VIEW_OLD);
    cr_expect_eq(at, -1);
    cr_expect_eq(view_get(v, 0)->until_ms, 600, "and moves no deadline");
    cr_expect_eq(view_ver(v), 1u);
}

Test(view, a_gap_applies_and_asks_for_a_sync)
{
    cr_expect_eq(push(A2, 100), VIEW_GAP);
    cr_expect_eq(at, 0);
    cr_expect_eq(view_get(v, 0)->st, BREAKER_HALF_OPEN);
    cr_expect_eq(view_ver(v), 0u, "version 1 was missed and still is");
    cr_expect_eq(push(A1, 110), VIEW_OLD, "an older word about the same key");
    cr_expect_eq(view_get(v, 0)->st, BREAKER_HALF_OPEN);
}

Test(view, a_push_that_was_overtaken_still_counts)
{
    cr_expect_eq(push(A3, 100), VIEW_GAP);
    cr_expect_eq(push(B2, 110), VIEW_GAP);
    cr_expect_eq(at, 1, "news about another key");
    cr_expect_eq(view_get(v, 1)->st, BREAKER_OPEN);
    cr_expect_eq(push(A1, 120), VIEW_OLD);
    cr_expect_eq(view_ver(v), 1u);
    cr_expect_eq(view_get(v, 0)->ep, 4u);
}

Test(view, a_key_of_others_moves_the_version_only)
{
    cr_expect_eq(push("1 g 1 1000 c open 2 1500 1 auto 0 - - 0", 100), VIEW_APPLIED);
    cr_expect_eq(at, -1);
    cr_expect_eq(view_ver(v), 1u);
}

Test(view, another_generation_changes_nothing)
{
    cr_expect_eq(push("1 h 1 1000 a open 2 1500 1 auto 0 - - 0", 100), VIEW_OTHER_GEN);
    cr_expect_eq(at, -1);
    cr_expect_eq(view_get(v, 0)->st, BREAKER_CLOSED);
    cr_expect_str_eq(view_gen(v), "g");
}

/* A version that is news with an epoch that is not: the data went back, and on from there. */
Test(view, an_epoch_that_fell_is_another_life)
{
    push(A1, 100);
    push(A2, 200);
    cr_expect_eq(push("1 g 3 1700 a open 2 1900 1 auto 0 bad r1 0", 300), VIEW_OTHER_GEN);
    cr_expect_eq(at, -1);
    cr_expect_eq(view_get(v, 0)->st, BREAKER_HALF_OPEN);
    cr_expect_eq(view_ver(v), 2u);
    cr_expect_eq(push("1 g 3 1700 a half-open 3 0 1 auto 0 - - 9000", 300), VIEW_APPLIED,
                 "cooling keeps the epoch");
}

static const struct {
    const char *name, *line;
} bad[] = {
    {"rubbish", "hello"},
    {"empty", ""},
    {"version 0 is no news", A0},
    {"other format", "2 g 1 1000 a open 2 1500 1 auto 0 bad r1 0"},
    {"open for longer than may be", "1 g 1 1000 a open 2 61001 1 auto 0 bad r1 0"},
    {"open until the past", "1 g 1 1000 a open 2 999 1 auto 0 bad r1 0"},
    {"no such state", "1 g 1 1000 a ajar 2 1500 1 auto 0 bad r1 0"},
};

Test(view, bad_pushes_are_dropped)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cr_expect_eq(push(bad[i].line, 100), VIEW_BAD, "row '%s'", bad[i].name);
        cr_expect_eq(at, -1, "row '%s'", bad[i].name);
    }
    cr_expect_eq(view_ver(v), 0u);
    cr_expect_eq(push("1 g 1 1000 a open 2 61000 1 auto 0 bad r1 0", 100), VIEW_APPLIED,
                 "exactly as long as may be");
}

static const struct {
    const char *name, *first, *then; /* lines of versions 1 and 2, the second 1000 ms later */
    uint64_t want;
} words[] = {
    /* clang-format off */
    {"none", "a open 2 1500 1 auto 0 bad r1 0", "a half-open 3 0 1 auto 0 due r1 0", 0},
    {"said", "a open 2 1500 1 auto 0 bad r1 0", "a open 2 2500 1 down 0 inc me 0", 2},
    {"stands", "a closed 1 0 0 up 0 inc me 0", "a open 2 2500 1 up 0 inc me 0", 1},
    {"stands, with an end", "a closed 1 0 0 up 9000 inc me 0", "a open 2 2500 1 up 9000 inc me 0", 1},
    {"over", "a closed 1 0 0 down 1500 inc me 0", "a closed 1 0 0 auto 0 - - 0", 2},
    {"another word", "a closed 1 0 0 down 0 inc me 0", "a closed 1 0 0 drain 0 inc me 0", 2},
    {"another reason", "a closed 1 0 0 down 0 inc me 0", "a closed 1 0 0 down 0 other me 0", 2},
    {"another operator", "a closed 1 0 0 down 0 inc me 0", "a closed 1 0 0 down 0 inc you 0", 2},
    {"said again", "a closed 1 0 0 down 5000 inc me 0", "a closed 1 0 0 down 6000 inc me 0", 2},
    {"now with an end", "a closed 1 0 0 down 0 inc me 0", "a closed 1 0 0 down 6000 inc me 0", 2},
    {"of two keys", "b closed 1 0 0 down 0 inc me 0", "a closed 1 0 0 down 0 inc me 0", 2},
    /* clang-format on */
};

Test(view, knows_when_an_operator_spoke)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        char line[200];

        view_free(v);
        setup();
        cr_expect_eq(view_override_ver(v), 0u);
        snprintf(line, sizeof(line), "1 g 1 1000 %s", words[i].first);
        cr_assert_eq(push(line, 100), VIEW_APPLIED, "row '%s'", words[i].name);
        snprintf(line, sizeof(line), "1 g 2 2000 %s", words[i].then);
        cr_assert_eq(push(line, 1103), VIEW_APPLIED, "row '%s'", words[i].name);
        cr_expect_eq(view_override_ver(v), words[i].want, "row '%s'", words[i].name);
    }
}

Test(view, a_snapshot_may_bring_an_operators_word)
{
    cr_expect_eq(snapshot("g", 7, "1 g 5 1000 a closed 1 0 0 down 0 inc me 0", B2, 200),
                 VIEW_APPLIED);
    cr_expect_eq(view_override_ver(v), 5u);
    cr_expect_eq(snapshot("g", 7, "1 g 5 1100 a closed 1 0 0 down 0 inc me 0", B2, 300),
                 VIEW_OLD);
    cr_expect_eq(view_override_ver(v), 5u);
    cr_expect_eq(snapshot("h", 0, "1 h 0 1100 a closed 1 0 0 down 0 inc me 0",
                          "1 h 0 1000 b closed 1 0 0 auto 0 - - 0", 300),
                 VIEW_APPLIED);
    cr_expect_eq(view_override_ver(v), 0u, "versions of another generation say nothing");
}

Test(view, deadlines_become_monotonic_on_receipt)
{
    cr_assert_eq(push("1 g 1 1000 a open 2 1500 1 drain 9000 - - 4000", 70), VIEW_APPLIED);
    const struct view_slot *k = view_get(v, 0);

    cr_expect_eq(k->until_ms, 70 + 500);
    cr_expect_eq(k->forced_until_ms, 70 + 8000);
    cr_expect_eq(k->lim_ms, 70 + 3000);
    cr_expect_eq(view_forced_now(k, 70 + 7999), VIEW_DRAIN);
    cr_expect_eq(view_forced_now(k, 70 + 8000), VIEW_AUTO, "the word has run out");
    cr_assert_eq(push("1 g 2 1000 a closed 3 0 1 down 0 - - 0", 80), VIEW_APPLIED);
    cr_expect_eq(k->until_ms, 0);
    cr_expect_eq(k->forced_until_ms, VIEW_NEVER);
    cr_expect_eq(k->lim_ms, 0);
    cr_expect_eq(view_forced_now(k, INT64_MAX - 1), VIEW_DOWN);
}

Test(view, a_snapshot_tells_what_changed)
{
    push(A1, 100);
    cr_expect_eq(snapshot("g", 3, A3, B2, 200), VIEW_APPLIED);
    cr_expect(changed[0] && changed[1]);
    cr_expect_eq(view_ver(v), 3u);
    cr_expect_eq(snapshot("g", 3, A3, B2, 300), VIEW_OLD, "the same again");
    cr_expect_not(changed[0] || changed[1]);
    cr_expect_eq(view_get(v, 1)->until_ms, 600, "and deadlines stay");
}

Test(view, a_snapshot_fills_a_gap)
{
    push(A3, 100);
    cr_expect_eq(snapshot("g", 3, A3, B2, 200), VIEW_APPLIED);
    cr_expect(!changed[0] && changed[1]);
    cr_expect_eq(view_ver(v), 3u);
}

Test(view, a_push_newer_than_the_snapshot_stays)
{
    push(A1, 100);
    push(A2, 110);
    cr_expect_eq(snapshot("g", 1, A1, B0, 120), VIEW_OLD);
    cr_expect_eq(view_get(v, 0)->st, BREAKER_HALF_OPEN);
    cr_expect_eq(view_ver(v), 2u, "versions never go back within a generation");
}

Test(view, a_snapshot_of_another_generation_wins)
{
    push(A1, 100);
    cr_expect_eq(snapshot("h", 0, "1 h 0 5000 a closed 1 0 0 auto 0 - - 0",
                          "1 h 0 5000 b closed 1 0 0 up 0 - - 0", 200),
                 VIEW_APPLIED);
    cr_expect(changed[0] && changed[1]);
    cr_expect_str_eq(view_gen(v), "h");
    cr_expect_eq(view_ver(v), 0u);
    cr_expect_eq(view_get(v, 0)->ep, 1u);
    cr_expect_eq(view_get(v, 1)->forced, VIEW_UP);
}

Test(view, lines_of_others_keys_are_skipped)
{
    cr_expect_eq(snapshot("g", 2, B2, "1 g 1 1600 z open 2 2000 1 auto 0 - - 0", 200),
                 VIEW_APPLIED);
    cr_expect_eq(view_ver(v), 2u);
}

static const struct {
    const char *name, *gen;
    uint64_t ver;
    const char *line;
} bad_snapshots[] = {
    {"rubbish", "g", 3, "hello"},
    {"a line of another generation", "g", 3, "1 h 1 1000 b open 2 1500 1 auto 0 - - 0"},
    {"a line newer than the whole", "g", 1, B2},
    {"no generation", "", 3, B2},
    {"a long generation", "ggggggggggggggggggggggggggggggggggggggggg", 3, B2},
    {"a version of 2^53", "g", UINT64_C(1) << 53, B2},
    {"a bad line of a key of others", "g", 3, "1 g 1 1000 z open 2 999 1 auto 0 - - 0"},
};

Test(view, one_bad_line_refuses_the_whole_snapshot)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_snapshots); i++) {
        cr_expect_eq(snapshot(bad_snapshots[i].gen, bad_snapshots[i].ver, A1,
                              bad_snapshots[i].line, 200),
                     VIEW_BAD, "row '%s'", bad_snapshots[i].name);
        cr_expect_eq(view_get(v, 0)->st, BREAKER_CLOSED, "row '%s'", bad_snapshots[i].name);
        cr_expect_not(changed[0] || changed[1], "row '%s'", bad_snapshots[i].name);
        cr_expect_eq(view_ver(v), 0u);
    }
}

Test(view, finds_keys_by_their_whole_name)
{
    cr_expect_eq(view_find(v, STR("b")), 1);
    cr_expect_eq(view_find(v, STR("bb")), -1);
    cr_expect_eq(view_find(v, STR("")), -1);
}

Test(view, finds_each_of_many_keys)
{
    static const char *const names[] = {"b", "a", "ab", "aa", "b/x", "b-x", "c", "a.b", "abc"};
    struct view *many = view_new(names, ARRAY_LEN(names), 60000);

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        cr_expect_eq(view_find(many, str_of(names[i])), (int)i, "%s", names[i]);
    cr_expect_eq(view_find(many, STR("abcd")), -1);
    cr_expect_eq(view_find(many, STR("d")), -1);
    cr_expect_eq(view_find(many, STR("A")), -1);
    cr_expect_eq(view_find(many, (struct str){"a\0b", 3}), -1);
    view_free(many);
}

Test(view, a_snapshot_has_so_many_lines_at_most)
{
    struct str *lines = xcalloc(VIEW_SNAPSHOT_MAX + 1, sizeof(*lines));

    for (size_t i = 0; i <= VIEW_SNAPSHOT_MAX; i++)
        lines[i] = str_of(A0);
    cr_expect_eq(view_snapshot(v, STR("g"), 1, lines, VIEW_SNAPSHOT_MAX + 1, 100, changed),
                 VIEW_BAD);
    cr_expect_eq(view_snapshot(v, STR("g"), 1, lines, VIEW_SNAPSHOT_MAX, 100, changed),
                 VIEW_APPLIED);
    free(lines);
}

Test(view, a_ramp_starts_in_our_own_time)
{
    static const struct {
        const char *name, *line;
        int64_t now_ms, want_ms;
    } rows[] = {
        {"just now", "1 g 1 5000 a closed 4 0 0 auto 0 - - 0 5000", 900, 900},
        {"a while ago", "1 g 1 5000 a closed 4 0 0 auto 0 - - 0 4200", 900, 100},
        {"before our host was up", "1 g 1 5000 a closed 4 0 0 auto 0 - - 0 4000", 900, -100},
        {"when our clock read 0", "1 g 1 5000 a closed 4 0 0 auto 0 - - 0 4100", 900, 1},
        {"never", "1 g 1 5000 a closed 4 0 0 auto 0 - - 0", 900, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        static const char *const names[] = {"a"};
        struct view *one = view_new(names, 1, 60000);

        cr_assert_eq(view_snapshot(one, STR("g"), 0, NULL, 0, 1, changed), VIEW_APPLIED);
        cr_assert_eq(view_push(one, str_of(rows[i].line), rows[i].now_ms, &at), VIEW_APPLIED);
        cr_expect_eq(view_get(one, 0)->ramp_ms, rows[i].want_ms, "row '%s'", rows[i].name);
        view_free(one);
    }
}

Test(view, lines_of_both_versions_of_routers_are_understood)
{
    cr_expect_eq(view_push(v, STR("1 g 1 1000 a open 2 1500 1 auto 0 - r 0"), 100, &at),
                 VIEW_APPLIED);
    cr_expect_not(view_get(v, 0)->doubt);
    cr_expect_eq(view_push(v, STR("1 g 2 1000 a open 3 1500 1 auto 0 - r 0 0 1"), 100, &at),
                 VIEW_APPLIED);
    cr_expect(view_get(v, 0)->doubt);
    cr_expect_eq(view_push(v, STR("1 g 3 1000 a closed 4 0 1 auto 0 - r 0 900"), 100, &at),
                 VIEW_APPLIED);
    cr_expect_not(view_get(v, 0)->doubt);
    cr_expect_eq(view_get(v, 0)->ramp_ms, 1, "100 ms ago, which is 0 here");
    cr_expect_eq(view_push(v, STR("1 g 4 1000 a closed 5 0 1 auto 0 - r 0"), 100, &at),
                 VIEW_APPLIED);
    cr_expect_eq(view_get(v, 0)->ramp_ms, 0);
    cr_expect_eq(view_push(v, STR("1 g 5 1000 a closed 5 0 1 auto 0 - r 1700"), 100, &at),
                 VIEW_APPLIED);
    cr_expect_eq(view_get(v, 0)->cools, COOLING_WHY_THROTTLED);
    cr_expect_eq(
        view_push(v, STR("1 g 6 1000 a closed 5 0 1 auto 0 - r 1800 0 0 auth"), 100, &at),
        VIEW_APPLIED);
    cr_expect_eq(view_get(v, 0)->cools, COOLING_WHY_AUTH);
}

Test(view, a_doubted_view_takes_whatever_redis_holds)
{
    push("1 g 9 1000 a open 7 1500 1 down 0 bad r1 0", 100);
    cr_expect_eq(view_seen(v), 9u);
    cr_expect_eq(view_ver(v), 0u, "eight are missing");
    cr_expect_eq(snapshot("g", 2, A0, B2, 110), VIEW_APPLIED);
    cr_expect_eq(view_get(v, 0)->st, BREAKER_OPEN, "the snapshot is older than the push");
    cr_expect_eq(view_seen(v), 9u);
    view_doubt(v);
    cr_expect_eq(view_seen(v), 0u);
    cr_expect_eq(view_get(v, 0)->forced, VIEW_DOWN, "the last that is known");
    cr_expect_eq(snapshot("g", 2, A0, B2, 120), VIEW_APPLIED);
    cr_expect(changed[0], "and taken back");
    cr_expect_eq(view_get(v, 0)->st, BREAKER_CLOSED);
    cr_expect_eq(view_get(v, 0)->ep, 1u);
    cr_expect_eq(view_get(v, 0)->forced, VIEW_AUTO);
    cr_expect_eq(view_ver(v), 2u);
    cr_expect_eq(view_seen(v), 2u);
}
