/* str.c - spans of bytes; str.h has the contract. */
#include "base/str.h"

#include <string.h>

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

struct str str_of(const char *z)
{
    return (struct str){z, z != NULL ? strlen(z) : 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

bool str_ieq(struct str a, struct str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (fold(a.ptr[i]) != fold(b.ptr[i]))
            return false;
    return true;
}

bool str_ieqz(struct str a, const char *z)
{
    return str_ieq(a, str_of(z));
}

bool str_starts(struct str s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.len >= n && str_eq((struct str){s.ptr, n}, (struct str){prefix, n});
}

bool str_istarts(struct str s, const char *prefix)
{
    size_t n = strlen(prefix);

    return s.len >= n && str_ieq((struct str){s.ptr, n}, (struct str){prefix, n});
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && is_blank(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

struct str str_split(struct str s, char sep, struct str *rest)
{
    const char *at = s.len > 0 ? memchr(s.ptr, sep, s.len) : NULL;

    if (at == NULL) {
        *rest = (struct str){NULL, 0};
        return s;
    }
    size_t head = (size_t)(at - s.ptr);
    *rest = (struct str){at + 1, s.len - head - 1};
    return (struct str){s.ptr, head};
}

bool str_to_u64(struct str s, uint64_t *out)
{
    uint64_t n = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(s.ptr[i] - '0');

        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    *out = n;
    return true;
}

bool str_to_whole(struct str s, int64_t max, int64_t *out)
{
    uint64_t n;

    if ((s.len > 1 && s.ptr[0] == '0') || !str_to_u64(s, &n) || n > (uint64_t)max)
        return false;
    *out = (int64_t)n;
    return true;
}

#define NEAREST_MAX 64 /* longer words are not typos of ours */

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t m = a < b ? a : b;

    return m < c ? m : c;
}

/* Levenshtein distance, one row at a time. */
static size_t distance(const char *a, size_t la, const char *b, size_t lb)
{
    size_t row[NEAREST_MAX + 1];

    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t up = row[j];

            row[j] =
                min3(up + 1, row[j - 1] + 1, diagonal + (fold(a[i - 1]) != fold(b[j - 1])));
            diagonal = up;
        }
    }
    return row[lb];
}

const char *str_nearest(const char *word, const char *const *candidates, size_t n)
{
    const char *best = NULL;
    size_t len = strlen(word), best_distance = SIZE_MAX;

    if (len > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t clen = strlen(candidates[i]);

        if (clen > NEAREST_MAX)
            continue;
        size_t d = distance(word, len, candidates[i], clen);
        size_t longer = len > clen ? len : clen;

        if (d < best_distance && d * 3 <= longer + 2 && (d == 0 || d < longer)) {
            best_distance = d;
            best = candidates[i];
        }
    }
    return best;
}

bool str_copy(char *out, size_t cap, const char *z)
{
    size_t len = strlen(z), n = len < cap ? len : cap - 1;

    memcpy(out, z, n);
    out[n] = '\0';
    return n == len;
}
