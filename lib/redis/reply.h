/* reply.h - bytes from a server become replies, within caps; reply.c says how. */
#ifndef REDIS_REPLY_H
#define REDIS_REPLY_H

#include "base/base.h"

#include <stddef.h>

#define REDIS_REPLY_BYTES_MAX    (8u << 20) /* one reply with all that is in it */
#define REDIS_REPLY_ELEMENTS_MAX 100000     /* all arrays of one reply together */
#define REDIS_REPLY_DEPTH_MAX    7          /* arrays in arrays, hiredis 0.14's limit */
#define REDIS_REPLY_LINE_MAX     65536      /* a status, an error, a number */

struct redisReply;
struct redis_reply; /* the decoder of one connection */

enum redis_reply_verdict {
    REDIS_REPLY_MORE, /* all was used, and no reply is complete yet */
    REDIS_REPLY_DONE, /* *out is a reply: the caller calls freeReplyObject */
    REDIS_REPLY_BAD,  /* not RESP2 or over a cap: the connection is worth nothing any more */
};

struct redis_reply *redis_reply_new(void);
void redis_reply_free(struct redis_reply *d); /* NULL is fine */

/* Takes bytes up to the end of one reply; *used says how many.  BAD: *why is a literal. */
enum redis_reply_verdict redis_reply_feed(struct redis_reply *d, const char *data, size_t len,
                                          size_t *used, struct redisReply **out,
                                          const char **why) MUST_CHECK;

#endif
