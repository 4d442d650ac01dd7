/* size.c - numbers of bytes as text; size.h has the contract. */
#include "base/size.h"

#include <stdio.h>

static const struct {
    const char *name;
    int64_t bytes;
} units[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};

int size_parse(struct str s, int64_t *out_bytes)
{
    struct str number = {s.ptr, 0};
    uint64_t n;

    while (number.len < s.len && s.ptr[number.len] >= '0' && s.ptr[number.len] <= '9')
        number.len++;
    if (!str_to_u64(number, &n) || n > INT64_MAX)
        return -1;
    struct str unit = {s.ptr + number.len, s.len - number.len};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        int64_t bytes;

        if (!str_eqz(unit, units[i].name))
            continue;
        if (__builtin_mul_overflow((int64_t)n, units[i].bytes, &bytes))
            return -1;
        *out_bytes = bytes;
        return 0;
    }
    return -1;
}

void size_format(int64_t bytes, char *out, size_t cap)
{
    size_t i = 0;

    while (i + 1 < ARRAY_LEN(units) && (bytes == 0 || bytes % units[i].bytes != 0))
        i++;
    snprintf(out, cap, "%lld%s", (long long)(bytes / units[i].bytes), units[i].name);
}
