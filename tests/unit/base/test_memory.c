/* test_memory.c - the account of what peers fill, and what the machine has. */
#include "base/memory.h"

#include "base/base.h"
#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KIB(n) ((size_t)(n) << 10)

Test(memory, without_a_budget_everything_fits)
{
    memory_take(KIB(4096));
    cr_expect(memory_fits(SIZE_MAX) && memory_may_grow(SIZE_MAX) && memory_admit(SIZE_MAX));
    cr_expect_eq(memory_short_bytes(), 0);
    memory_give(KIB(4096));
    cr_expect_eq(memory_held_bytes(), 0);
}

Test(memory, the_last_sixteenth_is_for_those_inside)
{
    memory_set_budget(KIB(160));
    memory_take(KIB(140));
    cr_expect(memory_fits(KIB(10)) && memory_admit(KIB(10)));
    cr_expect_not(memory_fits(KIB(10) + 1));
    cr_expect(memory_may_grow(KIB(20)));
    cr_expect_not(memory_may_grow(KIB(20) + 1));
    cr_expect_eq(memory_short_bytes(), 0, "nobody was refused");
    memory_take(KIB(15));
    cr_expect_eq(memory_short_bytes(), KIB(5));
}

Test(memory, who_was_refused_is_made_room_for)
{
    memory_set_budget(KIB(160));
    memory_take(KIB(100));
    cr_expect_not(memory_admit(KIB(70)));
    cr_expect_not(memory_admit(KIB(60)));
    cr_expect_eq(memory_short_bytes(), KIB(20), "the largest");
    cr_expect_eq(memory_short_bytes(), 0, "once");
    cr_expect_not(memory_admit(SIZE_MAX));
    cr_expect_eq(memory_short_bytes(), KIB(100), "no more than there is");
}

Test(memory, a_charged_buffer_counts_as_long_as_it_lives)
{
    char fill[6000] = "";
    struct buf b, c;

    buf_init_charged(&b, KIB(64));
    cr_assert_eq(buf_append(&b, fill, sizeof(fill)), 0);
    cr_expect_eq(memory_held_bytes(), b.cap);
    buf_shrink(&b, 0);
    cr_expect_eq(memory_held_bytes(), sizeof(fill) + 1);
    free(buf_take(&b));
    cr_expect_eq(memory_held_bytes(), 0);
    memory_set_budget(KIB(8));
    buf_init_charged(&c, KIB(64));
    cr_expect_eq(buf_append(&c, fill, sizeof(fill)), 0);
    cr_expect_eq(buf_append(&c, fill, sizeof(fill)), -1, "beyond the budget");
    cr_expect_eq(c.len, sizeof(fill));
    cr_expect_eq(buf_append(&b, fill, 1000), 0, "a page is always there");
    buf_release(&b);
    buf_release(&c);
    cr_expect_eq(memory_held_bytes(), 0);
}

Test(memory, what_the_process_has)
{
    cr_expect_gt(memory_resident_bytes(), KIB(100));
    cr_expect_gt(memory_machine_bytes(""), KIB(1024));
}

static void put(const char *root, const char *path, const char *text)
{
    char at[512], *slash;
    FILE *f;

    snprintf(at, sizeof(at), "%s%s", root, path);
    for (slash = at + 1; (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
        *slash = '\0';
        mkdir(at, 0700);
    }
    f = fopen(at, "w");
    cr_assert_not_null(f, "%s", at);
    fputs(text, f);
    fclose(f);
}

Test(memory, the_least_limit_of_all_groups_counts)
{
    static const struct {
        const char *name, *groups, *paths[3], *texts[3];
        size_t want; /* 0: the machine's */
    } rows[] = {
        {"no groups", "", {NULL}, {NULL}, 0},
        {"version 2", "0::/a/b\n", {"/sys/fs/cgroup/a/b/memory.max"}, {"1048576\n"}, 1048576},
        {"no limit", "0::/a\n", {"/sys/fs/cgroup/a/memory.max"}, {"max\n"}, 0},
        {"the one above is less",
         "0::/a/b\n",
         {"/sys/fs/cgroup/a/b/memory.max", "/sys/fs/cgroup/a/memory.max"},
         {"2097152\n", "1048576\n"},
         1048576},
        {"a container sees its own at the root",
         "0::/\n",
         {"/sys/fs/cgroup/memory.max"},
         {"3145728\n"},
         3145728},
        {"version 1",
         "5:cpu:/x\n4:hugetlb,memory:/a\n",
         {"/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "/sys/fs/cgroup/x/memory.max"},
         {"4194304\n", "1\n"},
         4194304},
        {"rubbish", "hello\n::\n0::\n", {"/sys/fs/cgroup/memory.max"}, {"x\n"}, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char root[] = "/tmp/sluice-memory-XXXXXX", gone[64];

        cr_assert_not_null(mkdtemp(root));
        put(root, "/proc/self/cgroup", rows[i].groups);
        for (size_t k = 0; k < ARRAY_LEN(rows[i].paths) && rows[i].paths[k] != NULL; k++)
            put(root, rows[i].paths[k], rows[i].texts[k]);
        cr_expect_eq(memory_machine_bytes(root),
                     rows[i].want > 0 ? rows[i].want : memory_machine_bytes("/none"), "%s",
                     rows[i].name);
        snprintf(gone, sizeof(gone), "rm -r %s", root);
        cr_expect_eq(system(gone), 0);
    }
}
