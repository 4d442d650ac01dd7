/* wire.h - reads an HTTP/1 request head, leniently: a vendor's front door must show what was
 * sent to it, not refuse it.  Shares no code with the router, whose parser it helps to test. */
#ifndef REGION_WIRE_H
#define REGION_WIRE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define WIRE_HEAD_MAX   (64u << 10)
#define WIRE_BODY_MAX   (64u << 20)
#define WIRE_FIELDS_MAX 128

struct wire_field {
    struct str name, value;
};

struct wire_request {                /* spans borrow the text that was parsed */
    struct str method, target, path; /* path: target without its query */
    bool old;                        /* HTTP/1.0 */
    bool keep;                       /* the connection may carry another request */
    bool chunked, expects;           /* Transfer-Encoding: chunked; Expect: 100-continue */
    uint64_t length;                 /* Content-Length; 0 without */
    struct wire_field fields[WIRE_FIELDS_MAX];
    size_t n_fields;
};

/* Length of the head in text, the empty line included; 0: not whole yet. */
size_t wire_head_len(struct str text);
/* head: exactly wire_head_len() bytes.  -1 with a sentence in *why: no request could be read.
 */
int wire_parse(struct str head, struct wire_request *req, const char **why) MUST_CHECK;
/* The first field of that name; an empty span (ptr NULL) without one. */
struct str wire_field(const struct wire_request *req, const char *name);

/* Decodes as much of a chunked body as stands in text into body; *used is the bytes eaten.
 * 1: the body is complete, 0: more is needed, -1: not chunked coding, or body is full. */
int wire_dechunk(struct str text, size_t *used, struct buf *body) MUST_CHECK;

#endif
