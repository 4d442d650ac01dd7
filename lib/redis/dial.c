/* dial.c - from an address to a connected socket, without ever blocking the loop.
 *
 *   number, localhost, unix ------------------+
 *   name --> lookup (evdns) --> addresses ----+--> connect to each in turn --> fd
 *
 * Every step runs from one event, so nothing calls back inside redis_dial_new.
 *
 * WHY NOT bufferevent_socket_connect_hostname  It takes the first address and gives up, which
 * is ::1 for many a localhost while Redis listens on 127.0.0.1 only.
 *
 * A LOOKUP OUTLIVES ITS DIAL  evdns answers a cancelled request from the loop, later, and reads
 * its evdns_base then.  So a lookup is left behind with no owner, and frees itself, from a
 * round of the loop of its own, once evdns has let go of it.
 */
#include "redis/dial.h"

#include "base/base.h"
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ADDRESSES_MAX 8

struct lookup {
    struct event_base *base;
    struct evdns_base *dns;
    struct evdns_getaddrinfo_request *req; /* NULL once answered */
    struct redis_dial *owner;              /* NULL once abandoned */
};

struct redis_dial {
    struct redis_url url; /* no login in it */
    struct event_base *base;
    redis_dial_cb *cb;
    void *arg;
    struct event *step;  /* activated: go on */
    struct event *ready; /* the socket became writable; NULL: none is connecting */
    int fd;
    struct lookup *lookup;
    struct sockaddr_storage addresses[ADDRESSES_MAX];
    socklen_t sizes[ADDRESSES_MAX];
    unsigned n, tried, first;
    char why[160]; /* what the last address, or the lookup, failed with */
};

static void add_address(struct redis_dial *d, const struct sockaddr *at, socklen_t size)
{
    if (d->n == ADDRESSES_MAX || size > sizeof(d->addresses[0]))
        return;
    memcpy(&d->addresses[d->n], at, size);
    d->sizes[d->n++] = size;
}

static void add_unix(struct redis_dial *d)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    assert(strlen(d->url.host) < sizeof(at.sun_path)); /* redis_url_parse has seen to it */
    memcpy(at.sun_path, d->url.host, strlen(d->url.host) + 1);
    add_address(d, (struct sockaddr *)&at, sizeof(at));
}

/* With AI_NUMERICHOST nobody is asked and nothing waits. */
static void add_number(struct redis_dial *d, const char *number)
{
    struct evutil_addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                    .ai_flags = EVUTIL_AI_NUMERICHOST | EVUTIL_AI_NUMERICSERV};
    struct evutil_addrinfo *list = NULL;
    char port[16];

    snprintf(port, sizeof(port), "%d", d->url.port);
    if (evutil_getaddrinfo(number, port, &hints, &list) == 0 && list != NULL)
        add_address(d, list->ai_addr, (socklen_t)list->ai_addrlen);
    if (list != NULL)
        evutil_freeaddrinfo(list);
}

/* Once per dial; the dial may be gone afterwards. */
static void finish(struct redis_dial *d, int fd, const char *why)
{
    d->cb(d->arg, fd, why);
}

