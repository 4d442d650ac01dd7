/* push.c - what a subscribed connection may receive
 * (https://redis.io/docs/interact/pubsub/, "Format of pushed messages"). */
#include "redis/push.h"

#include "base/str.h"

#include <hiredis/hiredis.h>

static bool is_word(const struct redisReply *r, const char *word)
{
    return r->type == REDIS_REPLY_STRING && str_eqz((struct str){r->str, r->len}, word);
}

enum redis_push redis_push_of(const struct redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
        r->element[1]->type != REDIS_REPLY_STRING)
        return REDIS_PUSH_NONE;
    if (is_word(r->element[0], "message") && r->element[2]->type == REDIS_REPLY_STRING)
        return REDIS_PUSH_MESSAGE;
    if (is_word(r->element[0], "subscribe") && r->element[2]->type == REDIS_REPLY_INTEGER)
        return REDIS_PUSH_CONFIRMED;
    return REDIS_PUSH_NONE;
}
