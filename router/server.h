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
/* Takes the clients of one more socket, until server_remove_socket.  Borrowed. */
void server_add_socket(struct server *s, int fd);
void server_remove_socket(struct server *s, int fd);
bool server_is_accepting(const struct server *s);
void server_drain(struct server *s); /* no new connection; running answers finish */
size_t server_connections(const struct server *s);
void server_free(struct server *s);

#endif
