/* cluster.c - what a node of a Redis Cluster says of all its nodes.
 *
 *   [ ["slots", [0, 5460], "nodes", [ ["id", "..", "port", 6379, "ip", "..", "endpoint", "..",
 *       "role", "master", "health", "online", ..], .. ]], .. ]
 *
 * A map comes as an array of keys and values in RESP2, and newer servers have keys that older
 * ones have not, so a key is looked for and its neighbours are not read.  The answer as a whole
 * is refused for its form; a node that has no address for us is only passed over:
 *
 *   endpoint "", or none   cluster-preferred-endpoint-type unknown-endpoint, or a node that has
 *                          met nobody: the host we asked, with the port that is given
 *   endpoint "?"           a host name is preferred and that node has none: nowhere
 *   no port of our kind    tls-port with TLS, else port: nowhere
 *
 * WHY NOT CLUSTER SLOTS  It names a node once for each range of slots, so a Cluster whose slots
 * were moved one by one answers with more than a link takes.
 *
 * WHY NOT ADD TO WHAT WAS KNOWN  An address that the Cluster has given up may be somebody
 * else's tomorrow, and he would be given the login. */
#include "redis/cluster.h"

#include "redis/value.h"

#include <hiredis/hiredis.h>
#include <string.h>

/* The value behind key in a map; NULL: there is none. */
static const struct redisReply *get(const struct redisReply *map, const char *key)
{
    for (size_t i = 0; i + 1 < redis_value_count(map); i += 2)
        if (str_eqz(redis_value_text(redis_value_at(map, i)), key))
            return redis_value_at(map, i + 1);
    return NULL;
}

static bool is_array(const struct redisReply *r)
{
    return r != NULL && r->type == REDIS_REPLY_ARRAY;
}

static bool is_map(const struct redisReply *r)
{
    if (!is_array(r) || redis_value_count(r) % 2 != 0)
        return false;
    for (size_t i = 0; i < redis_value_count(r); i += 2)
        if (redis_value_text(redis_value_at(r, i)).ptr == NULL)
            return false;
    return true;
}

static bool is_node(const struct redisReply *r)
{
    const struct redisReply *endpoint = get(r, "endpoint");

    return is_map(r) && endpoint != NULL &&
           (endpoint->type == REDIS_REPLY_NIL || redis_value_text(endpoint).ptr != NULL);
}

static bool is_shard(const struct redisReply *r)
{
    const struct redisReply *nodes = get(r, "nodes");

    if (!is_map(r) || !is_array(nodes))
        return false;
    for (size_t i = 0; i < redis_value_count(nodes); i++)
        if (!is_node(redis_value_at(nodes, i)))
            return false;
    return true;
}

static bool is_well_formed(const struct redisReply *r)
{
    if (!is_array(r))
        return false;
    for (size_t i = 0; i < redis_value_count(r); i++)
        if (!is_shard(redis_value_at(r, i)))
            return false;
    return true;
}

static bool is_known(const struct redis_cluster *c, const struct redis_url *url,
                     const struct redis_node *node)
{
    for (size_t i = 0; i < redis_url_count(url) && !url->is_unix; i++) {
        const struct redis_node named = redis_url_node(url, i);

        if (redis_node_equal(&named, node))
            return true;
    }
    for (size_t i = 0; i < c->n; i++)
        if (redis_node_equal(&c->nodes[i], node))
            return true;
    return false;
}

static void add(struct redis_cluster *c, const struct redisReply *r,
                const struct redis_node *from, const struct redis_url *url)
{
    struct str host = redis_value_text(get(r, "endpoint"));
    struct redis_node node;
    int64_t port;

    if (c->n < ARRAY_LEN(c->nodes) &&
        redis_value_number(get(r, url->tls ? "tls-port" : "port"), &port) &&
        redis_node_make(&node, host.len > 0 ? host : str_of(from->host), port) &&
        !is_known(c, url, &node))
        c->nodes[c->n++] = node;
}

/* Those that failed, or those that have not. */
static void add_all(struct redis_cluster *c, const struct redisReply *r, bool failed,
                    const struct redis_node *from, const struct redis_url *url)
{
    for (size_t i = 0; i < redis_value_count(r); i++) {
        const struct redisReply *nodes = get(redis_value_at(r, i), "nodes");

        for (size_t k = 0; k < redis_value_count(nodes); k++) {
            const struct redisReply *node = redis_value_at(nodes, k);

            if (str_eqz(redis_value_text(get(node, "health")), "fail") == failed)
                add(c, node, from, url);
        }
    }
}

bool redis_cluster_learn(struct redis_cluster *c, const struct redisReply *r,
                         const struct redis_node *from, const struct redis_url *url)
{
    if (!is_well_formed(r))
        return false;
    c->n = 0;
    add_all(c, r, false, from, url);
    add_all(c, r, true, from, url);
    return true;
}

bool redis_cluster_is_one(const struct redisReply *r)
{
    struct str rest = redis_value_text(r), line;

    while (rest.ptr != NULL) {
        line = str_split(rest, '\n', &rest);
        if (str_eqz(line, "cluster_enabled:1\r") || str_eqz(line, "cluster_enabled:1"))
            return true;
    }
    return false;
}
