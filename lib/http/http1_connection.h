/* http1_connection.h - one client connection of HTTP/1.x: makes exchanges, in order, one at a
 * time, every state bounded.
 *
 * Life: http1_connection_new() on an accepted socket -> an exchange -> the next one or close.
 * The connection frees itself.  A streamed answer without a length is chunked for 1.1 and lasts
 * until the close for 1.0; an aborted one ends without a last chunk, with a reset where the
 * framing could not show it. */
#ifndef HTTP_HTTP1_CONNECTION_H
#define HTTP_HTTP1_CONNECTION_H

#include "base/base.h"
#include "http/exchange.h"

#include <stdbool.h>
#include <stddef.h>

struct event_base;
struct http1_connection;

/* One more listener for the last word, before handler->on_close: struct listener's list. */
void http1_connection_set_closed(struct http1_connection *c, void (*on_closed)(void *arg),
                                 void *arg);

/* Takes fd (non-blocking). limits and handler are borrowed and outlive it.
 * NULL, and fd stays the caller's: there is no memory for one more. */
struct http1_connection *http1_connection_new(struct event_base *base, int fd,
                                              const struct http_limits *limits,
                                              const struct exchange_handler *handler);

/* Draining: the running answer says Connection: close.  An idle connection has half a second
 * for a request that is on its way, or a new one's first; then it closes. */
void http1_connection_drain(struct http1_connection *c);
bool http1_connection_is_busy(
    const struct http1_connection *c); /* a request is being read or answered */
size_t http1_connection_output_bytes(const struct http1_connection *c);
/* What it holds that the client has sent or has not taken; 0 while that is nobody's fault: it
 * waits for its answer. */
size_t http1_connection_held_bytes(const struct http1_connection *c);
/* For how long the client has moved less than 16 KiB, as far as this has been asked before. */
int64_t http1_connection_still_ms(struct http1_connection *c, int64_t now_ms);
/* Gives the client up, from the event loop: memory is short, and it holds some for nothing. */
void http1_connection_shed(struct http1_connection *c);
void http1_connection_free(
    struct http1_connection *c); /* at shutdown: on_gone is called if a request runs */

#endif
