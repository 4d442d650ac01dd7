/* test_dial.c - every kind of address, refusals, and a name server that answers or not.
 */
#include "redis/dial.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <event2/dns.h>
#include <event2/dns_struct.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct dialed {
    struct redis_dial *dial;
    int calls, fd;
    char why[256];
};

static void on_dialed(void *arg, int fd, const char *why)
{
    struct dialed *d = arg;

    d->calls++;
    d->fd = fd;
    snprintf(d->why, sizeof(d->why), "%s", why == NULL ? "" : why);
    redis_dial_free(d->dial); /* must be safe in here */
    d->dial = NULL;
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *at,
                      int size, void *arg)
{
    (void)l, (void)at, (void)size, (void)arg;
    close(fd);
}

static struct evconnlistener *listen_v4(struct event_base *base, int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    struct evconnlistener *l = evconnlistener_new_bind(
        base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&at, sizeof(at));

    cr_assert_not_null(l);
    cr_assert_eq(getsockname(evconnlistener_get_fd(l), (struct sockaddr *)&at, &len), 0);
    *port = ntohs(at.sin_port);
    return l;
}

/* A socket that is bound and silent: a name server that never answers. */
static int bind_udp(char nameserver[32])
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);

    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    snprintf(nameserver, 32, "127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

/* "redis.test" is 127.0.0.2, where nobody listens, and 127.0.0.1; nothing else exists. */
static void on_query(struct evdns_server_request *req, void *arg)
{
    static const unsigned char addresses[] = {127, 0, 0, 2, 127, 0, 0, 1};
    bool known = req->nquestions == 1 && strcasecmp(req->questions[0]->name, "redis.test") == 0;

    (void)arg;
    if (known && req->questions[0]->type == EVDNS_TYPE_A)
        evdns_server_request_add_a_reply(req, "redis.test", 2, addresses, 60);
    evdns_server_request_respond(req, known ? 0 : DNS_ERR_NOTEXIST);
}

static void wait_for(struct event_base *base, const struct dialed *d)
{
    int64_t end_ms = clock_mono_ms() + 30000;
    struct timeval tick = {.tv_usec = 20000};

    while (d->calls == 0) {
        cr_assert(clock_mono_ms() < end_ms, "waited 30 s in vain");
        event_base_loopexit(base, &tick);
        event_base_loop(base, EVLOOP_ONCE);
    }
}

/* clang-format off */
static const struct {
    const char *name, *host, *why;
    unsigned first;
    bool v4_port_closed;
} rows[] = {
    {"number",                        "127.0.0.1",  "", 0, false},
    {"localhost",                     "localhost",  "", 0, false},
    {"localhost, ::1 first refused",  "LocalHost",  "", 1, false},
    {"refused",                       "127.0.0.1",  "cannot connect: Connection refused", 0, true},
    {"name, first address refused",   "redis.test", "", 0, false},
    {"name, second address first",    "redis.test", "", 1, false},
    {"name, large count of tries",    "redis.test", "", 4294967295u, false},
    {"name, all refused",             "redis.test", "cannot connect: Connection refused", 0, true},
    {"unknown name",                  "nobody.test", "the name cannot be resolved: ", 0, false},
};
/* clang-format on */

Test(redis_dial, addresses)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct event_base *base = event_base_new();
        struct redis_url url = {0};
        struct dialed d = {.fd = -1};
        char nameserver[32];
        int udp = bind_udp(nameserver);
        struct evdns_server_port *dns =
            evdns_add_server_port_with_base(base, udp, 0, on_query, NULL);
        struct evconnlistener *l = listen_v4(base, &url.port);

        if (rows[i].v4_port_closed)
            evconnlistener_free(l);
        snprintf(url.host, sizeof(url.host), "%s", rows[i].host);
        d.dial = redis_dial_new(base, &url, nameserver, rows[i].first, on_dialed, &d);
        cr_expect_eq(d.calls, 0, "row '%s': called back inside", rows[i].name);
        wait_for(base, &d);
        event_base_loop(base, EVLOOP_NONBLOCK);
        cr_expect_eq(d.calls, 1, "row '%s'", rows[i].name);
        cr_expect_eq(d.fd >= 0, rows[i].why[0] == '\0', "row '%s': %s", rows[i].name, d.why);
        cr_expect_eq(strncmp(d.why, rows[i].why, strlen(rows[i].why)), 0, "row '%s': %s",
                     rows[i].name, d.why);
        if (d.fd >= 0)
            close(d.fd);
        if (!rows[i].v4_port_closed)
            evconnlistener_free(l);
        evdns_close_server_port(dns);
        close(udp);
        event_base_loop(base, EVLOOP_NONBLOCK);
        event_base_free(base);
    }
}

Test(redis_dial, freed_while_the_name_server_is_silent)
{
    struct event_base *base = event_base_new();
    struct redis_url url = {.host = "redis.test", .port = 1};
    struct timeval some = {.tv_usec = 50000};
    struct dialed d = {.fd = -1};
    char nameserver[32], query[512];
    int udp = bind_udp(nameserver);

    d.dial = redis_dial_new(base, &url, nameserver, 0, on_dialed, &d);
    event_base_loopexit(base, &some);
    event_base_dispatch(base);
    cr_expect(recv(udp, query, sizeof(query), 0) > 0, "it was asked");
    cr_expect_eq(d.calls, 0);
    redis_dial_free(d.dial);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_base_loop(base, EVLOOP_NONBLOCK);
    cr_expect_eq(d.calls, 0);
    close(udp);
    event_base_free(base);
}

Test(redis_dial, unix_sockets_that_are_not)
{
    struct event_base *base = event_base_new();
    struct redis_url url = {.host = "/nonexistent/sock", .is_unix = true};
    struct dialed d = {.fd = -1};

    d.dial = redis_dial_new(base, &url, NULL, 0, on_dialed, &d);
    wait_for(base, &d);
    cr_expect_str_eq(d.why, "cannot connect: No such file or directory");

    d.calls = 0; /* freed before its first step */
    redis_dial_free(redis_dial_new(base, &url, NULL, 0, on_dialed, &d));
    event_base_loop(base, EVLOOP_NONBLOCK);
    cr_expect_eq(d.calls, 0);
    event_base_free(base);
}
