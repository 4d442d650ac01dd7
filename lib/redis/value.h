/* value.h - reading a script's reply: any type may come from Redis, so nothing is assumed. */
#ifndef REDIS_VALUE_H
#define REDIS_VALUE_H

#include "base/base.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct redisReply;

/* Element i of an array; NULL: no array, or not that long. */
const struct redisReply *redis_value_at(const struct redisReply *r, size_t i);
/* Elements of an array, 0 for anything else. */
size_t redis_value_count(const struct redisReply *r);
/* A string's text; ptr NULL for anything else (NULL included). */
struct str redis_value_text(const struct redisReply *r);
/* Lua's numbers are exact up to here. */
#define REDIS_VALUE_NUMBER_MAX ((INT64_C(1) << 53) - 1)
/* A whole number up to that, as an integer or as digits without a leading zero. */
bool redis_value_number(const struct redisReply *r, int64_t *out) MUST_CHECK;
/* Is r an array whose first element is this word? */
bool redis_value_is(const struct redisReply *r, const char *word);
/* What a subscribed connection may receive; anything else is a broken peer
 * (https://redis.io/docs/interact/pubsub/, "Format of pushed messages"). */
enum redis_value_push {
    REDIS_VALUE_PUSH_MESSAGE,   /* "message" channel text */
    REDIS_VALUE_PUSH_CONFIRMED, /* "subscribe" channel count */
    REDIS_VALUE_PUSH_NONE,
};
enum redis_value_push redis_value_push(const struct redisReply *r);
/* What the server said, for people: one line, cut, no control bytes. */
void redis_value_show(const struct redisReply *r, char *out, size_t cap);

#endif
