/* sockets.c - one event per socket, registered as rarely as possible.
 *
 * curl asks for POLL_IN at the start of every exchange and for nothing at its end.  Followed to
 * the letter that is two epoll_ctl calls per request.  Here the registration stays: "nothing"
 * is only noted, and the event is deleted when it fires unwanted (a paused transfer) and kept
 * when the socket is idle, where it doubles as the watch on stray bytes. */
#include "upstream/sockets.h"

#include "base/base.h"
#include "base/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct sock {
    struct event event;
    struct upstream_sockets *table;
    const void *user; /* whose exchange runs here */
    short have, want; /* EV_READ | EV_WRITE registered, asked for */
    bool ours, idle;
};

struct upstream_sockets {
    struct event_base *base;
    upstream_sockets_ready ready;
    void *arg;
    struct sock *
        *by_fd; /* index: descriptor; entries are kept for the descriptor's next life */
    size_t n;
};

struct upstream_sockets *upstream_sockets_new(struct event_base *base,
                                              upstream_sockets_ready ready, void *arg)
{
    struct upstream_sockets *t = xcalloc(1, sizeof(*t));

    t->base = base;
    t->ready = ready;
    t->arg = arg;
    return t;
}

static void register_for(struct sock *s, int fd, short what);

void upstream_sockets_free(struct upstream_sockets *t)
{
    if (t == NULL)
        return;
    for (size_t fd = 0; fd < t->n; fd++) {
        if (t->by_fd[fd] != NULL)
            register_for(t->by_fd[fd], (int)fd, 0);
        free(t->by_fd[fd]);
    }
    free(t->by_fd);
    free(t);
}

static struct sock *find(struct upstream_sockets *t, int fd)
{
    return fd >= 0 && (size_t)fd < t->n ? t->by_fd[fd] : NULL;
}

static struct sock *get(struct upstream_sockets *t, int fd)
{
    if ((size_t)fd >= t->n) { /* bounded by RLIMIT_NOFILE */
        size_t n = ((size_t)fd + 64) / 64 * 64 + 64;

        t->by_fd = xrealloc(t->by_fd, n * sizeof(*t->by_fd));
        memset(t->by_fd + t->n, 0, (n - t->n) * sizeof(*t->by_fd));
        t->n = n;
    }
    if (t->by_fd[fd] == NULL) {
        t->by_fd[fd] = xcalloc(1, sizeof(struct sock));
        t->by_fd[fd]->table = t;
    }
    return t->by_fd[fd];
}

/* The answer on fd was complete and more came: nothing on this connection can be trusted.
 * Unread bytes would make curl's peek say "alive", so they go first; a peer that keeps sending
 * is reset by the kernel once both directions are shut. */
static void spoil(struct sock *s, int fd)
{
    char sink[4096];

    s->idle = false;
    register_for(s, fd, 0);
    shutdown(fd, SHUT_RDWR);
    for (int i = 0; i < 64 && recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0; i++)
        ;
}

static bool has_stray_input(int fd)
{
    char byte;

    return recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
           (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void on_sock_event(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;

    what &= (short)(EV_READ | EV_WRITE);
    if ((what & s->want) != 0) {
        s->table->ready(s->table->arg, fd, (what & s->want & EV_READ) != 0,
                        (what & s->want & EV_WRITE) != 0);
        return; /* s may serve another connection by now */
    }
    if (!s->idle)
        register_for(s, fd, s->want);
    else if (has_stray_input(fd)) /* it may have been answered and read since epoll said so */
        spoil(s, fd);
}

static void register_for(struct sock *s, int fd, short what)
{
    if (s->have == what)
        return;
    if (s->have != 0)
        event_del(&s->event);
    s->have = what;
    if (what == 0)
        return;
    event_assign(&s->event, s->table->base, fd, (short)(what | EV_PERSIST), on_sock_event, s);
    loop_event_add(&s->event, NULL);
}

int upstream_sockets_open(struct upstream_sockets *t, int family, int type, int protocol)
{
    int fd = socket(family, type | SOCK_CLOEXEC, protocol);

    if (fd >= 0) {
        struct sock *s = get(t, fd);

        register_for(s, fd, 0);
        s->user = NULL;
        s->want = 0;
        s->ours = true;
        s->idle = false;
    }
    return fd;
}

int upstream_sockets_close(struct upstream_sockets *t, int fd)
{
    struct sock *s = find(t, fd);

    if (s != NULL) {
        register_for(s, fd, 0);
        s->user = NULL;
        s->want = 0;
        s->ours = s->idle = false;
    }
    return close(fd);
}

void upstream_sockets_want(struct upstream_sockets *t, int fd, bool read, bool write)
{
    struct sock *s = get(t, fd);

    s->want = (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0));
    if (s->want != 0) {
        s->idle = false;
        register_for(s, fd, s->want);
    } else if (!s->ours || (s->have & EV_WRITE) != 0) {
        register_for(s, fd, 0); /* closed behind our back later, or writable: it would spin */
    }
}

void upstream_sockets_use(struct upstream_sockets *t, int fd, const void *user)
{
    struct sock *s = find(t, fd);

    if (s != NULL && s->ours)
        s->user = user;
}

void upstream_sockets_done(struct upstream_sockets *t, int fd, const void *user)
{
    struct sock *s = find(t, fd);

    if (s == NULL || !s->ours || s->user != user || s->want != 0)
        return;
    s->user = NULL;
    s->idle = true;
    if (has_stray_input(fd))
        spoil(s, fd);
    else
        register_for(s, fd, EV_READ);
}
