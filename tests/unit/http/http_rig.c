/* http_rig.c - http_rig.h has the contract. */
#include "http_rig.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool on_rig_head(void *arg, const struct http_head *head, struct http_refusal *refusal)
{
    struct rig *r = arg;

    (void)head;
    r->heads++;
    if (r->refuse_status == 0)
        return true;
    refusal->status = r->refuse_status;
    refusal->allow = r->refuse_status == 405 ? "POST" : NULL;
    refusal->code = "refused_by_owner";
    snprintf(refusal->message, sizeof(refusal->message), "no");
    return false;
}

static void on_rig_gone(void *arg)
{
    struct rig *r = arg;

    cr_expect_not(r->inside_owner, "on_gone inside a call of the owner");
    r->gone++;
}

static void on_rig_writable(void *arg)
{
    ((struct rig *)arg)->writable++;
}

static void on_rig_body(void *arg, struct exchange *ex, struct str body)
{
    struct rig *r = arg;
    const struct http_head *head = ex->head;
    struct http_reply_field f[] = {{"Content-Type", STR("text/plain")}};

    r->requests++;
    r->inside_owner = true;
    buf_clear(&r->body);
    cr_assert_eq(buf_append_str(&r->body, body), 0);
    if (r->mode == RIG_ECHO) {
        struct buf text;

        buf_init(&text, 1 << 24);
        cr_assert_eq(buf_appendf(&text, "%s %.*s %.*s", http_method_name(head->method),
                                 (int)head->path.len, head->path.ptr, (int)body.len,
                                 body.len > 0 ? body.ptr : ""),
                     0);
        while (text.len < r->answer_bytes)
            cr_assert_eq(buf_append(&text, "0123456789abcdef", 16), 0);
        exchange_reply(ex, 200, f, 1, buf_str(&text));
        buf_release(&text);
    } else if (r->mode == RIG_STREAM) {
        exchange_start(ex, 200, f, 1, r->stream_length);
    }
    r->inside_owner = false;
    if (r->mode == RIG_FREE)
        http1_connection_free(r->conn);
}

static void on_rig_exchange(void *arg, struct exchange *ex)
{
    static const struct exchange_taker taker = {on_rig_body, on_rig_gone, on_rig_writable};
    struct rig *r = arg;

    r->ex = ex;
    exchange_take(ex, &taker, r);
    if (r->mode == RIG_EARLY)
        exchange_reply(ex, 200, NULL, 0, STR("early"));
}

static void rig_format_error(void *arg, const struct http_refusal *refusal, char *out,
                             size_t cap)
{
    (void)arg;
    snprintf(out, cap, "{\"code\":\"%s\"}", refusal->code);
}

static void on_rig_open(void *arg)
{
    ((struct rig *)arg)->opened++;
}

static void on_rig_close(void *arg)
{
    struct rig *r = arg;

    r->closed++;
    r->conn = NULL;
}

void rig_init(struct rig *r)
{
    *r = (struct rig){.client = -1, .stream_length = -1};
    r->limits = (struct http_limits){.head_max_bytes = 8192,
                                     .target_max_bytes = 1024,
                                     .fields_max = 50,
                                     .body_max_bytes = 100000,
                                     .chunk_ext_max_bytes = 16,
                                     .output_max_bytes = 65536,
                                     .keepalive_requests = 1000,
                                     .header_timeout_ms = 5000,
                                     .body_timeout_ms = 5000,
                                     .idle_timeout_ms = 5000,
                                     .write_timeout_ms = 5000};
    r->handler = (struct exchange_handler){.arg = r,
                                           .on_head = on_rig_head,
                                           .on_exchange = on_rig_exchange,
                                           .format_error = rig_format_error,
                                           .on_open = on_rig_open,
                                           .on_close = on_rig_close};
    r->base = event_base_new();
    buf_init(&r->got, (size_t)1 << 28);
    buf_init(&r->body, 1 << 24);
}

void rig_connect(struct rig *r)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    cr_assert_eq(bind(listening, (struct sockaddr *)&at, sizeof(at)), 0);
    cr_assert_eq(listen(listening, 1), 0);
    cr_assert_eq(getsockname(listening, (struct sockaddr *)&at, &len), 0);
    r->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (r->receive_bytes > 0) /* before connect: the window is agreed on there */
        setsockopt(r->client, SOL_SOCKET, SO_RCVBUF, &r->receive_bytes,
                   sizeof(r->receive_bytes));
    cr_assert_eq(connect(r->client, (struct sockaddr *)&at, sizeof(at)), 0);
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    cr_assert_geq(fd, 0);
    close(listening);
    r->conn = http1_connection_new(r->base, fd, &r->limits, &r->handler);
}

void rig_release(struct rig *r)
{
    if (r->conn != NULL)
        http1_connection_free(r->conn);
    cr_expect_eq(r->opened, r->closed, "%d opened, %d closed", r->opened, r->closed);
    rig_close_client(r, false);
    event_base_free(r->base);
    buf_release(&r->got);
    buf_release(&r->body);
}

size_t rig_try_send(struct rig *r, const void *data, size_t len)
{
    ssize_t n = send(r->client, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

    return n > 0 ? (size_t)n : 0;
}

void rig_send(struct rig *r, const char *text)
{
    size_t len = strlen(text), sent = 0;
    int64_t end_ms = clock_mono_ms() + 30000;

    while (sent < len && clock_mono_ms() < end_ms) {
        size_t n = rig_try_send(r, text + sent, len - sent);

        sent += n;
        if (n == 0)
            rig_turn(r);
    }
    cr_assert_eq(sent, len, "the connection does not read");
}

void rig_close_client(struct rig *r, bool reset)
{
    struct linger off = {1, 0};

    if (r->client < 0)
        return;
    if (reset)
        setsockopt(r->client, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    close(r->client);
    r->client = -1;
}

void rig_read(struct rig *r)
{
    char chunk[65536];
    ssize_t n;

    if (r->client < 0 || r->got_eof || r->got_reset)
        return;
    while ((n = recv(r->client, chunk, sizeof(chunk), MSG_DONTWAIT)) > 0)
        cr_assert_eq(buf_append(&r->got, chunk, (size_t)n), 0);
    r->got_eof = n == 0;
    r->got_reset = n < 0 && errno == ECONNRESET;
}

static void on_rig_timer(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg;
}

void rig_turn(struct rig *r)
{
    static const struct timeval soon = {.tv_usec = 5000};

    event_base_once(r->base, -1, EV_TIMEOUT, on_rig_timer, NULL, &soon);
    event_base_loop(r->base, EVLOOP_ONCE);
    rig_read(r);
}

size_t rig_count(const struct rig *r, const char *needle)
{
    size_t n = 0, len = strlen(needle);
    const char *at = r->got.data, *end = at != NULL ? at + r->got.len : NULL;

    while (at != NULL && (at = memmem(at, (size_t)(end - at), needle, len)) != NULL) {
        n++;
        at += len;
    }
    return n;
}
