/* test_evidence.c - what is joined into one report, and when it is due. */
#include "shared/evidence.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct { /* per attempt: f = failed, o = ok, F and O the same but slow */
    const char *name, *attempts;
    int ok, fail, slow, hard;
    int64_t due_ms; /* the first attempt comes at 1000, each next one 1 ms later */
} rows[] = {
    {"one failure", "f", 0, 1, 0, 1, 1000},
    {"one success", "o", 1, 0, 0, 0, 1100},
    {"failures in a row", "fff", 0, 3, 0, 3, 1000},
    {"a success ends the row", "ffo", 1, 2, 0, 0, 1000},
    {"a row after a success", "foff", 1, 3, 0, 2, 1000},
    {"a failure hurries successes", "oof", 2, 1, 0, 1, 1002},
    {"slow ones of both kinds", "OFo", 2, 1, 2, 0, 1001},
};

Test(evidence, joins_attempts)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct evidence *b = evidence_new(3);
        struct evidence_item item;
        int64_t now_ms = 1000;

        for (const char *c = rows[i].attempts; *c != '\0'; c++)
            cr_expect_eq(
                evidence_add(b, 1, 7, *c == 'f' || *c == 'F', *c < 'a', now_ms++, &item),
                EVIDENCE_QUEUED);
        cr_expect_eq(evidence_due_ms(b), rows[i].due_ms, "row '%s'", rows[i].name);
        cr_expect_not(evidence_take(b, rows[i].due_ms - 1, &item), "row '%s'", rows[i].name);
        cr_assert(evidence_take(b, rows[i].due_ms, &item), "row '%s'", rows[i].name);
        cr_expect_eq(item.slot, 1u);
        cr_expect_eq(item.epoch, 7u);
        cr_expect_eq(item.evidence.ok, rows[i].ok, "row '%s'", rows[i].name);
        cr_expect_eq(item.evidence.fail, rows[i].fail, "row '%s'", rows[i].name);
        cr_expect_eq(item.evidence.slow, rows[i].slow, "row '%s'", rows[i].name);
        cr_expect_eq(item.evidence.hard_since_ok, rows[i].hard, "row '%s'", rows[i].name);
        cr_expect_eq(evidence_due_ms(b), -1);
        evidence_free(b);
    }
}

/* After a failure left at 1000, one more of the same key comes at at_ms. */
static const struct {
    int64_t at_ms, due_ms;
} after[] = {{1000, 1010}, {1001, 1010}, {1009, 1010}, {1010, 1010}, {1011, 1011}};

Test(evidence, the_first_failure_leaves_at_once_and_later_ones_together)
{
    for (size_t i = 0; i < ARRAY_LEN(after); i++) {
        struct evidence *b = evidence_new(2);
        struct evidence_item item;

        evidence_add(b, 0, 7, true, false, 1000, &item);
        cr_assert(evidence_take(b, 1000, &item));
        evidence_add(b, 0, 7, true, false, after[i].at_ms, &item);
        cr_expect_eq(evidence_due_ms(b), after[i].due_ms, "row %zu", i);
        evidence_add(b, 0, 7, true, false, after[i].at_ms, &item);
        cr_expect_eq(evidence_due_ms(b), after[i].due_ms, "row %zu", i);
        cr_assert(evidence_take(b, after[i].due_ms, &item));
        cr_expect_eq(item.evidence.fail, 2, "row %zu", i);
        evidence_free(b);
    }
}

Test(evidence, only_failures_of_the_same_key_make_one_wait)
{
    struct evidence *b = evidence_new(2);
    struct evidence_item item;

    evidence_add(b, 0, 7, false, false, 900, &item);
    cr_assert(evidence_take(b, 1000, &item));
    evidence_add(b, 1, 7, true, false, 1000, &item);
    cr_assert(evidence_take(b, 1000, &item));
    evidence_add(b, 0, 7, true, false, 1001, &item);
    cr_expect_eq(evidence_due_ms(b), 1001);
    evidence_free(b);
}

