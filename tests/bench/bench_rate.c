/* bench_rate.c - latency at a constant rate.
 *
 * bench_rate PORT RATE SECONDS BODY_BYTES KEY: sends that many chat completions per second over
 * keep-alive connections, each at its own moment whatever became of the ones before, and prints
 * one JSON object with latencies in microseconds.  A request that finds no idle connection
 * waits, and what is late by more than a slot counts from the moment it was due.  Each falls at
 * random into its slot of the second: a metronome would beat in time with the timers of what is
 * measured. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/rand.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 64
#define PATIENCE_US 5000000

struct conn {
    int fd;
    int64_t since_us; /* 0: idle */
    size_t got, want; /* want: of the whole answer, 0 until its head was read */
    char in[16384];
};

struct bench {
    int ep, timer;
    struct conn conns[CONNECTIONS];
    struct buf request;
    int64_t first_us, gap_us, due_us; /* due: of the next request */
    struct rand rand;
    long total, sent, done, failed, waited;
    int64_t *us;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_rate: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void make_request(struct buf *out, int port, size_t body_bytes, const char *key)
{
    static const char head[] = "{\"model\":\"gpt-4.1\",\"messages\":[{\"role\":\"user\","
                               "\"content\":\"";
    static const char tail[] = "\"}]}";
    size_t fixed = sizeof(head) + sizeof(tail) - 2;
    int rc;

    body_bytes = body_bytes > fixed ? body_bytes : fixed;
    buf_init(out, body_bytes + 512);
    rc = buf_appendf(out,
                     "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                     "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n"
                     "Content-Length: %zu\r\n\r\n%s",
                     port, key, body_bytes, head);
    for (size_t i = fixed; rc == 0 && i < body_bytes; i++)
        rc = buf_append(out, "x", 1);
    if (rc < 0 || buf_append(out, tail, sizeof(tail) - 1) < 0)
        fail("request");
}

static void open_conn(struct bench *b, struct conn *c, int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
        fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    epoll_ctl(b->ep, EPOLL_CTL_ADD, c->fd, &ev);
}

static void plan_next(struct bench *b)
{
    b->due_us =
        b->first_us + b->sent * b->gap_us + (int64_t)rand_below(&b->rand, (uint64_t)b->gap_us);
}

static void arm(struct bench *b)
{
    struct itimerspec at = {
        .it_value = {.tv_sec = b->due_us / 1000000, .tv_nsec = b->due_us % 1000000 * 1000}};

    timerfd_settime(b->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

/* Sends what is due.  With no idle connection left, the next answer calls again. */
static void send_due(struct bench *b)
{
    int64_t now_us = clock_mono_us();

    for (size_t i = 0; i < CONNECTIONS && b->sent < b->total; i++) {
        struct conn *c = &b->conns[i];

        if (c->since_us != 0)
            continue;
        if (b->due_us > now_us) {
            arm(b);
            return;
        }
        bool waited = now_us - b->due_us > b->gap_us;

        c->since_us = waited ? b->due_us : now_us;
        c->got = c->want = 0;
        b->waited += waited;
        b->sent++;
        plan_next(b);
        if (send(c->fd, b->request.data, b->request.len, MSG_NOSIGNAL) !=
            (ssize_t)b->request.len)
            fail("send");
    }
}

/* Length of the answer in c->in, head included; 0: not yet known. */
static size_t answer_bytes(struct conn *c)
{
    const char *end, *length;

    c->in[c->got] = '\0';
    end = strstr(c->in, "\r\n\r\n");
    length = strcasestr(c->in, "content-length:");
    if (end == NULL)
        return 0;
    if (length == NULL || length > end)
        fail("an answer without Content-Length");
    return (size_t)(end + 4 - c->in) + strtoul(length + 15, NULL, 10);
}

static void receive(struct bench *b, struct conn *c)
{
    ssize_t n = recv(c->fd, c->in + c->got, sizeof(c->in) - 1 - c->got, 0);

    if (n <= 0)
        fail("an answer was cut");
    c->got += (size_t)n;
    if (c->want == 0)
        c->want = answer_bytes(c);
    if (c->want == 0 || c->got < c->want)
        return;
    b->us[b->done++] = clock_mono_us() - c->since_us;
    b->failed += strncmp(c->in, "HTTP/1.1 200", 12) != 0;
    c->since_us = 0;
    send_due(b);
}

static void run(struct bench *b)
{
    struct epoll_event evs[64];
    uint64_t times;

    b->first_us = clock_mono_us() + 10000;
    rand_init(&b->rand, 1);
    plan_next(b);
    arm(b);
    while (b->done < b->total) {
        int n = epoll_wait(b->ep, evs, (int)ARRAY_LEN(evs), PATIENCE_US / 1000);

        if (n == 0)
            fail("no answer");
        for (int i = 0; i < n; i++) {
            if (evs[i].data.ptr != NULL)
                receive(b, evs[i].data.ptr);
            else if (read(b->timer, &times, sizeof(times)) > 0)
                send_due(b);
        }
    }
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct bench b;
    struct epoll_event ev = {.events = EPOLLIN};

    if (argc != 6) {
        fprintf(stderr, "usage: bench_rate PORT RATE SECONDS BODY_BYTES KEY\n");
        return 2;
    }
    int port = (int)strtol(argv[1], NULL, 10);
    long rate = strtol(argv[2], NULL, 10);

    b.total = (long)(strtod(argv[3], NULL) * (double)rate);
    if (rate < 1 || b.total < 1)
        return 2;
    b.gap_us = 1000000 / rate;
    b.us = xcalloc((size_t)b.total, sizeof(*b.us));
    make_request(&b.request, port, strtoul(argv[4], NULL, 10), argv[5]);
    b.ep = epoll_create1(0);
    b.timer = timerfd_create(CLOCK_MONOTONIC, 0);
    epoll_ctl(b.ep, EPOLL_CTL_ADD, b.timer, &ev);
    for (size_t i = 0; i < CONNECTIONS; i++)
        open_conn(&b, &b.conns[i], port);
    run(&b);
    qsort(b.us, (size_t)b.done, sizeof(*b.us), compare);
    printf("{\"n\": %ld, \"failed\": %ld, \"waited\": %ld, \"p50\": %lld, \"p99\": %lld, "
           "\"max\": %lld}\n",
           b.done, b.failed, b.waited, (long long)b.us[b.done / 2],
           (long long)b.us[b.done * 99 / 100], (long long)b.us[b.done - 1]);
    return 0;
}
