/* bench_upstream.c - CPU of one exchange with a region, the client's side alone.
 *
 * bench_upstream [EXCHANGES [CONCURRENCY]]: a forked child answers 1 KiB requests with 400-byte
 * answers over loopback; the parent keeps CONCURRENCY exchanges running and prints its own user
 * and system time per exchange.  Then CONCURRENCY (at least 500) answers are left open half way
 * and their resident memory is printed. */
#include "upstream/upstream.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BODY_BYTES 1024

struct bench {
    struct upstream *up;
    struct event_base *base;
    struct upstream_request req;
    long left, running, failed;
    long heads, bytes;
    long hold; /* > 0: leave the loop when so many heads came */
};

static void start(struct bench *b);

static void on_head(void *arg, const struct upstream_head *h)
{
    struct bench *b = arg;

    b->heads += h->status == 200;
    if (b->heads == b->hold)
        event_base_loopbreak(b->base);
}

static void on_data(void *arg, const char *data, size_t len)
{
    (void)data;
    ((struct bench *)arg)->bytes += (long)len;
}

static void on_end(void *arg, const struct upstream_end *end)
{
    struct bench *b = arg;

    b->running--;
    b->failed += end->result != UPSTREAM_COMPLETE;
    if (b->left > 0)
        start(b);
    else if (b->running == 0)
        event_base_loopbreak(b->base);
}

static void start(struct bench *b)
{
    static const struct upstream_ops ops = {on_head, on_data, on_end};

    b->left--;
    b->running++;
    upstream_start(b->up, &b->req, &ops, b);
}

/* Every request is taken to arrive whole when BODY_BYTES and a blank line are there.  GET /hold
 * is answered half. */
static void serve(int listener)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                               "x-request-id: 0123456789abcdef\r\nDate: Thu, 01 Jan 1970 "
                               "00:00:00 GMT\r\nServer: bench\r\nContent-Length: 400\r\n\r\n";
    char in[8192], out[sizeof(head) - 1 + 400];
    int ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener}, evs[64];

    memcpy(out, head, sizeof(head) - 1);
    memset(out + sizeof(head) - 1, 'x', 400);
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev);
    for (;;) {
        int n = epoll_wait(ep, evs, 64, -1);

        for (int i = 0; i < n; i++) {
            int fd = evs[i].data.fd;

            if (fd == listener) {
                ev.data.fd = accept(listener, NULL, NULL);
                epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
            } else {
                ssize_t got = recv(fd, in, sizeof(in), 0);

                if (got <= 0)
                    close(fd);
                else if (memcmp(in, "GET /hold", 9) == 0)
                    send(fd, out, sizeof(out) - 1, MSG_NOSIGNAL);
                else if (got > BODY_BYTES && send(fd, out, sizeof(out), MSG_NOSIGNAL) < 0)
                    close(fd);
            }
        }
    }
}

static double cpu_us(void)
{
    struct rusage ru;

    getrusage(RUSAGE_SELF, &ru);
    return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e6 +
           (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

static long rss_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f != NULL)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void measure_open_streams(struct bench *b, long n)
{
    char url[96];
    long before = rss_kib();

    snprintf(url, sizeof(url), "%.*s/hold", (int)(strstr(b->req.url, "/v1") - b->req.url),
             b->req.url);
    b->req.method = "GET";
    b->req.url = url;
    b->req.body.len = 0;
    b->hold = b->heads + n;
    for (b->left = n; b->left > 0;)
        start(b);
    event_base_dispatch(b->base);
    printf("%ld open streams: %.1f KiB each\n", n, (double)(rss_kib() - before) / (double)n);
    b->heads = b->hold - n;
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 200000;
    long concurrency = argc > 2 ? strtol(argv[2], NULL, 10) : 32;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sin);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    static char body[BODY_BYTES];
    char url[64];
    struct err err;

    if (bind(listener, (struct sockaddr *)&sin, sizeof(sin)) < 0 || listen(listener, 1024) < 0)
        return 1;
    getsockname(listener, (struct sockaddr *)&sin, &len);
    pid_t child = fork();
    if (child == 0)
        serve(listener);
    signal(SIGPIPE, SIG_IGN);

    static const char *const headers[] = {
        "Content-Type: application/json", "Accept: application/json",
        "Authorization: Bearer sk-0123456789abcdef0123456789abcdef",
        "x-request-id: 0123456789abcdef0123456789abcdef"};
    struct config_upstream conf = {
        .pool_connections = 100, .dns_cache_ms = 300000, .keepalive_ms = 30000};
    struct bench b = {.base = event_base_new(), .left = n};
    memset(body, 'b', sizeof(body));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/v1/chat/completions", ntohs(sin.sin_port));
    b.up = upstream_new(b.base, &conf, &err);
    b.req = (struct upstream_request){.method = "POST",
                                      .url = url,
                                      .headers = headers,
                                      .n_headers = ARRAY_LEN(headers),
                                      .body = {body, sizeof(body)},
                                      .connect_ms = 5000,
                                      .total_ms = 45000};
    double cpu = cpu_us();
    int64_t us = clock_mono_us();
    while (b.running < concurrency && b.left > 0)
        start(&b);
    event_base_dispatch(b.base);
    cpu = cpu_us() - cpu;
    us = clock_mono_us() - us;
    printf("%ld exchanges, %ld at a time: %.2f us CPU each, %.0f/s, %ld failed\n", n,
           concurrency, cpu / (double)n, (double)n * 1e6 / (double)us, b.failed);
    measure_open_streams(&b, concurrency > 500 ? concurrency : 500);
    upstream_free(b.up);
    event_base_free(b.base);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return b.failed != 0 || b.heads != n || b.bytes < n * 400;
}
