/* server.h - the client port: which paths there are and who serves them. */
#ifndef ROUTER_SERVER_H
#define ROUTER_SERVER_H

#include "base/err.h"
#include "http/exchange.h"
#include "router/worker.h"

struct server;

/* The bounds of client connections, as the config has them. */
void server_limits(const struct config_http *h, struct http_limits *l);

/* Serves clients on fd (borrowed) until freed.  NULL with err. */
struct server *server_new(struct worker *w, int fd, struct err *err);
void server_drain(struct server *s); /* no new connection; running answers finish */
size_t server_connections(const struct server *s);
void server_free(struct server *s);

#endif
