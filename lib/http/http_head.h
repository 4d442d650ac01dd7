/* http_head.h - the head of a request: what was asked for, whatever carried it here.  How long
 * the body is and what becomes of the connection is between the carrier and the client. */
#ifndef HTTP_HTTP_HEAD_H
#define HTTP_HTTP_HEAD_H

#include "base/http_field.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define HTTP_FIELDS_MAX 128

enum http_method {
    HTTP_GET,
    HTTP_HEAD,
    HTTP_POST,
    HTTP_PUT,
    HTTP_DELETE,
    HTTP_PATCH,
    HTTP_OPTIONS,
    HTTP_OTHER
};
const char *http_method_name(enum http_method m);
enum http_method http_method_of(struct str name); /* RFC 9110 9.1: case-sensitive */

struct http_head { /* spans: borrowed from whoever reads the client's bytes */
    enum http_method method;
    struct str target; /* as received */
    struct str path;   /* canonical: what routes are compared with */
    struct str query;  /* behind '?', as received */
    struct str host;
    struct http_field *fields; /* NULL where there is none */
    size_t n_fields;
    bool to_loopback; /* came to an address that only this host itself reaches */
};

#endif
