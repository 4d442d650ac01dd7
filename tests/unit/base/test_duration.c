/* test_duration.c - durations with units, and nothing that people might read in two ways. */
#include "base/duration.h"

#include <criterion/criterion.h>

static const struct {
    const char *text;
    int64_t ms;        /* -1: refused */
    const char *again; /* as formatted; NULL: the same text */
} rows[] = {
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

Test(duration, parse_and_format)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int64_t ms = -77;
        char text[DURATION_TEXT_MAX];
        int rc = duration_parse(str_of(rows[i].text), &ms);

        cr_expect_eq(rc, rows[i].ms < 0 ? -1 : 0, "row '%s'", rows[i].text);
        cr_expect_eq(ms, rows[i].ms < 0 ? -77 : rows[i].ms, "row '%s'", rows[i].text);
        if (rc < 0)
            continue;
        duration_format(ms, text, sizeof(text));
        cr_expect_str_eq(text, rows[i].again != NULL ? rows[i].again : rows[i].text);
    }
}
