/* http1_output.h - bytes on their way to one socket: a bounded queue and the calls that empty
 * it.
 */
#ifndef HTTP_HTTP1_OUTPUT_H
#define HTTP_HTTP1_OUTPUT_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stddef.h>

struct http1_output {
    struct buf buf;
    size_t sent; /* bytes at the front of buf that the socket has taken */
};

enum http_sent { HTTP_SENT_ALL, HTTP_SENT_SOME, HTTP_SENT_NONE, HTTP_SENT_FAILED };

void http1_output_init(struct http1_output *o, size_t max_bytes);
void http1_output_release(struct http1_output *o);
size_t http1_output_bytes(const struct http1_output *o); /* waiting */

int http1_output_add(struct http1_output *o, const void *data,
                     size_t len) MUST_CHECK; /* -1: the cap */
/* One chunk of the chunked coding (RFC 9112 7.1); len > 0. -1: the cap, nothing was added. */
int http1_output_add_chunk(struct http1_output *o, const void *data, size_t len) MUST_CHECK;

/* One write of what waits and of tail behind it; what the socket does not take of tail is
 * copied, so tail is free afterwards.  NONE: not a byte; FAILED: the peer is gone (or the cap).
 */
enum http_sent http1_output_send(struct http1_output *o, int fd, struct str tail);

#endif
