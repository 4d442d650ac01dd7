/* sentinel.h - which Redis is the master now, and when it becomes another one
 * (https://redis.io/docs/reference/sentinel-clients/). */
#ifndef REDIS_SENTINEL_H
#define REDIS_SENTINEL_H

#include "redis/link.h"

struct redis_sentinel;       /* one question */
struct redis_sentinel_watch; /* one ear, for as long as it exists */

/* Once, from the event loop.  node NULL: no Sentinel knew, cause and why are the last one's.
 * from is the one that answered: where to begin next time.  The question may be freed inside.
 */
typedef void redis_sentinel_cb(void *arg, const struct redis_node *node, size_t from,
                               enum redis_error cause, const char *why);

/* Asks the Sentinels of conf->url in order, beginning with number first; a dead one does
 * not take the time of the next.  A Sentinel that wants a password gets the URL's. */
struct redis_sentinel *redis_sentinel_ask(struct event_base *base,
                                          const struct redis_link_conf *conf, size_t first,
                                          redis_sentinel_cb *cb, void *arg);
/* What each one has of conf->connect_timeout_ms. */
int64_t redis_sentinel_share_ms(const struct redis_link_conf *conf);
void redis_sentinel_free(
    struct redis_sentinel *s); /* cb is not called any more; NULL is fine */

/* Listens to +switch-master at one of the Sentinels, and at the next one when that fails. */
struct redis_sentinel_watch *
redis_sentinel_watch_new(struct event_base *base, const struct redis_link_conf *conf,
                         void (*on_switch)(void *arg, const struct redis_node *node),
                         void *arg);
void redis_sentinel_watch_free(struct redis_sentinel_watch *w); /* NULL is fine */

#endif
