/* retry_after.c - the wait a vendor states, in all its forms; retry_after.h has the contract.
 *
 * A value that is not exactly what its form says is as good as absent: the next field is asked.
 * Waits are rounded up, so that nobody comes back a millisecond too early.
 */
#include "dialect/retry_after.h"

#include "base/base.h"
#include "base/http_date.h"
#include "base/text.h"

#include <math.h>
#include <string.h>

typedef struct str (*get_field)(const void *arg, const char *name);

/* A wait in ms, rounded up and cut to the cap; what lies in the past is no wait. */
static int64_t round_up(double ms)
{
    const double noise = 1e-6; /* 1.001 * 1000 is a hair off 1001 */

    if (ms >= (double)RETRY_AFTER_MAX_MS)
        return RETRY_AFTER_MAX_MS;
    return ms > noise ? (int64_t)ceil(ms - noise) : 0;
}

static size_t count_digits(struct str s)
{
    size_t n = 0;

    while (n < s.len && text_is_digit(s.ptr[n]))
        n++;
    return n;
}

static struct str drop(struct str s, size_t n)
{
    return (struct str){s.ptr + n, s.len - n};
}

/* Takes "12" or "12.345" off the front: no sign, no exponent. */
static bool take_number(struct str *s, double *out)
{
    size_t n = count_digits(*s);
    double value = 0, place = 1;

    if (n == 0)
        return false;
    for (size_t i = 0; i < n; i++)
        value =
            value * 10 + (s->ptr[i] - '0'); /* infinity is above every cap, as it should be */
    *s = drop(*s, n);
    if (s->len > 0 && s->ptr[0] == '.') {
        *s = drop(*s, 1);
        n = count_digits(*s);
        if (n == 0)
            return false;
        for (size_t i = 0; i < n; i++)
            value += (s->ptr[i] - '0') * (place /= 10);
        *s = drop(*s, n);
    }
    *out = value;
    return true;
}

static int64_t read_number(struct str s, double unit_ms)
{
    double value;

    return take_number(&s, &value) && s.len == 0 ? round_up(value * unit_ms) : -1;
}

static int64_t read_retry_after(struct str s, int64_t wall_ms)
{
    int64_t at_ms, wait_ms = read_number(s, 1000);

    if (wait_ms >= 0)
        return wait_ms;
    if (http_date_read(s, wall_ms, &at_ms) < 0)
        return -1;
    return round_up((double)(at_ms - wall_ms));
}

/* "1s", "6m0s", "20ms", "1h2m3.5s": the units in falling order, each at most once. */
static int64_t read_duration(struct str s)
{
    static const struct {
        const char *name; /* "ms" is tried before "m" */
        double ms;
    } units[] = {{"d", 86400e3}, {"h", 3600e3}, {"ms", 1}, {"m", 60e3}, {"s", 1e3}};
    double total_ms = 0, last_ms = INFINITY;

    while (s.len > 0) {
        size_t i = 0;
        double value;

        if (!take_number(&s, &value))
            return -1;
        while (i < ARRAY_LEN(units) && !str_starts(s, units[i].name))
            i++;
        if (i == ARRAY_LEN(units) || units[i].ms >= last_ms)
            return -1;
        total_ms += value * units[i].ms;
        last_ms = units[i].ms;
        s = drop(s, strlen(units[i].name));
    }
    return last_ms < INFINITY ? round_up(total_ms) : -1;
}

/* OpenAI states two waits, for requests and for tokens, and not which limit was hit.  What is
 * left of the requests tells: none, and it was they; some, and it was the tokens.  The longer
 * wait where it is not said. */
static int64_t read_openai_resets(get_field get, const void *arg)
{
    int64_t requests = read_duration(str_trim(get(arg, "x-ratelimit-reset-requests")));
    int64_t tokens = read_duration(str_trim(get(arg, "x-ratelimit-reset-tokens")));
    uint64_t left;

    if (requests >= 0 && tokens >= 0 &&
        str_to_u64(str_trim(get(arg, "x-ratelimit-remaining-requests")), &left))
        return left == 0 ? requests : tokens;
    return requests > tokens ? requests : tokens;
}

/* Seconds from now, or a moment in seconds (or, from OpenRouter, milliseconds) since 1970. */
static int64_t read_reset(struct str s, int64_t wall_ms)
{
    static const double YEAR_2001_S = 1e9;
    double value;

    if (!take_number(&s, &value) || s.len > 0)
        return -1;
    if (value < YEAR_2001_S)
        return round_up(value * 1000);
    if (value < YEAR_2001_S * 1000.0)
        value *= 1000;
    return round_up(value - (double)wall_ms);
}

int64_t retry_after_ms(get_field get, const void *arg, int64_t wall_ms)
{
    int64_t ms = read_number(str_trim(get(arg, "retry-after-ms")), 1);

    if (ms < 0)
        ms = read_retry_after(str_trim(get(arg, "retry-after")), wall_ms);
    if (ms < 0)
        ms = read_openai_resets(get, arg);
    if (ms < 0)
        ms = read_reset(str_trim(get(arg, "x-ratelimit-reset")), wall_ms);
    return ms;
}
