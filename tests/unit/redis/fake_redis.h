/* fake_redis.h - a scripted peer in the test's own event loop, on a unix socket or on TCP.
 *
 * It counts the commands it receives and answers the i-th of a connection with replies[i]; past
 * the end of the list it is silent.  In a reply, "" is silence too, and a '!' at its end closes
 * the connection behind the bytes before it.  What a link asks of a Cluster on its own may be
 * answered apart: INFO with info, CLUSTER with shards; they count as no command then. */
#ifndef TESTS_UNIT_REDIS_FAKE_REDIS_H
#define TESTS_UNIT_REDIS_FAKE_REDIS_H

#include <stddef.h>

#define FAKE_REPLIES_MAX 8

struct event_base;
struct evconnlistener;
struct bufferevent;

struct fake_redis {
    char dir[64], url[128];
    int port; /* of TCP; 0: a unix socket */
    const char *replies[FAKE_REPLIES_MAX];
    const char *info, *shards; /* NULL: a command like any other */
    struct evconnlistener *listener;
    struct bufferevent *conn; /* the connection accepted last; NULL: it is gone */
    int accepted, commands;   /* commands: of that connection */
    char heard[512];          /* its commands' words, a space behind each */
};

void fake_redis_start(struct fake_redis *f, struct event_base *base);
void fake_redis_start_tcp(struct fake_redis *f, struct event_base *base); /* on 127.0.0.1 */
void fake_redis_stop(struct fake_redis *f); /* before its loop is freed */
void fake_redis_say(struct fake_redis *f, const char *bytes, size_t len); /* unasked */
void fake_redis_hang_up(struct fake_redis *f);

#endif
