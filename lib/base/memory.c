/* memory.c - the account of what peers fill; memory.h has the contract. */
#include "base/memory.h"

#include "base/str.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SPARE_PART 16 /* of the budget, for those who were let in */

static size_t held, budget, refused;

void memory_set_budget(size_t bytes)
{
    budget = bytes;
}

size_t memory_budget_bytes(void)
{
    return budget;
}

void memory_take(size_t bytes)
{
    held += bytes;
}

void memory_give(size_t bytes)
{
    assert(bytes <= held);
    held -= bytes;
}

size_t memory_held_bytes(void)
{
    return held;
}

static bool is_within(size_t bound, size_t more_bytes)
{
    return budget == 0 || (held <= bound && more_bytes <= bound - held);
}

bool memory_may_grow(size_t more_bytes)
{
    return is_within(budget, more_bytes);
}

bool memory_fits(size_t more_bytes)
{
    return is_within(budget - budget / SPARE_PART, more_bytes);
}

bool memory_admit(size_t bytes)
{
    if (memory_fits(bytes))
        return true;
    refused = bytes > refused ? bytes : refused;
    return false;
}

size_t memory_short_bytes(void)
{
    size_t bound = budget - budget / SPARE_PART, wanted = refused < bound ? refused : bound;

    refused = 0;
    return budget == 0 || held + wanted <= bound ? 0 : held + wanted - bound;
}

/* The first line of a file, without its end; empty where there is none. */
static struct str read_line(const char *path, char *line, int cap)
{
    FILE *f = fopen(path, "re");
    bool ok = f != NULL && fgets(line, cap, f) != NULL;

    if (f != NULL)
        fclose(f);
    return ok ? str_trim((struct str){line, strcspn(line, "\n")}) : (struct str){line, 0};
}

size_t memory_resident_bytes(void)
{
    char line[128];
    uint64_t pages = 0;
    struct str rest, of_all;

    /* proc(5): size, resident, ... */
    (void)str_split(read_line("/proc/self/statm", line, sizeof(line)), ' ', &rest);
    if (!str_to_u64(str_split(rest, ' ', &of_all), &pages))
        return 0;
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* ---- the machine ---- */

/* The number in a file of one line; SIZE_MAX where there is none ("max", no such file). */
static size_t read_limit(const char *path)
{
    char line[64];
    uint64_t n;

    if (!str_to_u64(read_line(path, line, sizeof(line)), &n))
        return SIZE_MAX;
    return n < SIZE_MAX ? (size_t)n : SIZE_MAX;
}

/* The least limit of a group and all above it: each of them holds. */
static size_t least_limit(const char *mount, char *group, const char *file)
{
    char path[PATH_MAX + 128];
    size_t least = SIZE_MAX;

    for (;;) {
        char *slash = strrchr(group, '/');
        size_t n;

        snprintf(path, sizeof(path), "%s%s/%s", mount, group, file);
        n = read_limit(path);
        least = n < least ? n : least;
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

static bool names_memory(struct str kinds)
{
    while (kinds.len > 0)
        if (str_eqz(str_split(kinds, ',', &kinds), "memory"))
            return true;
    return false;
}

/* A line of /proc/self/cgroup: "0::/a/b" of version 2, "7:memory,cpu:/a/b" of version 1. */
static size_t limit_of_line(const char *root, char *line)
{
    char mount[PATH_MAX];
    char *kinds = strchr(line, ':');
    char *group = kinds != NULL ? strchr(kinds + 1, ':') : NULL;

    if (group == NULL)
        return SIZE_MAX;
    group[strcspn(group, "\n")] = '\0';
    *group++ = '\0';
    bool two = kinds[1] == '\0';

    if (!two && !names_memory(str_of(kinds + 1)))
        return SIZE_MAX;
    if (strcmp(group, "/") == 0)
        *group = '\0';
    snprintf(mount, sizeof(mount), "%s/sys/fs/cgroup%s", root, two ? "" : "/memory");
    return least_limit(mount, group, two ? "memory.max" : "memory.limit_in_bytes");
}

size_t memory_machine_bytes(const char *root)
{
    char line[PATH_MAX];
    size_t least = (size_t)sysconf(_SC_PHYS_PAGES) * (size_t)sysconf(_SC_PAGESIZE);
    FILE *f;

    snprintf(line, sizeof(line), "%s/proc/self/cgroup", root);
    f = fopen(line, "re");
    while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
        size_t n = limit_of_line(root, line);

        least = n < least ? n : least;
    }
    if (f != NULL)
        fclose(f);
    return least;
}
