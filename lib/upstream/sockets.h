/* sockets.h - libevent's side of the upstream sockets, and a watch on the idle ones.
 *
 * Knows nothing of curl: it is told which sockets to wait for and calls back when one is ready.
 * The watch is there because libcurl before 8.0 takes a pooled connection for good although
 * unread bytes wait on it: a region that sends more than its answer's framing says would have
 * the surplus read as the answer to the next request. */
#ifndef UPSTREAM_SOCKETS_H
#define UPSTREAM_SOCKETS_H

#include <stdbool.h>

struct event_base;
struct upstream_sockets;

typedef void (*upstream_sockets_ready)(void *arg, int fd, bool readable, bool writable);

struct upstream_sockets *upstream_sockets_new(struct event_base *base,
                                              upstream_sockets_ready ready, void *arg);
void upstream_sockets_free(struct upstream_sockets *t); /* closes nothing; NULL is fine */

/* socket(2) close-on-exec, recorded as ours; -1 with errno. */
int upstream_sockets_open(struct upstream_sockets *t, int family, int type, int protocol);
int upstream_sockets_close(struct upstream_sockets *t, int fd); /* close(2)'s result */

/* What to wait for; neither: nothing for now.  Sockets that were not opened here are fine. */
void upstream_sockets_want(struct upstream_sockets *t, int fd, bool read, bool write);

/* user's exchange runs on fd.  When it is over, done() says so: unless another user has come,
 * the socket is idle then, and anything it receives, bytes or an end, makes it unusable
 * (shut down both ways), which curl notices before it would reuse it. */
void upstream_sockets_use(struct upstream_sockets *t, int fd, const void *user);
void upstream_sockets_done(struct upstream_sockets *t, int fd, const void *user);

#endif
