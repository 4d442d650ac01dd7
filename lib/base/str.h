/* str.h - borrowed spans of bytes: compare, parse, suggest.  Nothing here allocates. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct str { /* borrowed; not NUL-terminated */
    const char *ptr;
    size_t len;
};

#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_FMT      "%.*s"
#define STR_ARG(s)   (int)(s).len, (s).ptr /* only for spans known to be short */

struct str str_of(const char *z); /* NULL gives an empty span */

/* Length and bytes; a prefix is never equal. */
bool str_eq(struct str a, struct str b);
bool str_eqz(struct str a, const char *z);
/* The same, ASCII case folded, the locale not asked. */
bool str_ieq(struct str a, struct str b);
bool str_ieqz(struct str a, const char *z);
bool str_starts(struct str s, const char *prefix);
bool str_istarts(struct str s, const char *prefix);

/* Without leading and trailing spaces and tabs. */
struct str str_trim(struct str s);

/* Up to the first sep; *rest is what follows it (ptr NULL when there was none). */
struct str str_split(struct str s, char sep, struct str *rest);

/* Digits only: no sign, no space, no overflow, at least one digit.  false leaves *out alone. */
bool str_to_u64(struct str s, uint64_t *out);
/* One spelling of each number: digits only, no leading zero, at most max. */
bool str_to_whole(struct str s, int64_t max, int64_t *out);

/* The candidate nearest to word by edit distance, or NULL when none is near enough to
 * be what was meant: distance over a third of the length, rounded up, or nothing in common. */
const char *str_nearest(const char *word, const char *const *candidates, size_t n);

/* Copies z into out (cap >= 1), always NUL-terminated; false when it was cut. */
bool str_copy(char *out, size_t cap, const char *z);

#endif
