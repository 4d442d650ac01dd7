/* http1_head.h - one HTTP/1.x request head: strict, incremental, the same verdict however the
 * bytes are split (RFC 9112, RFC 9110).  http1_head.c lists every refusal with its section. */
#ifndef HTTP_HTTP1_HEAD_H
#define HTTP_HTTP1_HEAD_H

#include "base/base.h"
#include "base/buf.h"
#include "http/http_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a head says of its own message and connection: of use to whoever reads on. */
struct http1_head_wire {
    int minor; /* HTTP/1.minor: 0 or 1 */
    bool keep_alive, expect_continue, chunked;
    int64_t content_length; /* -1: none given */
};

enum http_parse { HTTP_PARSE_MORE, HTTP_PARSE_DONE, HTTP_PARSE_REFUSED };

struct http_verdict {    /* of a refused message; the connection cannot be used any further */
    int status;          /* 400, 413, 414, 417, 431, 501, 505 */
    const char *message; /* literal clause without a full stop; quotes nothing of the peer */
};

struct http1_head_limits {
    size_t head_max_bytes; /* first line to empty line, line ends too; at most UINT32_MAX */
    size_t target_max_bytes, fields_max;
};

struct http1_head_parser { /* public body, so that a connection embeds it */
    struct http_head head;
    struct http1_head_wire wire;
    struct http_verdict verdict; /* after HTTP_PARSE_REFUSED */
    size_t used;                 /* after HTTP_PARSE_DONE: bytes of the head */
    /* private */
    struct http1_head_limits limits;
    struct buf path;   /* the canonical path, when it differs from the received one */
    size_t fields_cap; /* rows of head.fields, which grow with the heads that come */
    uintptr_t base;    /* where the bytes lay in the last call */
    size_t at, start, target_at;
    int step, major;
    bool host_seen, te_seen, te_other, close_seen, keep_alive_seen;
};

void http1_head_parser_init(struct http1_head_parser *p,
                            const struct http1_head_limits *limits);
void http1_head_parser_reset(struct http1_head_parser *p); /* ready for the next head */
void http1_head_parser_release(struct http1_head_parser *p);

/* data: every byte of this head so far, from its first one, and whatever follows; it may lie
 * elsewhere than in the last call.  Only new bytes are looked at.  The spans in p->head point
 * into data (and into p). */
enum http_parse http1_head_parse(struct http1_head_parser *p, const char *data, size_t len);
/* The bytes were moved after HTTP_PARSE_DONE: the spans follow them. */
void http1_head_rebase(struct http1_head_parser *p, const char *data);

#endif
