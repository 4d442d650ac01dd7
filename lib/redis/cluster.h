/* cluster.h - what a node of a Redis Cluster says of all its nodes. */
#ifndef REDIS_CLUSTER_H
#define REDIS_CLUSTER_H

#include "redis/url.h"

struct redisReply;

#define REDIS_CLUSTER_NODES_MAX 16 /* remembered: any one that lives will do */

struct redis_cluster { /* all zero: nothing is known */
    struct redis_node nodes[REDIS_CLUSTER_NODES_MAX];
    size_t n;
};

/* r answers CLUSTER SHARDS (https://redis.io/docs/latest/commands/cluster-shards/), asked of
 * from.  What it names replaces what was known, but for the nodes that url names anyway: those
 * are not kept twice.  Of more than there is room for, those that failed stay out first.
 * false: r has another form, and nothing has changed. */
bool redis_cluster_learn(struct redis_cluster *c, const struct redisReply *r,
                         const struct redis_node *from, const struct redis_url *url) MUST_CHECK;

/* Does r, the answer to INFO cluster, come from a node of a Cluster? */
bool redis_cluster_is_one(const struct redisReply *r);

#endif
