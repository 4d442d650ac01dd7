/* json_scan_value.c - the meaning of one scanned value: text, whole number, double; and back.
 *
 * The spans come from json_scan(), yet each function here checks what it reads: a span that is
 * not what its name says ends in -1, never in a read past its end. */
#include "base/json_scan.h"

#include "base/buf.h"
#include "base/text.h"
#include "base/utf8.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The code unit of "\uXXXX" at the start of s; -1 when it is none. */
static int32_t code_unit(struct str s)
{
    int32_t unit = 0;

    if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        int digit = text_hex_digit(s.ptr[i]);

        if (digit < 0)
            return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

/* Decodes the \u escape at the start of s; *used is its length, a surrogate pair's both halves.
 * 0, which is refused as well, for anything that names no character. */
static uint32_t unicode_escape(struct str s, size_t *used)
{
    int32_t high = code_unit(s);

    *used = 6;
    if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return 0;
    if (high < 0xD800 || high > 0xDBFF)
        return (uint32_t)high;
    int32_t low = code_unit((struct str){s.ptr + 6, s.len - 6});

    if (low < 0xDC00 || low > 0xDFFF)
        return 0;
    *used = 12;
    return 0x10000 + ((uint32_t)(high - 0xD800) << 10) + (uint32_t)(low - 0xDC00);
}

/* Decodes the escape at the start of s into piece; returns its bytes, 0 when refused. */
static size_t decode_escape(struct str s, char piece[4], size_t *used)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

    if (s.len < 2)
        return 0;
    if (s.ptr[1] == 'u') {
        uint32_t cp = unicode_escape(s, used);

        return cp != 0 ? utf8_put(cp, piece) : 0;
    }
    const char *at = memchr(from, s.ptr[1], sizeof(from) - 1);

    if (at == NULL)
        return 0;
    piece[0] = to[at - from];
    *used = 2;
    return 1;
}

/* One character of a string's inside, at the start of s, into piece; returns its bytes, 0 when
 * refused.  *used: what it took of s. */
static size_t decode_one(struct str s, char piece[4], size_t *used)
{
    unsigned char c = (unsigned char)s.ptr[0];

    if (c == '\\')
        return decode_escape(s, piece, used);
    if (c < 0x20 || c == '"')
        return 0;
    *used = utf8_len((const unsigned char *)s.ptr, s.len);
    memcpy(piece, s.ptr, *used);
    return *used;
}

int json_scan_string(struct str span, char *out, size_t cap)
{
    size_t len = 0;

    if (cap == 0 || span.len < 2 || span.ptr[0] != '"' || span.ptr[span.len - 1] != '"')
        return -1;
    struct str rest = {span.ptr + 1, span.len - 2};

    while (rest.len > 0) {
        char piece[4];
        size_t used = 0, n = decode_one(rest, piece, &used);

        if (n == 0 || n >= cap - len)
            return -1;
        memcpy(out + len, piece, n);
        len += n;
        rest = (struct str){rest.ptr + used, rest.len - used};
    }
    out[len] = '\0';
    return 0;
}

/* A number taken apart without rounding: (-) mantissa x 10^exponent. */
struct decimal {
    bool negative, overflow;
    uint64_t mantissa; /* no trailing zero digit, so it is whole exactly when exponent >= 0 */
    int64_t exponent;
};

static void shift(struct decimal *d, int64_t places)
{
    for (int64_t i = 0; i < places && d->mantissa != 0 && !d->overflow; i++) {
        d->overflow = d->mantissa > UINT64_MAX / 10;
        d->mantissa *= 10;
    }
}

/* Zeros wait in *zeros until a digit follows: the last ones are the exponent's. */
static void add_digit(struct decimal *d, uint64_t digit, int64_t *zeros)
{
    if (digit == 0) {
        *zeros += d->mantissa != 0;
        return;
    }
    shift(d, *zeros + 1);
    d->overflow = d->overflow || d->mantissa > UINT64_MAX - digit;
    d->mantissa += digit;
    *zeros = 0;
}

/* span is a number by the grammar. */
static struct decimal read_decimal(struct str span)
{
    enum { EXPONENT_MAX = 1000000000 }; /* beyond any digit count: it only must not overflow */
    struct decimal d = {.negative = span.ptr[0] == '-'};
    int64_t zeros = 0, exponent = 0, sign = 1;
    bool fraction = false;
    size_t i;

