/* listener.c - accepting connections; listener.h has the contract.
 *
 * PAUSES  When descriptors run out, accept(2) fails and the socket stays readable: a loop that
 * goes on asking spins.  So accepting stops for 100 ms, and one line is logged per episode; an
 * episode is over after 5 s without trouble, because each closed connection lets one accept
 * through and the next one fails again.  With connections_max reached accepting stops until one
 * closes.  Meanwhile new clients wait in the kernel's backlog.
 */
#include "http/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "http/http1_connection.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG         1024 /* the kernel cuts it to net.core.somaxconn */
#define ACCEPTS_A_TURN  64
#define RESUME_MS       100
#define EPISODE_OVER_MS 5000
#define STILL_MS        250 /* a client that has not moved for that long is given up first */

struct node { /* one open connection */
    struct node *next, **link;
    struct listener *listener;
    struct http1_connection *conn;
};

struct source { /* a socket that clients come from */
    struct source *next;
    struct event *acceptable;
    int fd;
};

struct listener {
    struct event_base *base;
    struct source *sources;
    struct event *resume;
    int connections_max;
    const struct http_limits *limits;
    const struct exchange_handler *handler;
    struct node *nodes;
    size_t n_nodes;
    int64_t quiet_after_ms; /* trouble before this time belongs to the logged episode */
    bool accepting, draining;
};

static const struct log_ctx log_listener = {.where = "listener"};

/* ---- the socket -------------------------------------------------------------------------- */

/* Splits "host:port"; host "" for all addresses. */
static int split(const char *addr, char *host, size_t cap, char *port, size_t port_cap,
                 struct err *err)
{
    const char *colon = strrchr(addr, ':');
    uint64_t n;

    if (colon == NULL || !str_to_u64(str_of(colon + 1), &n) || n > 65535)
        return err_set(
            err, ERR_SYNTAX,
            "address '%s' is not HOST:PORT, [IPV6]:PORT or :PORT with a port in 0..65535",
            addr);
    struct str h = {addr, (size_t)(colon - addr)};

    if (h.len >= 2 && h.ptr[0] == '[' && h.ptr[h.len - 1] == ']')
        h = (struct str){h.ptr + 1, h.len - 2};
    else if (memchr(h.ptr, ':', h.len) != NULL)
        return err_set(err, ERR_SYNTAX, "address '%s': an IPv6 host is written in brackets",
                       addr);
    if (h.len >= cap)
        return err_set(err, ERR_RANGE, "address '%s': the host is too long", addr);
    snprintf(host, cap, STR_FMT, STR_ARG(h));
    snprintf(port, port_cap, "%llu", (unsigned long long)n);
    return 0;
}

static int bind_one(const struct addrinfo *ai, bool reuse_port)
{
    int on = 1, off = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (ai->ai_family == AF_INET6) /* ":port" means both families; an address means itself */
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, ai->ai_flags & AI_PASSIVE ? &off : &on,
                   sizeof(on));
    if ((!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0) &&
        bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int saved = errno;

    close(fd);
    errno = saved;
    return -1;
}

/* ":port": one socket for both families, or IPv4 alone where the host has no IPv6. */
static int bind_any(const char *port, bool reuse_port)
{
    in_port_t n = htons((in_port_t)strtoul(port, NULL, 10));
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = n};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = n};
    struct addrinfo ai = {.ai_family = AF_INET6,
                          .ai_flags = AI_PASSIVE,
                          .ai_addr = (struct sockaddr *)&six,
                          .ai_addrlen = sizeof(six)};
    int fd = bind_one(&ai, reuse_port);

    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
        return fd;
    ai.ai_family = AF_INET;
    ai.ai_addr = (struct sockaddr *)&four;
    ai.ai_addrlen = sizeof(four);
    return bind_one(&ai, reuse_port);
}

int listener_bind(const char *addr, bool reuse_port, struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    char host[256] = "", port[8] = "";
    int fd = -1, rc;

    if (split(addr, host, sizeof(host), port, sizeof(port), err) < 0)
        return -1;
    if (host[0] == '\0') {
        fd = bind_any(port, reuse_port);
    } else {
        rc = getaddrinfo(host, port, &hints, &list);
        if (rc != 0)
            return err_set(err, ERR_IO, "cannot listen on '%s': %s", addr, gai_strerror(rc));
        for (struct addrinfo *ai = list; ai != NULL && fd < 0; ai = ai->ai_next)
            fd = bind_one(ai, reuse_port);
    }
    if (fd < 0)
        err_set(err, ERR_IO, "cannot listen on '%s': %s", addr, strerror(errno));
    if (list != NULL)
        freeaddrinfo(list);
    return fd;
}

/* A close would leave others' copies listening, and clients in a queue that nobody takes. */
void listener_close(int fd)
{
    shutdown(fd, SHUT_RD);
}

/* ---- connections ------------------------------------------------------------------------- */

static void start(struct listener *l)
{
    if (l->accepting || l->draining)
        return;
    l->accepting = true;
    for (struct source *s = l->sources; s != NULL; s = s->next)
        loop_event_add(s->acceptable, NULL);
}

static void stop(struct listener *l)
{
    l->accepting = false;
    for (struct source *s = l->sources; s != NULL; s = s->next)
        event_del(s->acceptable);
}

static void on_listener_resume(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    start(arg);
}

/* Stops accepting; said once per episode. */
static void pause_accept(struct listener *l, const char *why)
{
    int64_t now_ms = clock_mono_ms();

    if (now_ms >= l->quiet_after_ms)
        log_at(LOG_WARN, &log_listener, "not accepting for now connections=%zu reason=\"%s\"",
               l->n_nodes, why);
    l->quiet_after_ms = now_ms + EPISODE_OVER_MS;
    stop(l);
}

