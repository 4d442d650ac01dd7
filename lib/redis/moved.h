/* moved.h - where a Cluster's node says that a key is served
 * (https://redis.io/docs/reference/cluster-spec/, "MOVED Redirection"). */
#ifndef REDIS_MOVED_H
#define REDIS_MOVED_H

#include "redis/url.h"

struct redisReply;

/* r is "MOVED slot host:port"; without a host it is that of from, which answered.  false: r is
 * anything else, or names no place (then *out is undefined). */
bool redis_moved_of(const struct redisReply *r, const struct redis_node *from,
                    struct redis_node *out) MUST_CHECK;

#endif
