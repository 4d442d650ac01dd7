/* test_listener.c - addresses, slots, descriptors, drain. */
#include "http/listener.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/http1_connection_impl.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static int port_of(int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);

    cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    return ntohs(at.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&at)->sin6_port
                                          : ((struct sockaddr_in *)&at)->sin_port);
}

static int try_connect(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((in_port_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

Test(listener, bad_addresses_are_named)
{
    static const char *const rows[] = {
        "",       "localhost",      "1.2.3.4:",     "1.2.3.4:65536",
        "::1:80", "127.0.0.1:http", "127.0.0.1:-1", ":80x"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};

        cr_expect_eq(listener_bind(rows[i], false, &err), -1, "'%s'", rows[i]);
        cr_expect_not_null(strstr(err.msg, rows[i]), "'%s': %s", rows[i], err.msg);
    }
}

Test(listener, good_addresses_listen)
{
    static const char *const rows[] = {"127.0.0.1:0", "[::1]:0", ":0", "localhost:0"};
    int six = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 lo = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_six = six >= 0 && bind(six, (struct sockaddr *)&lo, sizeof(lo)) == 0;

    if (six >= 0)
        close(six);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = {0};

        if (rows[i][0] == '[' && !has_six)
            continue;
        int fd = listener_bind(rows[i], false, &err);

        cr_assert_geq(fd, 0, "'%s': %s", rows[i], err.msg);
        cr_expect_gt(port_of(fd), 0);
        cr_expect(fcntl(fd, F_GETFL) & O_NONBLOCK);
        cr_expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
        if (rows[i][0] == ':') { /* all addresses: IPv4 clients get in as well */
            int client = try_connect(port_of(fd));

            cr_expect_geq(client, 0);
            close(client);
        }
        close(fd);
    }
}

Test(listener, a_port_is_shared_only_on_request)
{
    struct err err = {0};
    char addr[32];
    int first = listener_bind("127.0.0.1:0", true, &err);

    snprintf(addr, sizeof(addr), "127.0.0.1:%d", port_of(first));
    int second = listener_bind(addr, true, &err), third = listener_bind(addr, false, &err);

    cr_expect_geq(second, 0, "%s", err.msg);
    cr_expect_eq(third, -1);
    cr_expect_not_null(strstr(err.msg, addr));
    close(first);
    close(second);
}

/* ---- accepting --------------------------------------------------------------------------- */

static int warnings;

static void count_warnings(enum log_level level, const char *line)
{
    warnings += level == LOG_WARN && strstr(line, "not accepting") != NULL;
}

static bool on_head(void *arg, const struct http_head *head, struct http_refusal *r)
{
    (void)arg, (void)head, (void)r;
    return true;
}

static void on_body(void *arg, struct exchange *ex, struct str body)
{
    (void)body;
    ++*(int *)arg;
    exchange_reply(ex, 200, NULL, 0, STR("ok"));
}

static void on_exchange(void *arg, struct exchange *ex)
{
    static const struct exchange_taker taker = {.on_body = on_body};

    exchange_take(ex, &taker, arg);
}

static void format_error(void *arg, const struct http_refusal *r, char *out, size_t cap)
{
    (void)arg;
    snprintf(out, cap, "%d", r->status);
}

static const struct http_limits limits = {8192, 1024, 50,   65536, 256, 65536,
                                          100,  5000, 5000, 5000,  5000};

struct setup {
    struct event_base *base;
    struct listener *l;
    int fd, port, requests;
    struct exchange_handler handler;
};

static void setup(struct setup *s, int connections_max)
{
    struct err err = {0};

    warnings = 0;
    log_set_sink(count_warnings);
    *s = (struct setup){.base = event_base_new()};
    s->handler = (struct exchange_handler){.arg = &s->requests,
                                           .on_head = on_head,
                                           .on_exchange = on_exchange,
                                           .format_error = format_error};
    s->fd = listener_bind("127.0.0.1:0", false, &err);
    cr_assert_geq(s->fd, 0, "%s", err.msg);
    s->port = port_of(s->fd);
    s->l = listener_new(s->base, s->fd, connections_max, &limits, &s->handler);
}

static void teardown(struct setup *s)
{
    listener_free(s->l);
    event_base_free(s->base);
    close(s->fd);
    log_set_sink(NULL);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

/* Turns the loop for ms; returns how often it woke up. */
static int run(struct setup *s, int64_t ms)
{
    int64_t end_ms = clock_mono_ms() + ms, left;
    int turns = 0;

    while ((left = end_ms - clock_mono_ms()) > 0) {
        struct timeval tv = {.tv_usec = left * 1000};

        event_base_once(s->base, -1, EV_TIMEOUT, on_timer, NULL, &tv);
        event_base_loop(s->base, EVLOOP_ONCE);
        turns++;
    }
    return turns;
}

static bool wait_connections(struct setup *s, size_t n)
{
    int64_t end_ms = clock_mono_ms() + 30000;

    while (listener_connections(s->l) != n && clock_mono_ms() < end_ms)
        run(s, 5);
    return listener_connections(s->l) == n;
}

Test(listener, connections_max_is_a_limit_and_a_close_lets_the_next_in)
{
    struct setup s;
    int client[4];

    setup(&s, 3);
    for (int i = 0; i < 4; i++) {
        client[i] = try_connect(s.port);
        cr_assert_geq(client[i], 0, "the backlog takes it");
    }
    cr_expect(wait_connections(&s, 3));
    cr_expect_lt(run(&s, 200), 30, "it spins");
    cr_expect_eq(listener_connections(s.l), 3u);
    cr_expect_eq(warnings, 1);
    cr_expect_gt(send(client[3], "GET / HTTP/1.0\r\n\r\n", 18, 0), 0);
    close(client[0]);
    int64_t end_ms = clock_mono_ms() + 30000;

    while (s.requests == 0 && clock_mono_ms() < end_ms)
        run(&s, 5);
    cr_expect_eq(s.requests, 1, "the fourth was never let in");
    cr_expect_eq(warnings, 1, "one line per episode");
    for (int i = 1; i < 4; i++)
        close(client[i]);
    cr_expect(wait_connections(&s, 0));
    teardown(&s);
}

Test(listener, running_out_of_descriptors_neither_spins_nor_floods)
{
    struct setup s;
    struct rlimit old, low;
    int filler[512], n = 0, clients[3];

    setup(&s, 100);
    for (int i = 0; i < 3; i++)
        clients[i] = try_connect(s.port);
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 256;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    while (n < (int)ARRAY_LEN(filler) && (filler[n] = dup(s.fd)) >= 0)
        n++;
    cr_assert_eq(errno, EMFILE);
    cr_expect_lt(run(&s, 1000), 50, "it spins");
    cr_expect_eq(listener_connections(s.l), 0u);
    cr_expect_eq(warnings, 1, "%d lines", warnings);
    close(filler[--n]); /* one descriptor: one connection, then out again */
    cr_expect(wait_connections(&s, 1));
    run(&s, 300);
    cr_expect_eq(warnings, 1, "%d lines in one episode", warnings);
    while (n > 0)
        close(filler[--n]);
    cr_expect(wait_connections(&s, 3), "it does not recover");
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    for (int i = 0; i < 3; i++)
        close(clients[i]);
    teardown(&s);
}

Test(listener, drain_stops_accepting_and_closes_the_idle)
{
    struct setup s;
    int first, second;

    setup(&s, 10);
    first = try_connect(s.port);
    cr_expect(wait_connections(&s, 1));
    listener_drain(s.l);
    cr_expect(wait_connections(&s, 0));
    second = try_connect(s.port); /* the socket is the supervisor's and still listens */
    run(&s, 50);
    cr_expect_eq(listener_connections(s.l), 0u);
    close(first);
    close(second);
    teardown(&s);
}

Test(listener, a_closed_port_refuses_and_its_connections_go_on)
{
    struct setup s;
    int copy, client, later;
    struct err err = {0};
    char addr[32];

    setup(&s, 10);
    client = try_connect(s.port);
    cr_expect(wait_connections(&s, 1));
    copy = dup(s.fd); /* the supervisor's and each worker's are copies too */
    listener_close(copy);
    cr_expect_eq(try_connect(s.port), -1);
    cr_expect_eq(errno, ECONNREFUSED);
    cr_expect_lt(run(&s, 200), 30, "it spins");
    cr_expect_eq(warnings, 0, "it is no trouble");
    cr_expect_gt(send(client, "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27, 0), 0);
    for (int64_t end_ms = clock_mono_ms() + 30000; s.requests == 0 && clock_mono_ms() < end_ms;)
        run(&s, 5);
    cr_expect_eq(s.requests, 1);
    snprintf(addr, sizeof(addr), "127.0.0.1:%d", s.port);
    later = listener_bind(addr, false, &err);
    cr_expect_geq(later, 0, "a successor may have the port: %s", err.msg);
    close(later);
    close(copy);
    close(client);
    teardown(&s);
}

Test(listener, several_sockets_share_one_bound)
{
    struct setup s;
    struct err err = {0};
    int other, first, second, third, later;

    setup(&s, 2);
    other = listener_bind("127.0.0.1:0", false, &err);
    listener_add(s.l, other);
    listener_add(s.l, other); /* it has it */
    first = try_connect(s.port);
    cr_expect(wait_connections(&s, 1));
    cr_expect(listener_is_accepting(s.l));
    second = try_connect(port_of(other));
    cr_expect(wait_connections(&s, 2));
    third = try_connect(port_of(other));
    cr_expect_lt(run(&s, 200), 30, "it spins");
    cr_expect_eq(listener_connections(s.l), 2u);
    cr_expect_not(listener_is_accepting(s.l));
    close(first);
    close(second);
    cr_expect(wait_connections(&s, 1), "the third is let in");
    listener_remove(s.l, other);
    listener_remove(s.l, other); /* it has not */
    later = try_connect(port_of(other));
    run(&s, 50);
    cr_expect_eq(listener_connections(s.l), 1u);
    first = try_connect(s.port);
    cr_expect(wait_connections(&s, 2), "its own goes on");
    close(first);
    close(third);
    close(later);
    teardown(&s);
    close(other);
}

Test(listener, free_closes_everything)
{
    struct setup s;
    int clients[5];
    char byte;

    setup(&s, 10);
    for (int i = 0; i < 5; i++)
        clients[i] = try_connect(s.port);
    cr_expect(wait_connections(&s, 5));
    teardown(&s);
    for (int i = 0; i < 5; i++) {
        cr_expect_eq(recv(clients[i], &byte, 1, 0), 0);
        close(clients[i]);
    }
}

/* ---- which address a client came to ------------------------------------------------------- */

/* The first address of this host's that others reach, as IPv4; 0: none. */
static in_addr_t outer_address(void)
{
    struct ifaddrs *list = NULL;
    in_addr_t found = 0;

    cr_assert_eq(getifaddrs(&list), 0);
    for (struct ifaddrs *a = list; a != NULL && found == 0; a = a->ifa_next)
        if (a->ifa_addr != NULL && a->ifa_addr->sa_family == AF_INET &&
            (a->ifa_flags & IFF_LOOPBACK) == 0)
            found = ((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr.s_addr;
    freeifaddrs(list);
    return found;
}

/* What a connection from this host to that address, on fd's port, is told of it. */
static bool is_to_loopback(int fd, in_addr_t address)
{
    struct exchange_handler handler = {
        .on_head = on_head, .on_exchange = on_exchange, .format_error = format_error};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port_of(fd)),
                             .sin_addr.s_addr = address};
    int client = socket(AF_INET, SOCK_STREAM, 0), taken = -1;
    struct event_base *base = event_base_new();

    cr_assert_eq(connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
    taken = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    cr_assert_geq(taken, 0);
    struct http1_connection *c = http1_connection_new(base, taken, &limits, &handler);
    bool to_loopback = c->parser.head.to_loopback;

    http1_connection_free(c);
    event_base_free(base);
    close(client);
    return to_loopback;
}

Test(listener, a_connection_knows_whether_it_came_to_loopback)
{
    static const char *const any[] = {":0", "0.0.0.0:0"}; /* mapped into IPv6, and not */
    in_addr_t outer = outer_address();
    struct err err = {0};

    for (size_t i = 0; i < ARRAY_LEN(any); i++) {
        int fd = listener_bind(any[i], false, &err);

        cr_assert_geq(fd, 0, "%s", err.msg);
        cr_expect(is_to_loopback(fd, htonl(INADDR_LOOPBACK)), "%s", any[i]);
        cr_expect(is_to_loopback(fd, inet_addr("127.8.9.10")), "%s", any[i]);
        cr_expect(outer == 0 || !is_to_loopback(fd, outer), "%s", any[i]);
        close(fd);
    }
}
