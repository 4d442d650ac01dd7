/* bench_streams.c - many slow streams at once: how late is each chunk, is each there, in order?
 *
 * bench_streams PORT STREAMS CHUNKS SPREAD_MS KEY: opens STREAMS streaming chats over SPREAD_MS
 * and reads each to its end.  The region stamps every chunk with its sending time (x_sent_us,
 * CLOCK_MONOTONIC of the same machine), so a chunk's lag is our clock minus its stamp.  Prints
 * one JSON object: lags in microseconds, and what was lost, doubled or out of order. */
#include "base/buf.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_US    30000000
#define LINE_MAX_BYTES 2048

enum part { HEAD, SIZE, DATA, DATA_END, OVER };

struct stream {
    int fd;
    enum part part;
    size_t left; /* of the chunk in hand */
    int matched; /* of the head's end */
    size_t line_len;
    char line[LINE_MAX_BYTES];
    int64_t last_us;
    long chunks;
    bool done;
};

struct bench {
    int ep, port;
    long n, open, chunks_each;
    struct stream *streams;
    struct buf request;
    int64_t *lag_us;
    long n_lags, lost, doubled, disordered, failed;
};

static void fail(const char *what)
{
    fprintf(stderr, "bench_streams: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void make_request(struct buf *out, int port, const char *key)
{
    static const char body[] = "{\"model\":\"gpt-4.1\",\"stream\":true,\"messages\":[{\"role\":"
                               "\"user\",\"content\":\"hello\"}]}";

    buf_init(out, 1024);
    if (buf_appendf(out,
                    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                    "Content-Type: application/json\r\nAuthorization: Bearer %s\r\n"
                    "Content-Length: %zu\r\n\r\n%s",
                    port, key, sizeof(body) - 1, body) < 0)
        fail("request");
}

static void open_stream(struct bench *b, struct stream *s)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((uint16_t)b->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = s};

    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(s->fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 ||
        write(s->fd, b->request.data, b->request.len) != (ssize_t)b->request.len)
        fail("connect");
    epoll_ctl(b->ep, EPOLL_CTL_ADD, s->fd, &ev);
    b->open++;
}

static void close_stream(struct bench *b, struct stream *s)
{
    if (!s->done || s->part != OVER)
        b->failed++;
    else if (s->chunks < b->chunks_each)
        b->lost += b->chunks_each - s->chunks;
    else
        b->doubled += s->chunks - b->chunks_each;
    close(s->fd);
    b->open--;
}

/* One line of the body: only chunks with content count, the role and the end are not paced. */
static void take_line(struct bench *b, struct stream *s, int64_t now_us)
{
    const char *stamp;
    int64_t sent_us;

    s->line[s->line_len] = '\0';
    if (strcmp(s->line, "data: [DONE]") == 0)
        s->done = true;
    if (strstr(s->line, "\"delta\":{\"content\":\"") == NULL)
        return;
    stamp = strstr(s->line, "\"x_sent_us\":");
    if (stamp == NULL) {
        b->failed++;
        return;
    }
    sent_us = strtoll(stamp + strlen("\"x_sent_us\":"), NULL, 10);
    b->doubled += sent_us == s->last_us;
    b->disordered += sent_us < s->last_us;
    s->last_us = sent_us;
    s->chunks++;
    if (b->n_lags < b->n * b->chunks_each)
        b->lag_us[b->n_lags++] = now_us - sent_us;
}

static void take_body(struct bench *b, struct stream *s, const char *p, size_t len,
                      int64_t now_us)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != '\n') {
            if (s->line_len < LINE_MAX_BYTES - 1)
                s->line[s->line_len++] = p[i];
            continue;
        }
        take_line(b, s, now_us);
        s->line_len = 0;
    }
}

static int hex(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* Up to the end of a header or a chunk's size line; returns the bytes taken. */
static size_t take_framing(struct stream *s, const char *p, size_t len)
{
    static const char head_end[] = "\r\n\r\n";
    size_t i = 0;

    while (i < len) {
        char c = p[i++];

        if (s->part == HEAD) {
            s->matched = c == head_end[s->matched] ? s->matched + 1 : c == '\r';
            if (s->matched == 4)
                s->part = SIZE;
        } else if (s->part == SIZE && hex(c) >= 0) {
            s->left = s->left * 16 + (size_t)hex(c);
        } else if (c == '\n') {
            s->part = s->part == DATA_END ? SIZE : s->left > 0 ? DATA : OVER;
        }
        if (s->part == DATA || s->part == OVER)
            return i;
    }
    return i;
}

static void take(struct bench *b, struct stream *s, const char *p, size_t len, int64_t now_us)
{
    while (len > 0 && s->part != OVER) {
        size_t n = len < s->left ? len : s->left;

        if (s->part == DATA) {
            take_body(b, s, p, n, now_us);
            s->left -= n;
            s->part = s->left > 0 ? DATA : DATA_END;
        } else {
            n = take_framing(s, p, len);
        }
        p += n;
        len -= n;
    }
}

static void read_stream(struct bench *b, struct stream *s)
{
    char in[16384];
    ssize_t n = read(s->fd, in, sizeof(in));

    if (n > 0)
        take(b, s, in, (size_t)n, clock_mono_us());
    if (n <= 0 || s->part == OVER)
        close_stream(b, s);
}

static void run(struct bench *b, int64_t spread_us)
{
    struct epoll_event evs[256];
    int64_t start_us = clock_mono_us(), heard_us = start_us;
    long opened = 0;

    while (opened < b->n || b->open > 0) {
        int64_t now_us = clock_mono_us();
        int n;

        while (opened < b->n && now_us - start_us >= spread_us * opened / b->n)
            open_stream(b, &b->streams[opened++]);
        n = epoll_wait(b->ep, evs, 256, opened < b->n ? 1 : 1000);
        for (int i = 0; i < n; i++)
            read_stream(b, evs[i].data.ptr);
        heard_us = n > 0 ? clock_mono_us() : heard_us;
        if (now_us - heard_us > PATIENCE_US)
            fail("no stream says anything any more");
    }
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int64_t part_of(const struct bench *b, double share)
{
    return b->n_lags > 0 ? b->lag_us[(long)((double)(b->n_lags - 1) * share)] : -1;
}

int main(int argc, char **argv)
{
    struct bench b = {.ep = epoll_create1(0)};

    if (argc != 6) {
        fprintf(stderr, "usage: bench_streams PORT STREAMS CHUNKS SPREAD_MS KEY\n");
        return 2;
    }
    b.port = (int)strtol(argv[1], NULL, 10);
    b.n = strtol(argv[2], NULL, 10);
    b.chunks_each = strtol(argv[3], NULL, 10);
    b.streams = xcalloc((size_t)b.n, sizeof(*b.streams));
    b.lag_us = xcalloc((size_t)(b.n * b.chunks_each), sizeof(*b.lag_us));
    make_request(&b.request, b.port, argv[5]);
    run(&b, strtoll(argv[4], NULL, 10) * 1000);
    qsort(b.lag_us, (size_t)b.n_lags, sizeof(*b.lag_us), by_value);
    printf(
        "{\"chunks\":%ld,\"p50\":%lld,\"p99\":%lld,\"max\":%lld,\"lost\":%ld,\"doubled\":%ld,"
        "\"disordered\":%ld,\"failed\":%ld}\n",
        b.n_lags, (long long)part_of(&b, 0.5), (long long)part_of(&b, 0.99),
        (long long)part_of(&b, 1), b.lost, b.doubled, b.disordered, b.failed);
    buf_release(&b.request);
    free(b.streams);
    free(b.lag_us);
    return 0;
}
