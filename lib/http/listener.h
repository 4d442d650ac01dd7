/* listener.h - accepts connections on bound sockets; pauses instead of spinning when descriptors
 * or connection slots run out. */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "base/base.h"
#include "base/err.h"
#include "http/exchange.h"

struct event_base;
struct listener;

/* A bound, listening, non-blocking, close-on-exec socket for "host:port" ("[v6]:port",
 * ":port"); -1 with err.  reuse_port: several sockets share the port. */
int listener_bind(const char *addr, bool reuse_port, struct err *err) MUST_CHECK;
/* Clients are refused from now on, whoever else holds a copy of fd; accepted connections stay.
 * The caller still closes fd. */
void listener_close(int fd);

/* Borrows fd (the supervisor owns it), limits and handler. */
struct listener *listener_new(struct event_base *base, int fd, int connections_max,
                              const struct http_limits *limits,
                              const struct exchange_handler *handler);
/* Takes the connections of one more socket (borrowed), under the same bounds, until
 * listener_remove.  Either does nothing where it is so already. */
void listener_add(struct listener *l, int fd);
void listener_remove(struct listener *l, int fd);
bool listener_is_accepting(const struct listener *l); /* false: it pauses, or drains */
/* Stops accepting; open connections finish their running answer (and close behind it). */
void listener_drain(struct listener *l);
/* Memory is short: gives up clients that hold some and do not move, those first that hold most for
 * longest, until wanted_bytes come free; how many.  To be called again and again meanwhile: who
 * does not move shows from one call to the next. */
size_t listener_shed(struct listener *l, size_t wanted_bytes);
size_t listener_connections(const struct listener *l); /* open now */
void listener_free(struct listener *l);                /* closes every connection */

#endif
