/* fuzz_redis_reply.c - bytes from a server, cut anywhere, never crash the decoder nor get past
 * its caps.  The first byte is the size of the pieces they come in. */
#include "redis/error.h"
#include "redis/value.h"
#include "redis/reply.h"

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct redisReply *r, size_t bytes)
{
    const struct redis_node from = {"127.0.0.1", 6379};
    struct redis_node to;
    char text[REDIS_ERROR_TEXT_MAX];
    size_t elements = r->type == REDIS_REPLY_ARRAY ? r->elements : 0;

    /* Nothing is as large as announced, only as large as what came. */
    if (elements > bytes || elements > REDIS_REPLY_ELEMENTS_MAX)
        abort();
    (void)redis_error_of(r);
    (void)redis_error_text(r, "secret", text);
    (void)redis_value_push(r);
    if (redis_error_moved(r, &from, &to) &&
        (to.host[0] == '\0' || to.port < 1 || to.port > 65535))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t step = size > 0 && data[0] > 0 ? data[0] : 65536;
    struct redis_reply *d = redis_reply_new();
    enum redis_reply_verdict v = REDIS_REPLY_MORE;

    for (size_t at = 1; at < size && v != REDIS_REPLY_BAD;) {
        size_t n = size - at < step ? size - at : step, used;
        struct redisReply *r;
        const char *why;

        v = redis_reply_feed(d, (const char *)data + at, n, &used, &r, &why);
        if (used > n || (v == REDIS_REPLY_MORE && used != n) ||
            (v == REDIS_REPLY_DONE) != (r != NULL))
            abort();
        if (v == REDIS_REPLY_DONE && used == 0)
            abort(); /* it would never end */
        if (r != NULL) {
            check(r, size);
            freeReplyObject(r);
        }
        at += used;
    }
    redis_reply_free(d);
    return 0;
}