static void close_socket(struct redis_dial *d)
{
    if (d->ready != NULL)
        event_free(d->ready);
    d->ready = NULL;
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

static void give_fd(struct redis_dial *d)
{
    int fd = d->fd, on = 1;

    if (!d->url.is_unix) { /* a refusal of either option costs speed, not correctness */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    }
    d->fd = -1;
    close_socket(d);
    finish(d, fd, NULL);
}

static void address_failed(struct redis_dial *d, int error)
{
    close_socket(d);
    snprintf(d->why, sizeof(d->why), "cannot connect: %s", strerror(error));
    event_active(d->step, 0, 0);
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct redis_dial *d = arg;
    int error = 0;
    socklen_t size = sizeof(error);

    (void)what;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        error = errno;
    if (error != 0)
        address_failed(d, error);
    else
        give_fd(d);
}

static void connect_next(struct redis_dial *d)
{
    unsigned i = (d->first + d->tried++) % d->n;
    const struct sockaddr *at = (const struct sockaddr *)&d->addresses[i];

    d->fd = socket(at->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (d->fd < 0) {
        address_failed(d, errno);
        return;
    }
    /* EAGAIN is a unix socket whose backlog is full: that is no connection in progress. */
    if (connect(d->fd, at, d->sizes[i]) < 0 && errno != EINPROGRESS) {
        address_failed(d, errno);
        return;
    }
    d->ready = loop_event_new(d->base, d->fd, EV_WRITE, on_ready, d);
    loop_event_add(d->ready, NULL);
}

static void on_lookup_end(evutil_socket_t fd, short what, void *arg)
{
    struct lookup *look = arg;

    (void)fd, (void)what;
    evdns_base_free(look->dns, 0);
    free(look);
}

static void on_addresses(int result, struct evutil_addrinfo *list, void *arg)
{
    static const struct timeval at_once;
    struct lookup *look = arg;
    struct redis_dial *d = look->owner;

    look->req = NULL;
    look->owner = NULL;
    if (d != NULL) {
        d->lookup = NULL;
        for (struct evutil_addrinfo *ai = list; result == 0 && ai != NULL; ai = ai->ai_next)
            add_address(d, ai->ai_addr, (socklen_t)ai->ai_addrlen);
        if (d->n == 0)
            snprintf(d->why, sizeof(d->why), "the name cannot be resolved: %s",
                     result != 0 ? evutil_gai_strerror(result) : "it has no address");
        event_active(d->step, 0, 0);
    }
    if (list != NULL)
        evutil_freeaddrinfo(list);
    if (event_base_once(look->base, -1, EV_TIMEOUT, on_lookup_end, look, &at_once) < 0)
        base_out_of_memory("an event", event_get_struct_event_size());
}

/* An evdns_base per lookup: /etc/resolv.conf and /etc/hosts may have changed since the last. */
static struct evdns_base *new_resolver(struct event_base *base, const char *nameserver)
{
    struct evdns_base *dns =
        evdns_base_new(base, nameserver == NULL ? EVDNS_BASE_INITIALIZE_NAMESERVERS : 0);

    if (dns == NULL)
        return NULL;
    if (nameserver != NULL && evdns_base_nameserver_ip_add(dns, nameserver) != 0) {
        evdns_base_free(dns, 0);
        return NULL;
    }
    /* One family's answer does not wait 3 s for the other's; mixed case irritates some servers.
     */
    (void)evdns_base_set_option(dns, "getaddrinfo-allow-skew:", "0.3");
    (void)evdns_base_set_option(dns, "randomize-case:", "0");
    (void)evdns_base_set_option(dns, "timeout:", "1");
    return dns;
}

static void start_lookup(struct redis_dial *d, const char *nameserver)
{
    struct evutil_addrinfo hints = {.ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP,
                                    .ai_flags = EVUTIL_AI_ADDRCONFIG};
    struct evdns_base *dns = new_resolver(d->base, nameserver);
    struct evdns_getaddrinfo_request *req;
    char port[16];

    if (dns == NULL) {
        snprintf(d->why, sizeof(d->why), "the name cannot be resolved: no resolver");
        event_active(d->step, 0, 0);
        return;
    }
    struct lookup *look = xcalloc(1, sizeof(*look));

    *look = (struct lookup){.base = d->base, .dns = dns, .owner = d};
    d->lookup = look;
    snprintf(port, sizeof(port), "%d", d->url.port);
    /* May call on_addresses at once (a name in /etc/hosts) and returns NULL then. */
    req = evdns_getaddrinfo(dns, d->url.host, port, &hints, on_addresses, look);
    if (d->lookup != NULL)
        d->lookup->req = req;
}

static void on_step(evutil_socket_t fd, short what, void *arg)
{
    struct redis_dial *d = arg;

    (void)fd, (void)what;
    if (d->tried < d->n)
        connect_next(d);
    else
        finish(d, -1, d->why);
}

struct redis_dial *redis_dial_new(struct event_base *base, const struct redis_url *url,
                                  const char *nameserver, unsigned first, redis_dial_cb *cb,
                                  void *arg)
{
    struct redis_dial *d = xcalloc(1, sizeof(*d));

    d->url = *url;
    memset(d->url.user, 0, sizeof(d->url.user));
    explicit_bzero(d->url.password, sizeof(d->url.password));
    d->base = base;
    d->cb = cb;
    d->arg = arg;
    d->first = first;
    d->fd = -1;
    d->step = loop_timer_new(base, on_step, d);
    if (url->is_unix) {
        add_unix(d);
    } else if (strcasecmp(url->host, "localhost") == 0) {
        add_number(d, "127.0.0.1");
        add_number(d, "::1");
    } else {
        add_number(d, url->host);
    }
    if (d->n > 0)
        event_active(d->step, 0, 0);
    else
        start_lookup(d, nameserver);
    return d;
}

void redis_dial_free(struct redis_dial *d)
{
    if (d == NULL)
        return;
    if (d->lookup != NULL) {
        d->lookup->owner = NULL; /* on_addresses frees it */
        if (d->lookup->req != NULL)
            evdns_getaddrinfo_cancel(d->lookup->req);
    }
    close_socket(d);
    event_free(d->step);
    free(d);
}
