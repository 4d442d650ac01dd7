/* json_scan.h - validates JSON where it lies and finds the values it was asked for.
 *
 * No allocation, no copy, no recursion: the request body is checked once (RFC 8259, UTF-8
 * included) and the byte spans of the wanted top-level members come back, so the router can
 * read a few fields and splice others without re-encoding what the client wrote. */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include "base/base.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_SCAN_DEPTH_MAX 512 /* hard cap; a caller may ask for less */

enum json_type {
    JSON_NONE,
    JSON_NULL,
    JSON_FALSE,
    JSON_TRUE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};
const char *json_type_name(enum json_type t); /* "a string", "an array", ... for messages */
/* Of the valid value that begins with this byte. */
enum json_type json_type_of(unsigned char first);

struct json_want {
    const char *name;    /* top-level member asked for, as decoded text */
    enum json_type type; /* JSON_NONE: not there */
    struct str span;     /* the value's bytes: quotes, brackets included */
    size_t count;        /* array: elements; object: members */
};

struct json_scan_error {
    size_t offset, line, column; /* line and column from 1, column in bytes */
    char what[96];               /* "expected ',' or '}'": no byte of the text is quoted */
};

/* Scans one JSON object.  0: valid, and every wants[] is filled in.  -1: *err says where and
 * why: not JSON, not an object, too deep, invalid UTF-8, trailing bytes, or a wanted name that
 * stands twice (two readers could disagree about it). wants[].span borrow text.  A wanted name
 * has at most 63 bytes.  err may be NULL.  Escapes of lone surrogates are valid here: the
 * grammar allows them. */
int json_scan(struct str text, size_t depth_max, struct json_want *wants, size_t n,
              struct json_scan_error *err) MUST_CHECK;

/* The same for a text that somebody else has to answer for, read as Python's json does and,
 * but for the first, JavaScript's: NaN and Infinity are numbers, of a wanted name that stands
 * twice the last counts, a byte order mark is skipped.  Neither depth nor place are asked. */
int json_scan_lax(struct str text, struct json_want *wants, size_t n) MUST_CHECK;

/* A string, an array or an object that is not empty. */
bool json_scan_is_filled(const struct json_want *w);

/* Elements of a valid array span: sets *elem (with its type) and *at; start with *at = 0.
 * false at the end. */
bool json_scan_next(struct str array, size_t *at, struct str *elem, enum json_type *type);

struct json_member {
    struct str name; /* as it is written, quotes off: may hold escapes */
    enum json_type type;
    struct str value;
};

/* Members of a valid object span, in its order: sets *out and *at; start with *at = 0.  false at
 * the end. */
bool json_scan_next_member(struct str object, size_t *at, struct json_member *out);
/* Is a valid value none, null, "", [] or {}? */
bool json_scan_is_empty(enum json_type type, struct str value);

/* A string span's text (quotes off, escapes decoded) into out, NUL-terminated.  -1 when it does
 * not fit, is no string, or holds \u0000 or half a surrogate pair: no text we could mean. */
int json_scan_string(struct str span, char *out, size_t cap) MUST_CHECK;
/* Is the whole span a number by the grammar of RFC 8259 section 6? */
bool json_scan_is_number(struct str span);
/* A number span that is a whole number within int64 (1e3 and 7.0 are); -1 otherwise. */
int json_scan_int(struct str span, int64_t *out) MUST_CHECK;
/* A number span as a double; -1 otherwise, also beyond a double's range or 511 bytes.
 * Independent of the locale. */
int json_scan_double(struct str span, double *out) MUST_CHECK;

/* Where a new member can be spliced into the valid object text: just behind '{'.  *empty says
 * whether the object has no members (then no comma follows). */
size_t json_scan_insert_at(struct str object, bool *empty);

/* Appends s as a JSON string, quotes included: control bytes, '"' and '\\' escaped, bytes that
 * are no UTF-8 replaced by U+FFFD.  -1 when out's cap does not allow it; out stays then. */
struct buf;
int json_scan_quote(struct buf *out, struct str s) MUST_CHECK;

#endif
