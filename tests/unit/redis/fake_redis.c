/* fake_redis.c - a scripted peer in the test's own event loop. */
#include "fake_redis.h"

#include "base/base.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* Takes one whole command off the buffer; it is our own link that writes, so the text is
 * trusted to be an array of bulk strings. */
static bool take_command(struct fake_redis *f, struct evbuffer *in)
{
    size_t len = evbuffer_get_length(in), at = 0;
    const char *data = (const char *)evbuffer_pullup(in, -1);
    long words = 0;

    if (len == 0 || data[0] != '*' || memchr(data, '\n', len) == NULL)
        return false;
    words = strtol(data + 1, NULL, 10);
    at = (size_t)((const char *)memchr(data, '\n', len) - data) + 1;
    for (long i = 0; i < words; i++) {
        const char *line = at < len ? memchr(data + at, '\n', len - at) : NULL;

        if (line == NULL)
            return false;
        size_t n = (size_t)strtol(data + at + 1, NULL, 10), used = strlen(f->heard);

        at = (size_t)(line - data) + 1;
        if (len - at < n + 2)
            return false;
        snprintf(f->heard + used, sizeof(f->heard) - used, "%.*s ", (int)n, data + at);
        at += n + 2;
    }
    evbuffer_drain(in, at);
    return true;
}

void fake_redis_hang_up(struct fake_redis *f)
{
    if (f->conn != NULL)
        bufferevent_free(f->conn);
    f->conn = NULL;
}

void fake_redis_say(struct fake_redis *f, const char *bytes, size_t len)
{
    cr_assert_not_null(f->conn);
    cr_assert_eq(bufferevent_write(f->conn, bytes, len), 0);
}

static void on_flushed(struct bufferevent *bev, void *arg)
{
    (void)bev;
    fake_redis_hang_up(arg);
}

static void answer(struct fake_redis *f, const char *reply)
{
    size_t len = reply == NULL ? 0 : strlen(reply);
    bool hang_up = len > 0 && reply[len - 1] == '!';

    fake_redis_say(f, reply, hang_up ? len - 1 : len);
    if (hang_up && len > 1)
        bufferevent_setcb(f->conn, NULL, on_flushed, NULL, f);
    else if (hang_up)
        fake_redis_hang_up(f);
}

/* The answer to the command that begins with word. */
static const char *reply_to(struct fake_redis *f, const char *word)
{
    if (f->info != NULL && strncmp(word, "INFO ", 5) == 0)
        return f->info;
    if (f->shards != NULL && strncmp(word, "CLUSTER ", 8) == 0)
        return f->shards;
    return f->commands < FAKE_REPLIES_MAX ? f->replies[f->commands++] : NULL;
}

static void on_read(struct bufferevent *bev, void *arg)
{
    struct fake_redis *f = arg;
    size_t used = strlen(f->heard);

    while (f->conn == bev && take_command(f, bufferevent_get_input(bev))) {
        answer(f, reply_to(f, f->heard + used));
        used = strlen(f->heard);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct fake_redis *f = arg;

    (void)what;
    if (f->conn == bev)
        f->conn = NULL;
    bufferevent_free(bev);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *at,
                      int size, void *arg)
{
    struct fake_redis *f = arg;

    (void)at, (void)size;
    fake_redis_hang_up(f);
    f->conn =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);
    f->accepted++;
    f->commands = 0;
    f->heard[0] = '\0';
    bufferevent_setcb(f->conn, on_read, NULL, on_event, f);
    bufferevent_enable(f->conn, EV_READ | EV_WRITE);
}

void fake_redis_start(struct fake_redis *f, struct event_base *base)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    memset(f, 0, sizeof(*f));
    f->replies[0] = "+PONG\r\n";
    snprintf(f->dir, sizeof(f->dir), "/tmp/sluice-fake-XXXXXX");
    cr_assert_not_null(mkdtemp(f->dir));
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/sock", f->dir);
    snprintf(f->url, sizeof(f->url), "unix://%s", at.sun_path);
    f->listener = evconnlistener_new_bind(base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&at, sizeof(at));
    cr_assert_not_null(f->listener);
}

void fake_redis_start_tcp(struct fake_redis *f, struct event_base *base)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(at);

    memset(f, 0, sizeof(*f));
    f->replies[0] = "+PONG\r\n";
    f->listener = evconnlistener_new_bind(base, on_accept, f, LEV_OPT_CLOSE_ON_FREE, -1,
                                          (struct sockaddr *)&at, sizeof(at));
    cr_assert_not_null(f->listener);
    cr_assert_eq(getsockname(evconnlistener_get_fd(f->listener), (struct sockaddr *)&at, &size),
                 0);
    f->port = ntohs(at.sin_port);
    snprintf(f->url, sizeof(f->url), "redis://127.0.0.1:%d", f->port);
}

void fake_redis_stop(struct fake_redis *f)
{
    fake_redis_hang_up(f);
    evconnlistener_free(f->listener);
    if (f->port != 0)
        return;
    unlink(f->url + strlen("unix://"));
    rmdir(f->dir);
}
