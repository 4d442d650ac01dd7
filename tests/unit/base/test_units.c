/* test_units.c - durations and sizes with units, and nothing that people read in two ways. */
#include "base/units.h"

#include <criterion/criterion.h>

static const struct {
    const char *text;
    int64_t ms;        /* -1: refused */
    const char *again; /* as formatted; NULL: the same text */
} durations[] = {
    {"30s", 30000, NULL},
    {"250ms", 250, NULL},
    {"10m", 600000, NULL},
    {"1h", 3600000, NULL},
    {"1h30m", 5400000, NULL},
    {"1h2m3s4ms", 3723004, NULL},
    {"0s", 0, NULL},
    {"0ms", 0, "0s"},
    {"90s", 90000, "1m30s"},
    {"1500ms", 1500, "1s500ms"},
    {"007s", 7000, "7s"},
    {"9223372036854775807ms", INT64_MAX, "2562047788015h12m55s807ms"},
    {"9223372036854775808ms", -1, NULL},
    {"9223372036854776s", -1, NULL},
    {"9223372036854775s807ms", INT64_MAX, "2562047788015h12m55s807ms"},
    {"9223372036854775s808ms", -1, NULL},
    {"", -1, NULL},
    {"0", -1, NULL},
    {"30", -1, NULL},
    {"s", -1, NULL},
    {"1.5s", -1, NULL},
    {"-1s", -1, NULL},
    {"+1s", -1, NULL},
    {" 1s", -1, NULL},
    {"1s ", -1, NULL},
    {"1 s", -1, NULL},
    {"1S", -1, NULL},
    {"1d", -1, NULL},
    {"1us", -1, NULL},
    {"1sec", -1, NULL},
    {"30m1h", -1, NULL},
    {"1s1s", -1, NULL},
    {"1h30", -1, NULL},
};

Test(units, durations)
{
    for (size_t i = 0; i < ARRAY_LEN(durations); i++) {
        int64_t ms = -77;
        char text[DURATION_TEXT_MAX];
        int rc = duration_parse(str_of(durations[i].text), &ms);

        cr_expect_eq(rc, durations[i].ms < 0 ? -1 : 0, "row '%s'", durations[i].text);
        cr_expect_eq(ms, durations[i].ms < 0 ? -77 : durations[i].ms, "row '%s'",
                     durations[i].text);
        if (rc < 0)
            continue;
        duration_format(ms, text, sizeof(text));
        cr_expect_str_eq(text,
                         durations[i].again != NULL ? durations[i].again : durations[i].text);
    }
}

static const struct {
    const char *text;
    int64_t bytes;     /* -1: refused */
    const char *again; /* as formatted; NULL: the same text */
} sizes[] = {
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

Test(units, sizes)
{
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        int64_t bytes = -77;
        char text[SIZE_TEXT_MAX];
        int rc = size_parse(str_of(sizes[i].text), &bytes);

        cr_expect_eq(rc, sizes[i].bytes < 0 ? -1 : 0, "row '%s'", sizes[i].text);
        cr_expect_eq(bytes, sizes[i].bytes < 0 ? -77 : sizes[i].bytes, "row '%s'",
                     sizes[i].text);
        if (rc < 0)
            continue;
        size_format(bytes, text, sizeof(text));
        cr_expect_str_eq(text, sizes[i].again != NULL ? sizes[i].again : sizes[i].text);
    }
}