static void on_conn_closed(void *arg)
{
    struct node *n = arg;
    struct listener *l = n->listener;

    *n->link = n->next;
    if (n->next != NULL)
        n->next->link = n->link;
    l->n_nodes--;
    free(n);
    if (!event_pending(l->resume, EV_TIMEOUT, NULL)) /* out of descriptors: the timer's turn */
        start(l);
}

/* -1: there is no memory for one more, and fd is closed. */
static MUST_CHECK int add_conn(struct listener *l, int fd)
{
    struct node *n = calloc(1, sizeof(*n));
    struct http1_connection *c =
        n != NULL ? http1_connection_new(l->base, fd, l->limits, l->handler) : NULL;

    if (c == NULL) {
        free(n);
        close(fd);
        return -1;
    }
    n->listener = l;
    n->next = l->nodes;
    n->link = &l->nodes;
    if (n->next != NULL)
        n->next->link = &n->next;
    l->nodes = n;
    l->n_nodes++;
    n->conn = c;
    http1_connection_set_closed(n->conn, on_conn_closed, n);
    return 0;
}

static void on_listener_acceptable(evutil_socket_t fd, short what, void *arg)
{
    static const struct timeval resume = {.tv_usec = RESUME_MS * 1000L};
    struct listener *l = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN && l->accepting; i++) {
        if (l->n_nodes >= (size_t)l->connections_max) {
            pause_accept(l, "connections_max is reached");
            return;
        }
        int conn = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (conn >= 0) {
            if (add_conn(l, conn) == 0)
                continue;
            pause_accept(l, strerror(ENOMEM));
            loop_event_add(l->resume, &resume);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_accept(l, strerror(errno));
            loop_event_add(l->resume, &resume);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno == EINVAL) { /* listener_close: nobody will come any more */
            stop(l);
        } else if (errno != EINTR && errno != ECONNABORTED && errno != EPROTO &&
                   errno != EPERM) {
            pause_accept(l, strerror(errno)); /* not known; whatever it is, do not spin */
            loop_event_add(l->resume, &resume);
        }
    }
}

struct listener *listener_new(struct event_base *base, int fd, int connections_max,
                              const struct http_limits *limits,
                              const struct exchange_handler *handler)
{
    struct listener *l = xcalloc(1, sizeof(*l));

    assert(connections_max >= 1);
    l->base = base;
    l->connections_max = connections_max;
    l->limits = limits;
    l->handler = handler;
    l->resume = loop_timer_new(base, on_listener_resume, l);
    start(l);
    listener_add(l, fd);
    return l;
}

/* Where the source of fd hangs, or the end of the list. */
static struct source **find_source(struct listener *l, int fd)
{
    struct source **at = &l->sources;

    while (*at != NULL && (*at)->fd != fd)
        at = &(*at)->next;
    return at;
}

void listener_add(struct listener *l, int fd)
{
    struct source **at = find_source(l, fd), *s;

    if (*at != NULL)
        return;
    s = xcalloc(1, sizeof(*s));
    s->fd = fd;
    s->acceptable =
        loop_event_new(l->base, fd, EV_READ | EV_PERSIST, on_listener_acceptable, l);
    *at = s;
    if (l->accepting)
        loop_event_add(s->acceptable, NULL);
}

void listener_remove(struct listener *l, int fd)
{
    struct source **at = find_source(l, fd), *s = *at;

    if (s == NULL)
        return;
    *at = s->next;
    event_free(s->acceptable);
    free(s);
}

bool listener_is_accepting(const struct listener *l)
{
    return l->accepting;
}

void listener_drain(struct listener *l)
{
    l->draining = true;
    stop(l);
    event_del(l->resume);
    for (struct node *n = l->nodes; n != NULL; n = n->next)
        http1_connection_drain(
            n->conn); /* closes from the event loop: the list stays as it is */
}

struct holder {
    struct http1_connection *conn;
    size_t bytes;
    double byte_ms;
};

static int by_byte_ms(const void *a, const void *b)
{
    const struct holder *x = a, *y = b;

    return x->byte_ms > y->byte_ms ? -1 : x->byte_ms < y->byte_ms;
}

size_t listener_shed(struct listener *l, size_t wanted_bytes)
{
    struct holder *list = xcalloc(l->n_nodes + 1, sizeof(*list));
    int64_t now_ms = clock_mono_ms();
    size_t n = 0, shed = 0;

    for (struct node *node = l->nodes; node != NULL; node = node->next) {
        size_t bytes = http1_connection_held_bytes(node->conn);
        int64_t still_ms = bytes > 0 ? http1_connection_still_ms(node->conn, now_ms) : 0;

        if (still_ms >= STILL_MS)
            list[n++] = (struct holder){node->conn, bytes, (double)bytes * (double)still_ms};
    }
    qsort(list, n, sizeof(*list), by_byte_ms);
    for (size_t freed = 0; shed < n && freed < wanted_bytes; shed++) {
        freed += list[shed].bytes;
        http1_connection_shed(
            list[shed].conn); /* from the event loop: the list stays as it is */
    }
    free(list);
    return shed;
}

size_t listener_connections(const struct listener *l)
{
    return l->n_nodes;
}

void listener_free(struct listener *l)
{
    if (l == NULL)
        return;
    l->draining = true;
    while (l->nodes != NULL)
        http1_connection_free(l->nodes->conn);
    while (l->sources != NULL)
        listener_remove(l, l->sources->fd);
    event_free(l->resume);
    free(l);
}
