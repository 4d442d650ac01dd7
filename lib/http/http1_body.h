/* http1_body.h - where a request body ends: Content-Length and chunked, incremental, bounded
 * (RFC 9112 6 and 7).  http1_body.c lists what is refused. */
#ifndef HTTP_HTTP1_BODY_H
#define HTTP_HTTP1_BODY_H

#include "base/base.h"
#include "base/buf.h"
#include "http/http1_head.h"

#include <stddef.h>
#include <stdint.h>

#define HTTP_TRAILER_MAX_BYTES 8192 /* the trailer section is checked and dropped */

struct http1_body {              /* public body, so that a connection embeds it */
    struct http_verdict verdict; /* after HTTP_PARSE_REFUSED: 400, 413 or 431 */
    /* private */
    uint64_t left; /* content bytes of the chunk, or of the body, still to come */
    size_t max_bytes, ext_max_bytes;
    size_t line_bytes; /* of the current extension, or of the trailer section */
    int step, digits;
};

/* content_length -1: chunked.  max_bytes caps the content, ext_max_bytes the extensions of one
 * chunk. */
void http1_body_init(struct http1_body *b, int64_t content_length, size_t max_bytes,
                     size_t ext_max_bytes);

/* Takes bytes from data, appends content to out (whose cap must be max_bytes or more) and sets
 * *used; bytes behind the end of the body are left alone.  The verdict does not depend on how
 * the bytes are split. */
enum http_parse http1_body_read(struct http1_body *b, const char *data, size_t len,
                                size_t *used, struct buf *out);

#endif
