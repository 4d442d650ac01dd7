/* push.h - what a subscribed connection may receive; anything else is a broken peer. */
#ifndef REDIS_PUSH_H
#define REDIS_PUSH_H

struct redisReply;

enum redis_push {
    REDIS_PUSH_MESSAGE,   /* "message" channel text */
    REDIS_PUSH_CONFIRMED, /* "subscribe" channel count */
    REDIS_PUSH_NONE,
};
enum redis_push redis_push_of(const struct redisReply *r);

#endif