/* A displaced batch has left too. */
Test(evidence, a_failure_behind_a_displaced_one_waits)
{
    struct evidence *b = evidence_new(1);
    struct evidence_item item;

    evidence_add(b, 0, 7, true, false, 1000, &item);
    cr_expect_eq(evidence_add(b, 0, 8, true, false, 1001, &item), EVIDENCE_DISPLACED);
    cr_expect_not(evidence_take(b, 1010, &item));
    cr_expect_eq(evidence_due_ms(b), 1011);
    evidence_free(b);
}

Test(evidence, a_newer_epoch_displaces_and_an_older_one_is_late)
{
    struct evidence *b = evidence_new(1);
    struct evidence_item item;

    evidence_add(b, 0, 7, true, false, 1000, &item);
    cr_expect_eq(evidence_add(b, 0, 8, false, false, 1001, &item), EVIDENCE_DISPLACED);
    cr_expect_eq(item.epoch, 7u);
    cr_expect_eq(item.evidence.fail, 1);
    cr_expect_eq(evidence_add(b, 0, 7, true, false, 1002, &item), EVIDENCE_LATE);
    cr_assert(evidence_take(b, 1101, &item));
    cr_expect_eq(item.epoch, 8u);
    cr_expect_eq(item.evidence.ok, 1);
    cr_expect_eq(item.evidence.fail, 0);
    evidence_free(b);
}

Test(evidence, keys_are_apart_and_clear_counts)
{
    struct evidence *b = evidence_new(3);
    struct evidence_item item;

    evidence_add(b, 0, 1, false, false, 1000, &item);
    evidence_add(b, 1, 1, true, false, 1000, &item);
    evidence_add(b, 2, 1, true, false, 1001, &item);
    cr_expect_eq(evidence_due_ms(b), 1000);
    cr_assert(evidence_take(b, 1000, &item));
    cr_expect_eq(item.slot, 1u);
    cr_expect_not(evidence_take(b, 1000, &item));
    cr_expect_eq(evidence_due_ms(b), 1001);
    cr_expect_eq(evidence_clear(b), 2u);
    cr_expect_eq(evidence_due_ms(b), -1);
    evidence_free(b);
    evidence_free(NULL);
}

Test(evidence, a_full_batch_is_due_at_once)
{
    struct evidence *b = evidence_new(1);
    struct evidence_item item;

    for (int i = 0; i < EVIDENCE_MAX - 1; i++)
        evidence_add(b, 0, 1, false, false, 1000, &item);
    cr_expect_eq(evidence_due_ms(b), 1100);
    evidence_add(b, 0, 1, false, false, 1000, &item);
    cr_expect_eq(evidence_due_ms(b), 1100 - 100);
    cr_expect_eq(evidence_add(b, 0, 1, false, false, 1000, &item), EVIDENCE_DISPLACED);
    cr_expect_eq(item.evidence.ok, EVIDENCE_MAX);
    evidence_free(b);
}

/* In a large fleet: successes of several keys share one gap, who waited longest goes first, and
 * failures wait for nothing. */
Test(evidence, successes_keep_their_distance)
{
    static const struct {
        int64_t at_ms;
        size_t slot;
    } leaves[] = {{1100, 2}, {2100, 0}, {3100, 2}, {4100, SIZE_MAX}};
    struct evidence *b = evidence_new(3);
    struct evidence_item item;

    evidence_set_ok_gap(b, 1000);
    evidence_add(b, 2, 7, false, false, 1000, &item);
    evidence_add(b, 0, 7, false, false, 1050, &item);
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
        cr_expect_not(evidence_take(b, leaves[i].at_ms - 1, &item), "row %zu", i);
        bool taken = evidence_take(b, leaves[i].at_ms, &item);

        cr_assert_eq(taken, leaves[i].slot < 3, "row %zu", i);
        cr_expect(!taken || item.slot == leaves[i].slot, "row %zu: key %zu", i, item.slot);
        if (i == 0)
            evidence_add(b, 2, 7, false, false, 1200, &item);
    }
    evidence_add(b, 1, 7, false, false, 3200, &item);
    evidence_add(b, 1, 7, true, false, 3300, &item);
    cr_assert(evidence_take(b, 3300, &item), "a failure takes them along");
    cr_expect_eq(item.evidence.ok, 1);
    cr_expect_eq(item.evidence.fail, 1);
    cr_expect_eq(evidence_due_ms(b), -1);
    evidence_free(b);
}
