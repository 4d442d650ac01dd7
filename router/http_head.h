/* http_head.h - one HTTP/1.x request head: strict, incremental, the same verdict however the
 * bytes are split (RFC 9112, RFC 9110).  http_head.c lists every refusal with its section. */
#ifndef ROUTER_HTTP_HEAD_H
#define ROUTER_HTTP_HEAD_H

#include "base/base.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_FIELDS_MAX 128

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_PATCH, HTTP_OPTIONS, HTTP_OTHER };
const char *http_method_name(enum http_method m);

struct http_field {
    struct str name, value; /* value without surrounding white space */
};

struct http_head {
    enum http_method method;
    int minor;             /* HTTP/1.minor: 0 or 1 */
    struct str target;     /* as received */
    struct str path;       /* canonical: what routes are compared with */
    struct str query;      /* behind '?', as received */
    struct str host;
    struct http_field fields[HTTP_FIELDS_MAX];
    size_t n_fields;
    bool keep_alive, expect_continue, chunked;
    int64_t content_length; /* -1: none given */
};

/* The value of a field (name in any case); ptr NULL when absent. First one when repeated. */
struct str http_head_get(const struct http_head *h, const char *name);

#endif
