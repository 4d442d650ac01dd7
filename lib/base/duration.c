/* duration.c - spans of time as text; duration.h has the contract. */
#include "base/duration.h"

#include <stdio.h>

static const struct {
    const char *name;
    int64_t ms;
} units[] = {{"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Takes one run of characters that are (or are not) digits off the front of *s. */
static struct str take_run(struct str *s, bool digits)
{
    struct str run = {s->ptr, 0};

    while (run.len < s->len && is_digit(s->ptr[run.len]) == digits)
        run.len++;
    s->ptr += run.len;
    s->len -= run.len;
    return run;
}

int duration_parse(struct str s, int64_t *out_ms)
{
    int64_t total = 0;
    size_t unit = 0;

    if (s.len == 0)
        return -1;
    while (s.len > 0) {
        struct str number = take_run(&s, true), name = take_run(&s, false);
        uint64_t n;
        int64_t part;

        while (unit < ARRAY_LEN(units) && !str_eqz(name, units[unit].name))
            unit++;
        if (unit == ARRAY_LEN(units) || !str_to_u64(number, &n) || n > INT64_MAX ||
            __builtin_mul_overflow((int64_t)n, units[unit].ms, &part) ||
            __builtin_add_overflow(total, part, &total))
            return -1;
        unit++; /* the next one is smaller */
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
    for (size_t i = 0; i < ARRAY_LEN(units) && used < cap; i++) {
        int64_t n = ms / units[i].ms;

        ms %= units[i].ms;
        if (n > 0)
            used +=
                (size_t)snprintf(out + used, cap - used, "%lld%s", (long long)n, units[i].name);
    }
}
