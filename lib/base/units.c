/* units.c - numbers with units, read and written by two tables; units.h has the contract. */
#include "base/units.h"

#include "base/text.h"

#include <stdio.h>

struct unit {
    const char *name;
    int64_t worth; /* in ms, or in bytes */
};

/* The largest first: it is taken first, both ways. */
static const struct unit of_time[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
static const struct unit of_size[] = {
    {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};

/* Takes one run of characters that are (or are not) digits off the front of *s. */
static struct str take_run(struct str *s, bool digits)
{
    struct str run = {s->ptr, 0};

    while (run.len < s->len && text_is_digit(s->ptr[run.len]) == digits)
        run.len++;
    s->ptr += run.len;
    s->len -= run.len;
    return run;
}

/* Takes "12KiB" off the front of *s; *unit is its row of the table. */
static bool take_part(struct str *s, const struct unit *table, size_t n, size_t *unit,
                      int64_t *out)
{
    struct str number = take_run(s, true), name = take_run(s, false);
    uint64_t count;

    *unit = 0;
    while (*unit < n && !str_eqz(name, table[*unit].name))
        (*unit)++;
    return *unit < n && str_to_u64(number, &count) && count <= INT64_MAX &&
           !__builtin_mul_overflow((int64_t)count, table[*unit].worth, out);
}

int duration_parse(struct str s, int64_t *out_ms)
{
    int64_t total = 0, part;
    size_t at_least = 0, unit;

    if (s.len == 0)
        return -1;
    while (s.len > 0) {
        if (!take_part(&s, of_time, ARRAY_LEN(of_time), &unit, &part) || unit < at_least ||
            __builtin_add_overflow(total, part, &total))
            return -1;
        at_least = unit + 1; /* the next one is smaller */
    }
    *out_ms = total;
    return 0;
}

void duration_format(int64_t ms, char *out, size_t cap)
{
    size_t used = 0;

    if (ms == 0) {
        snprintf(out, cap, "0s");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(of_time) && used < cap; i++) {
        int64_t n = ms / of_time[i].worth;

        ms %= of_time[i].worth;
        if (n > 0)
            used += (size_t)snprintf(out + used, cap - used, "%lld%s", (long long)n,
                                     of_time[i].name);
    }
}

int size_parse(struct str s, int64_t *out_bytes)
{
    int64_t bytes;
    size_t unit;

    if (!take_part(&s, of_size, ARRAY_LEN(of_size), &unit, &bytes) || s.len > 0)
        return -1;
    *out_bytes = bytes;
    return 0;
}

void size_format(int64_t bytes, char *out, size_t cap)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(of_size) && (bytes == 0 || bytes % of_size[i].worth != 0))
        i++;
    snprintf(out, cap, "%lld%s", (long long)(bytes / of_size[i].worth), of_size[i].name);
}
