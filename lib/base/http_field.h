/* http_field.h - a field line of HTTP (RFC 9110 section 5), a client's or a region's, and what
 * is asked of all that one message has.  Names match in any case. */
#ifndef BASE_HTTP_FIELD_H
#define BASE_HTTP_FIELD_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct http_field {
    struct str name, value; /* borrowed; value without surrounding white space */
};

/* The value of the first field of that name; ptr NULL when there is none. */
struct str http_field_get(const struct http_field *fields, size_t n, const char *name);

/* RFC 9110 7.6.1: is what has that name meant for the next hop alone, because one of the
 * Connection fields lists it? */
bool http_field_is_named_by_connection(const struct http_field *fields, size_t n,
                                       struct str name);

#endif
