/* upstream_server.c - upstream_server.h says what it is. */
#include "upstream_server.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct peer {
    struct upstream_server *server;
    struct bufferevent *bev;
    bool endless;
    struct peer *next;
};

static void drop(struct peer *p)
{
    struct peer **at = &p->server->peers;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    p->server->closed++;
    bufferevent_free(p->bev);
    free(p);
}

static void reset(struct peer *p)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};

    setsockopt(bufferevent_getfd(p->bev), SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    drop(p);
}

/* Bytes of the first complete request in data, 0 when there is none yet. */
static size_t request_length(const char *data, size_t len)
{
    if (len == 0)
        return 0;
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    const char *size = memmem(data, len, "Content-Length: ", 16);
    size_t need;

    if (end == NULL)
        return 0;
    need = (size_t)(end - data) + 4;
    if (size != NULL && size < end)
        need += strtoul(size + 16, NULL, 10);
    return need <= len ? need : 0;
}

static void on_peer_written(struct bufferevent *bev, void *arg)
{
    static const char block[16384];
    struct peer *p = arg;

    if (!p->endless)
        return;
    p->server->sent += sizeof(block);
    bufferevent_write(bev, block, sizeof(block));
}

static void on_peer_flushed(struct bufferevent *bev, void *arg)
{
    (void)bev;
    drop(arg);
}

static void on_peer_flushed_reset(struct bufferevent *bev, void *arg)
{
    (void)bev;
    reset(arg);
}

static void on_peer_event(struct bufferevent *bev, short what, void *arg)
{
    (void)bev;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        drop(arg);
}

/* false: the connection is on its way out. */
static bool reply(struct peer *p)
{
    struct upstream_server *s = p->server;
    size_t i = (size_t)s->requests < s->n_answers ? (size_t)s->requests : s->n_answers - 1;
    const struct answer *a = &s->answers[i];
    size_t len = a->len > 0 ? a->len : strlen(a->bytes);

    s->requests++;
    bufferevent_write(p->bev, a->bytes, len);
    if (a->after == ENDLESS)
        p->endless = true;
    if (a->after == CLOSE || a->after == RESET) {
        bufferevent_data_cb done = a->after == CLOSE ? on_peer_flushed : on_peer_flushed_reset;

        if (len == 0) {
            a->after == CLOSE ? drop(p) : reset(p);
            return false;
        }
        bufferevent_setcb(p->bev, NULL, done, on_peer_event, p);
        return false;
    }
    return true;
}

static void on_peer_data(struct bufferevent *bev, void *arg)
{
    struct peer *p = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    size_t len;

    while ((len = request_length((const char *)evbuffer_pullup(in, -1),
                                 evbuffer_get_length(in))) > 0) {
        cr_assert_eq(buf_append(&p->server->seen, evbuffer_pullup(in, -1), len), 0);
        evbuffer_drain(in, len);
        if (!reply(p))
            return;
    }
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int n,
                      void *arg)
{
    struct upstream_server *s = arg;
    struct peer *p = xcalloc(1, sizeof(*p));

    (void)l, (void)sa, (void)n;
    s->accepted++;
    p->server = s;
    p->bev = bufferevent_socket_new(s->base, fd, BEV_OPT_CLOSE_ON_FREE);
    p->next = s->peers;
    s->peers = p;
    bufferevent_setcb(p->bev, on_peer_data, on_peer_written, on_peer_event, p);
    bufferevent_enable(p->bev, EV_READ | EV_WRITE);
}

void upstream_server_start(struct upstream_server *s, struct event_base *base,
                           const struct answer *answers, size_t n_answers)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);

    memset(s, 0, sizeof(*s));
    s->base = base;
    s->answers = answers;
    s->n_answers = n_answers;
    buf_init(&s->seen, 16 << 20);
    s->listener = evconnlistener_new_bind(base, on_accept, s, LEV_OPT_CLOSE_ON_FREE, 128,
                                          (struct sockaddr *)&sin, sizeof(sin));
    cr_assert_not_null(s->listener);
    cr_assert_eq(getsockname(evconnlistener_get_fd(s->listener), (struct sockaddr *)&sin, &len),
                 0);
    s->port = ntohs(sin.sin_port);
}

void upstream_server_close_all(struct upstream_server *s)
{
    while (s->peers != NULL)
        drop(s->peers);
}

void upstream_server_reset_all(struct upstream_server *s)
{
    while (s->peers != NULL)
        reset(s->peers);
}

void upstream_server_say_all(struct upstream_server *s, const char *bytes)
{
    for (struct peer *p = s->peers; p != NULL; p = p->next)
        bufferevent_write(p->bev, bytes, strlen(bytes));
}

void upstream_server_stop(struct upstream_server *s)
{
    upstream_server_close_all(s);
    evconnlistener_free(s->listener);
    buf_release(&s->seen);
}
