/* upstream_server.h - a region made of raw bytes, inside the test's own event loop. */
#ifndef TESTS_UNIT_UPSTREAM_UPSTREAM_SERVER_H
#define TESTS_UNIT_UPSTREAM_UPSTREAM_SERVER_H

#include "base/buf.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <stdbool.h>

enum after { KEEP, CLOSE, RESET, ENDLESS }; /* what the server does once it has answered */

struct answer { /* the answer to one request, whichever connection it comes on */
    const char *bytes;
    size_t len; /* 0: strlen(bytes) */
    enum after after;
};

struct upstream_server {
    struct event_base *base;
    struct evconnlistener *listener;
    int port;
    const struct answer *answers; /* by number of the request; the last one repeats */
    size_t n_answers;
    int accepted, closed, requests;
    struct buf seen; /* everything received, all connections */
    struct peer *peers;
    size_t sent; /* by ENDLESS */
};

void upstream_server_start(struct upstream_server *s, struct event_base *base,
                           const struct answer *answers, size_t n_answers);
void upstream_server_stop(struct upstream_server *s);
void upstream_server_close_all(struct upstream_server *s); /* every connection, politely */
void upstream_server_reset_all(struct upstream_server *s);
void upstream_server_say_all(struct upstream_server *s,
                             const char *bytes); /* unasked, on every connection */

#endif
