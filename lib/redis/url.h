/* url.h - where Redis is and as whom we speak. */
#ifndef REDIS_URL_H
#define REDIS_URL_H

#include "base/base.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REDIS_URL_NODES_MAX 16
#define REDIS_NODE_TEXT_MAX 272

struct redis_node {
    char host[256];
    int port;
};

struct redis_url { /* embedded copies; wiped by redis_url_release */
    bool is_unix;
    bool tls;       /* rediss: */
    char host[256]; /* the first node's, or the socket's path */
    int port;
    char user[128], password[256]; /* "" when absent */
    int db;
    char master[128]; /* what Sentinel calls it; "": the nodes are no Sentinels */
    struct redis_node others[REDIS_URL_NODES_MAX - 1]; /* after the first */
    size_t n_others;
};

/* redis://[user:password@]host[:port][,host[:port]...][/db]       several: nodes of a Cluster;
 *                                                                link.h learns those not named
 * redis+sentinel://[user:password@]host[:port][,...]/master[/db]   the hosts are Sentinels
 * unix:///path[?db=n]
 * rediss and rediss+sentinel are the same over TLS.  Percent-encoding is decoded in user,
 * password, master and path.  -1 with err, which never quotes the password. */
int redis_url_parse(struct redis_url *out, const char *url, struct err *err) MUST_CHECK;
void redis_url_release(struct redis_url *u); /* overwrites the secrets */
/* The URL without its secrets: what may be shown. */
void redis_url_show(const struct redis_url *u, char *out, size_t cap);

size_t redis_url_count(const struct redis_url *u); /* nodes, at least 1 */
struct redis_node redis_url_node(const struct redis_url *u, size_t i);
/* What a server says of another one.  false: an empty host, a byte that no host name has, a
 * port outside 1..65535; *out is undefined then. */
bool redis_node_set(struct redis_node *out, struct str host, struct str port) MUST_CHECK;
bool redis_node_make(struct redis_node *out, struct str host, int64_t port) MUST_CHECK;
bool redis_node_equal(const struct redis_node *a, const struct redis_node *b);
/* "host:port", "[::1]:port" */
void redis_node_show(const struct redis_node *n, char out[REDIS_NODE_TEXT_MAX]);

#endif
