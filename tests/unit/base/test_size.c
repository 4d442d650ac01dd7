/* test_size.c - sizes with binary units. */
#include "base/size.h"

#include <criterion/criterion.h>

static const struct {
    const char *text;
    int64_t bytes;     /* -1: refused */
    const char *again; /* as formatted; NULL: the same text */
} rows[] = {
    {"0B", 0, NULL},
    {"1B", 1, NULL},
    {"1023B", 1023, NULL},
    {"1024B", 1024, "1KiB"},
    {"64KiB", 65536, NULL},
    {"8MiB", 8388608, NULL},
    {"2GiB", 2147483648, NULL},
    {"1025KiB", 1049600, NULL},
    {"8589934591GiB", 9223372035781033984, NULL},
    {"8589934592GiB", -1, NULL},
    {"", -1, NULL},
    {"8", -1, NULL},
    {"MiB", -1, NULL},
    {"8MB", -1, NULL},
    {"8M", -1, NULL},
    {"8mib", -1, NULL},
    {"8 MiB", -1, NULL},
    {"-8MiB", -1, NULL},
    {"1.5MiB", -1, NULL},
    {"1MiB1KiB", -1, NULL},
};

Test(size, parse_and_format)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t bytes = -77;
        char text[SIZE_TEXT_MAX];
        int rc = size_parse(str_of(rows[i].text), &bytes);

        cr_expect_eq(rc, rows[i].bytes < 0 ? -1 : 0, "row '%s'", rows[i].text);
        cr_expect_eq(bytes, rows[i].bytes < 0 ? -77 : rows[i].bytes, "row '%s'", rows[i].text);
        if (rc < 0)
            continue;
        size_format(bytes, text, sizeof(text));
        cr_expect_str_eq(text, rows[i].again != NULL ? rows[i].again : rows[i].text);
    }
}
