/* fuzz_redis_reply.c - bytes from a server, cut anywhere, never crash the decoder nor get past
 * its caps.  The first byte is the size of the pieces they come in. */
#include "redis/cluster.h"
#include "redis/error.h"
#include "redis/value.h"
#include "redis/reply.h"

#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_place(const struct redis_node *n)
{
    return n->host[0] != '\0' && n->port >= 1 && n->port <= 65535;
}

static void check_cluster(const struct redisReply *r, const struct redis_node *from)
{
    struct redis_url url = {.host = "127.0.0.1", .port = 6379};
    struct redis_cluster c = {.n = 0};

    for (int tls = 0; tls <= 1; tls++) {
        url.tls = tls == 1;
        if (!redis_cluster_learn(&c, r, from, &url) && c.n > 0 && tls == 0)
            abort();
        if (c.n > REDIS_CLUSTER_NODES_MAX)
            abort();
        for (size_t i = 0; i < c.n; i++)
            if (!is_place(&c.nodes[i]))
                abort();
    }
    (void)redis_cluster_is_one(r);
}

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
    check_cluster(r, &from);
    if (redis_error_moved(r, &from, &to) && !is_place(&to))
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
