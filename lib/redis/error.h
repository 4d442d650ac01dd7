/* error.h - what an error reply means for us: its first word, in capitals, is the kind.
 *
 * Nobody else looks into an error's text to decide anything. */
#ifndef REDIS_ERROR_H
#define REDIS_ERROR_H

#include "redis/url.h"

struct redisReply;

/* Not REDIS_ERR_*: hiredis has macros REDIS_ERR_OOM and REDIS_ERR_OTHER, with other values. */
enum redis_error {
    REDIS_ERROR_NONE,
    REDIS_ERROR_NOSCRIPT,
    REDIS_ERROR_READONLY,
    REDIS_ERROR_LOADING,
    REDIS_ERROR_BUSY, /* a script runs for too long */
    REDIS_ERROR_OOM,
    REDIS_ERROR_NOREPLICAS,
    REDIS_ERROR_MISCONF,
    REDIS_ERROR_NOPERM,
    REDIS_ERROR_NOAUTH,
    REDIS_ERROR_WRONGPASS,
    REDIS_ERROR_WRONGTYPE,
    REDIS_ERROR_MOVED, /* a Cluster: another node has the keys: redis_error_moved() */
    REDIS_ERROR_ASK,   /* their slot is on its way to another node */
    REDIS_ERROR_TRYAGAIN,
    REDIS_ERROR_CLUSTERDOWN,
    REDIS_ERROR_BADARG,  /* a script of ours refuses its arguments */
    REDIS_ERROR_NO_DB,   /* a Cluster has database 0 only */
    REDIS_ERROR_TOO_OLD, /* before 7.0: a script's "#!lua" is a mistake to it */
    REDIS_ERROR_OTHER
};
enum redis_error redis_error_of(const struct redisReply *r); /* NONE: no error reply, or NULL */

#define REDIS_ERROR_TOO_OLD_TEXT "is older than 7.0, the oldest that runs the fleet's scripts"

/* Where a Cluster's node says that a key is served
 * (https://redis.io/docs/reference/cluster-spec/, "MOVED Redirection"): r is "MOVED slot
 * host:port"; without a host it is that of from, which answered.  false: r is anything else, or
 * names no place (then *out is undefined). */
bool redis_error_moved(const struct redisReply *r, const struct redis_node *from,
                       struct redis_node *out) MUST_CHECK;

#define REDIS_ERROR_TEXT_MAX 128
/* The server's words for a log line: cut, control bytes as '?'.  Returns out, or a literal when
 * r is no error or its text has secret ("": none) in it. */
const char *redis_error_text(const struct redisReply *r, const char *secret,
                             char out[REDIS_ERROR_TEXT_MAX]);
/* The same without the first word, which says the kind. */
const char *redis_error_detail(const struct redisReply *r, const char *secret,
                               char out[REDIS_ERROR_TEXT_MAX]);

#endif