    for (i = d.negative; i < span.len && (span.ptr[i] | 0x20) != 'e'; i++) {
        if (span.ptr[i] == '.') {
            fraction = true;
            continue;
        }
        d.exponent -= fraction;
        add_digit(&d, (uint64_t)(span.ptr[i] - '0'), &zeros);
    }
    for (i++; i < span.len; i++) {
        if (span.ptr[i] == '-')
            sign = -1;
        else if (span.ptr[i] != '+' && exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (span.ptr[i] - '0');
    }
    d.exponent += zeros + sign * exponent;
    return d;
}

int json_scan_int(struct str span, int64_t *out)
{
    if (!json_scan_is_number(span))
        return -1;
    struct decimal d = read_decimal(span);
    uint64_t max = d.negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;

    if (d.mantissa != 0 && d.exponent < 0)
        return -1;
    shift(&d, d.exponent);
    if (d.overflow || d.mantissa > max)
        return -1;
    *out = d.negative ? (int64_t)(0 - d.mantissa) : (int64_t)d.mantissa;
    return 0;
}

int json_scan_double(struct str span, double *out)
{
    char text[512]; /* strtod wants a NUL; nobody means a number of more digits */

    if (span.len >= sizeof(text) || !json_scan_is_number(span))
        return -1;
    memcpy(text, span.ptr, span.len);
    text[span.len] = '\0';
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* static in glibc: no allocation */

    if (c == (locale_t)0)
        return -1;
    double value = strtod_l(text, NULL, c);

    freelocale(c);
    if (!isfinite(value))
        return -1;
    *out = value;
    return 0;
}

/* The bytes at p that may stand as they are in a string: at least one, or 0 when the next byte
 * needs an escape. */
static size_t plain_run(const unsigned char *p, size_t n)
{
    size_t i = 0;

    while (i < n && p[i] >= 0x20 && p[i] != '"' && p[i] != '\\') {
        size_t used = utf8_len(p + i, n - i);

        if (used == 0)
            break;
        i += used;
    }
    return i;
}

static int quote_byte(struct buf *out, unsigned char c)
{
    switch (c) {
    case '"':
        return buf_append(out, "\\\"", 2);
    case '\\':
        return buf_append(out, "\\\\", 2);
    case '\n':
        return buf_append(out, "\\n", 2);
    case '\r':
        return buf_append(out, "\\r", 2);
    case '\t':
        return buf_append(out, "\\t", 2);
    default:
        if (c >= 0x80)
            return buf_append(out, "\xEF\xBF\xBD", 3); /* U+FFFD for what is no UTF-8 */
        return buf_appendf(out, "\\u%04x", c);
    }
}

static int quote(struct buf *out, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;

    if (buf_append(out, "\"", 1) < 0)
        return -1;
    for (size_t i = 0; i < s.len;) {
        size_t n = plain_run(p + i, s.len - i);

        if (buf_append(out, s.ptr + i, n) < 0)
            return -1;
        i += n;
        if (i < s.len && quote_byte(out, p[i++]) < 0)
            return -1;
    }
    return buf_append(out, "\"", 1);
}

int json_scan_quote(struct buf *out, struct str s)
{
    size_t len = out->len;

    if (quote(out, s) == 0)
        return 0;
    out->len = len; /* as it was: half a string is of no use to anyone */
    if (out->data != NULL)
        out->data[len] = '\0';
    return -1;
}

bool json_scan_is_filled(const struct json_want *w)
{
    switch (w->type) {
    case JSON_STRING:
        return w->span.len > 2;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return w->count > 0;
    case JSON_NONE:
    case JSON_NULL:
    case JSON_FALSE:
    case JSON_TRUE:
    case JSON_NUMBER:
        break;
    }
    return false;
}

const char *json_type_name(enum json_type t)
{
    static const char *const names[] = {
        [JSON_NONE] = "nothing",   [JSON_NULL] = "null",        [JSON_FALSE] = "false",
        [JSON_TRUE] = "true",      [JSON_NUMBER] = "a number",  [JSON_STRING] = "a string",
        [JSON_ARRAY] = "an array", [JSON_OBJECT] = "an object",
    };

    return names[t];
}
