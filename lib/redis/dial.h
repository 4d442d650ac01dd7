/* dial.h - from an address to a connected socket, without ever blocking the loop. */
#ifndef REDIS_DIAL_H
#define REDIS_DIAL_H

#include "redis/url.h"

struct event_base;
struct redis_dial;

/* Once, from the event loop.  fd: connected, non-blocking, the callee's to close; -1: why says
 * what failed.  The dial may be freed inside. */
typedef void redis_dial_cb(void *arg, int fd, const char *why);

/* Numbers, localhost and unix sockets need no DNS; any other name is asked of the servers in
 * /etc/resolv.conf (after /etc/hosts), or of nameserver ("127.0.0.1:53") when that is not NULL.
 * A name's addresses are tried one after the other, beginning with number first (modulo their
 * count), so that a caller with a deadline gets past a silent one by counting up.
 * There is no deadline here: the caller frees the dial when its own has passed. */
struct redis_dial *redis_dial_new(struct event_base *base, const struct redis_url *url,
                                  const char *nameserver, unsigned first, redis_dial_cb *cb,
                                  void *arg);
void redis_dial_free(struct redis_dial *d); /* cb will not be called any more; NULL is fine */

#endif
