/* value.c - reading a script's reply; value.h has the contract. */
#include "redis/value.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

size_t redis_value_count(const struct redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY ? r->elements : 0;
}

const struct redisReply *redis_value_at(const struct redisReply *r, size_t i)
{
    return i < redis_value_count(r) ? r->element[i] : NULL;
}

struct str redis_value_text(const struct redisReply *r)
{
    if (r == NULL || (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_STATUS))
        return (struct str){NULL, 0};
    return (struct str){r->str, (size_t)r->len};
}

bool redis_value_number(const struct redisReply *r, int64_t *out)
{
    if (r == NULL)
        return false;
    if (r->type != REDIS_REPLY_INTEGER)
        return str_to_whole(redis_value_text(r), REDIS_VALUE_NUMBER_MAX, out);
    if (r->integer < 0 || r->integer > REDIS_VALUE_NUMBER_MAX)
        return false;
    *out = r->integer;
    return true;
}

bool redis_value_is(const struct redisReply *r, const char *word)
{
    return str_eqz(redis_value_text(redis_value_at(r, 0)), word);
}

static bool is_word(const struct redisReply *r, const char *word)
{
    return r->type == REDIS_REPLY_STRING && str_eqz((struct str){r->str, r->len}, word);
}

enum redis_value_push redis_value_push(const struct redisReply *r)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements != 3 ||
        r->element[1]->type != REDIS_REPLY_STRING)
        return REDIS_VALUE_PUSH_NONE;
    if (is_word(r->element[0], "message") && r->element[2]->type == REDIS_REPLY_STRING)
        return REDIS_VALUE_PUSH_MESSAGE;
    if (is_word(r->element[0], "subscribe") && r->element[2]->type == REDIS_REPLY_INTEGER)
        return REDIS_VALUE_PUSH_CONFIRMED;
    return REDIS_VALUE_PUSH_NONE;
}

void redis_value_show(const struct redisReply *r, char *out, size_t cap)
{
    if (r != NULL && r->type == REDIS_REPLY_ERROR)
        snprintf(out, cap, "%s", r->str);
    else
        snprintf(out, cap, "an answer that makes no sense");
    for (char *c = out; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
}
