/* test_value.c - only the two shapes a subscription has are taken for one. */
#include "redis/value.h"

#include "redis/reply.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <string.h>

/* clang-format off */
static const struct {
    const char *bytes;
    enum redis_value_push want;
} rows[] = {
    {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n",   REDIS_VALUE_PUSH_MESSAGE},
    {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$0\r\n\r\n",     REDIS_VALUE_PUSH_MESSAGE},
    {"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",       REDIS_VALUE_PUSH_CONFIRMED},
    {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$-1\r\n",        REDIS_VALUE_PUSH_NONE},
    {"*3\r\n$7\r\nmessage\r\n$-1\r\n$2\r\nhi\r\n",       REDIS_VALUE_PUSH_NONE},
    {"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n:1\r\n",         REDIS_VALUE_PUSH_NONE},
    {"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n$1\r\n1\r\n",  REDIS_VALUE_PUSH_NONE},
    {"*3\r\n+message\r\n$1\r\nc\r\n$2\r\nhi\r\n",        REDIS_VALUE_PUSH_NONE},
    {"*3\r\n$8\r\nmessages\r\n$1\r\nc\r\n$2\r\nhi\r\n",  REDIS_VALUE_PUSH_NONE},
    {"*3\r\n$-1\r\n$1\r\nc\r\n$2\r\nhi\r\n",             REDIS_VALUE_PUSH_NONE},
    {"*4\r\n$8\r\npmessage\r\n$1\r\n*\r\n$1\r\nc\r\n$2\r\nhi\r\n", REDIS_VALUE_PUSH_NONE},
    {"*2\r\n$7\r\nmessage\r\n$1\r\nc\r\n",               REDIS_VALUE_PUSH_NONE},
    {"*2\r\n$4\r\npong\r\n$0\r\n\r\n",                   REDIS_VALUE_PUSH_NONE},
    {"*0\r\n",                                           REDIS_VALUE_PUSH_NONE},
    {"*-1\r\n",                                          REDIS_VALUE_PUSH_NONE},
    {"+PONG\r\n",                                        REDIS_VALUE_PUSH_NONE},
    {"-ERR no\r\n",                                      REDIS_VALUE_PUSH_NONE},
};
/* clang-format on */

Test(redis_value, shapes_of_pushes)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_reply *d = redis_reply_new();
        struct redisReply *r;
        const char *why;
        size_t used;

        cr_assert_eq(redis_reply_feed(d, rows[i].bytes, strlen(rows[i].bytes), &used, &r, &why),
                     REDIS_REPLY_DONE, "row %zu", i);
        cr_expect_eq(redis_value_push(r), rows[i].want, "row %zu", i);
        freeReplyObject(r);
        redis_reply_free(d);
    }
}
