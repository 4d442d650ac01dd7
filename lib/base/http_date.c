/* http_date.c - three date forms as three patterns; http_date.h has the contract.
 *
 * A pattern's letters stand for parts, all else for itself: w weekday in three letters, W in
 * full, b month, d day in two digits, e day in two places padded with a space, Y year, y year
 * in two digits, t time.  The weekday's name is checked, its agreement with the date is not:
 * nobody who means a moment gets it wrong in the date.
 */
#include "base/http_date.h"

#include <stdbool.h>
#include <string.h>

static const char *const forms[] = {
    "w, d b Y t GMT", /* Sun, 06 Nov 1994 08:49:37 GMT */
    "W, d-b-y t GMT", /* Sunday, 06-Nov-94 08:49:37 GMT */
    "w b e t Y",      /* Sun Nov  6 08:49:37 1994 */
};
static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const weekdays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                       "Friday", "Saturday", "Sunday"};

struct date {
    int year, month, day, hour, minute, second; /* month from 0 */
    bool short_year;
};

static struct str drop(struct str s, size_t n)
{
    return (struct str){s.ptr + n, s.len - n};
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = drop(*s, 1);
    return true;
}

static bool take_digits(struct str *s, size_t n, int *out)
{
    uint64_t value;

    if (s->len < n || !str_to_u64((struct str){s->ptr, n}, &value))
        return false;
    *out = (int)value;
    *s = drop(*s, n);
    return true;
}

/* One of n names, in full or its first three letters; its index, -1 when it is none. */
static int take_name(struct str *s, const char *const *names, size_t n, bool full)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = full ? strlen(names[i]) : 3;

        if (s->len >= len && memcmp(s->ptr, names[i], len) == 0) {
            *s = drop(*s, len);
            return (int)i;
        }
    }
    return -1;
}

static bool take_time(struct str *s, struct date *d)
{
    return take_digits(s, 2, &d->hour) && take_char(s, ':') && take_digits(s, 2, &d->minute) &&
           take_char(s, ':') && take_digits(s, 2, &d->second);
}

static bool take_part(struct str *s, char part, struct date *d)
{
    switch (part) {
    case 'w':
    case 'W':
        return take_name(s, weekdays, ARRAY_LEN(weekdays), part == 'W') >= 0;
    case 'b':
        d->month = take_name(s, months, ARRAY_LEN(months), false);
        return d->month >= 0;
    case 'd':
        return take_digits(s, 2, &d->day);
    case 'e':
        return take_digits(s, take_char(s, ' ') ? 1 : 2, &d->day);
    case 'Y':
        return take_digits(s, 4, &d->year);
    case 'y':
        d->short_year = true;
        return take_digits(s, 2, &d->year);
    case 't':
        return take_time(s, d);
    default:
        return take_char(s, part);
    }
}

static bool read_form(struct str s, const char *form, struct date *d)
{
    *d = (struct date){0};
    for (; *form != '\0'; form++)
        if (!take_part(&s, *form, d))
            return false;
    return s.len == 0;
}

static bool exists(const struct date *d)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);

    return d->day >= 1 && d->day <= days[d->month] + (leap && d->month == 1) && d->hour <= 23 &&
           d->minute <= 59 && d->second <= 60; /* 60: a leap second */
}

/* Days since 1970-01-01 in the Gregorian calendar, for years from 0. */
static int64_t days_since_1970(const struct date *d)
{
    /* Count years from March: the leap day is then the last of its year. */
    int64_t year = d->year - (d->month < 2), month = (d->month + 10) % 12;
    int64_t day_of_year = (153 * month + 2) / 5 + d->day - 1;

    return 365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static int64_t ms_since_1970(const struct date *d)
{
    int64_t hours = 24 * days_since_1970(d) + d->hour;

    return ((hours * 60 + d->minute) * 60 + d->second) * 1000;
}

/* The century of a two-digit year: the latest that is at most 50 years ahead of now. */
static void add_century(struct date *d, int64_t now_ms)
{
    const int64_t ahead_ms = (int64_t)(50 * 365.2425 * 86400) * 1000;

    d->year += 2100;
    while (d->year >= 100 && ms_since_1970(d) > now_ms + ahead_ms)
        d->year -= 100;
}

int http_date_read(struct str s, int64_t now_ms, int64_t *out_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct date d;

        if (!read_form(s, forms[i], &d))
            continue;
        if (d.short_year)
            add_century(&d, now_ms);
        if (!exists(&d))
            return -1;
        *out_ms = ms_since_1970(&d);
        return 0;
    }
    return -1;
}
