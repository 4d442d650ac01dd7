/* json.h - small trusted-size JSON documents as a tree: the config, the CLI's input.
 *
 * The only door to the JSON library.  Bounded in bytes and depth, duplicate keys refused, and
 * an error never quotes the text: a config holds secrets.  Request bodies go through
 * json_scan.h instead, which neither copies nor allocates. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json; /* one value; opaque.  Values inside a document are borrowed from its root. */

enum json_kind {
    JSON_KIND_NULL,
    JSON_KIND_BOOL,
    JSON_KIND_INT, /* a number without fraction and exponent */
    JSON_KIND_REAL,
    JSON_KIND_STRING,
    JSON_KIND_ARRAY,
    JSON_KIND_OBJECT,
    N_JSON_KINDS
};

/* Parses one object or array (RFC 8259, UTF-8 checked) of at most bytes_max bytes and
 * depth_max nested brackets.  The caller owns the root: json_free().  NULL with err: "line 3
 * column 7: ..." and never a byte of the text. */
struct json *json_parse(struct str text, size_t bytes_max, size_t depth_max,
                        struct err *err) MUST_CHECK;
void json_free(struct json *root); /* NULL is fine; only for roots */

enum json_kind json_kind(const struct json *v);
const char *json_kind_name(enum json_kind kind); /* "a string", "an object", for messages */

/* The value of a value of that kind; of any other kind: empty, 0, 0.0, false. */
struct str json_text(const struct json *v); /* decoded; also NUL-terminated, holds no NUL */
int64_t json_int(const struct json *v);
double json_number(const struct json *v); /* INT and REAL */
bool json_bool(const struct json *v);

size_t json_count(const struct json *v);                        /* elements or members */
const struct json *json_at(const struct json *array, size_t i); /* NULL: not there */
const struct json *json_get(const struct json *object, const char *name); /* NULL: not there */

/* Members in the order of the text: start with *it zeroed; false at the end. */
struct json_iter {
    void *at;
    bool begun;
};
bool json_next(const struct json *object, struct json_iter *it, const char **name,
               const struct json **value);

#endif
