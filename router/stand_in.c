/* stand_in.c - stand_in.h has the contract.
 *
 * The kernel gives each new connection to one of the SO_REUSEPORT sockets by a hash of its
 * addresses, whether or not anybody accepts there.  So every worker has all sockets of the
 * group, its siblings' for the time of need.  All who notice stand in: the silent one's share
 * is spread over them, and accept(2) gives each connection to one.
 *
 * REJECTED  Closing a dead worker's socket, so that the kernel stops choosing it: what waits
 * in it would be reset.  REJECTED  One socket for all: the worker that woke up last takes
 * everything while it is quick enough, and its pool of connections is one of many. */
#include "router/stand_in.h"

#include "base/base.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"

#include <event2/event.h>
#include <stdlib.h>

struct stand_in {
    struct stand_in_conf conf;
    struct event *tick;
    bool *stands_in; /* for each socket */
};

static void look_at(struct stand_in *s, int socket, int64_t now_ms)
{
    const struct stand_in_conf *c = &s->conf;
    bool silent = beats_is_silent(c->beats, socket, now_ms);

    if (silent == s->stands_in[socket])
        return;
    s->stands_in[socket] = silent;
    if (silent)
        server_add_socket(c->server, c->sockets[socket]);
    else
        server_remove_socket(c->server, c->sockets[socket]);
    log_at(LOG_DEBUG, NULL, "%s slot=%d", silent ? "stands in for" : "no longer stands in for",
           socket);
}

static void on_stand_in_tick(evutil_socket_t fd, short what, void *arg)
{
    struct stand_in *s = arg;
    int64_t now_ms = clock_mono_ms();

    (void)fd, (void)what;
    if (server_is_accepting(s->conf.server))
        beats_say(s->conf.beats, s->conf.own, now_ms);
    for (int i = 0; i < s->conf.n_sockets; i++)
        if (i != s->conf.own)
            look_at(s, i, now_ms);
}

struct stand_in *stand_in_new(const struct stand_in_conf *conf)
{
    const struct timeval every = {.tv_usec = BEATS_EVERY_MS * 1000L};
    struct stand_in *s = xcalloc(1, sizeof(*s));

    s->conf = *conf;
    s->stands_in = xcalloc((size_t)conf->n_sockets, sizeof(*s->stands_in));
    s->tick = loop_event_new(conf->base, -1, EV_PERSIST, on_stand_in_tick, s);
    loop_event_add(s->tick, &every);
    on_stand_in_tick(-1, 0, s);
    return s;
}

void stand_in_free(struct stand_in *s)
{
    if (s == NULL)
        return;
    event_free(s->tick);
    free(s->stands_in);
    free(s);
}
