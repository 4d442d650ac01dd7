/* target.h - request target and host: which forms are taken, and the one canonical path
 * that routes are compared with (RFC 9112 3.2, RFC 3986).  target.c has the rules. */
#ifndef HTTP_TARGET_H
#define HTTP_TARGET_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>

enum http_form {
    HTTP_FORM_ORIGIN,
    HTTP_FORM_ABSOLUTE,
    HTTP_FORM_ASTERISK,
    HTTP_FORM_AUTHORITY
};

struct http_target { /* spans borrow the text that was split */
    enum http_form form;
    struct str authority; /* absolute and authority form; ptr NULL otherwise */
    struct str path;      /* as received; "*" in asterisk form, may be empty in absolute form */
    struct str query;     /* ptr NULL without '?' */
};

/* May this byte stand in a request target at all?  (RFC 3986 characters, '%' included.) */
bool http_target_has(unsigned char c);

/* -1: none of the four forms, or not the form this method takes (connect, options). */
int http_target_split(struct str text, bool connect, bool options,
                      struct http_target *out) MUST_CHECK;

/* *out is the canonical path: path itself where nothing had to change, else a span of scratch
 * (cleared first).  -1: bad or forbidden percent-encoding, or a path that climbs above "/". */
int http_target_canonical(struct str path, struct buf *scratch, struct str *out) MUST_CHECK;

/* uri-host [ ":" port ] with a non-empty host and no user part (RFC 9110 4.2, 7.2). */
bool http_target_is_host(struct str text);

#endif
