/* flow_world.c - a worker, a scripted upstream and raw clients in one loop. */
#include "flow_world.h"

#include "base/clock.h"
#include "base/log.h"
#include "http/listener.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES_MAX ((size_t)64 << 20)

static const char regions[] =
    "'regions':[{'name':'a','base_url':'http://a.test/v1','api_key':'key-a','priority':1},"
    "{'name':'b','base_url':'http://b.test/v1','api_key':'key-b','priority':2,"
    "'auth_header':'x-api-key'},"
    "{'name':'c','base_url':'http://c.test/v1','api_key':'key-c','priority':3,"
    "'x_region':'moon','headers':{'X-Tenant':'tenant-0123','openai-beta':'ours'}}]";

static void no_line(enum log_level level, const char *line)
{
    (void)level, (void)line;
}

static struct config *make_config(const char *extra)
{
    struct buf text;
    struct err err = {0};
    struct config *conf;

    buf_init(&text, 65536);
    bool checks = extra != NULL && strstr(extra, "'health'") != NULL;

    cr_assert_eq(buf_appendf(&text, "{%s%s%s%s}", checks ? "" : "'health':{'interval':'0s'},",
                             regions, extra != NULL ? "," : "", extra != NULL ? extra : ""),
                 0);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\'')
            text.data[i] = '"';
    conf = config_parse("flow", buf_str(&text), &err);
    cr_assert_not_null(conf, "%s", err.msg);
    buf_release(&text);
    return conf;
}

void flow_start(struct flow_world *f, const char *extra)
{
    struct err err = {0};
    int generation;

    memset(f, 0, sizeof(*f));
    signal(SIGPIPE, SIG_IGN);
    log_set_sink(no_line);
    f->conf = make_config(extra);
    f->base = event_base_new();
    f->metrics = metrics_new();
    generation = metrics_add(f->metrics, f->conf, 1);
    cr_assert_geq(generation, 0);
    cr_assert_eq(worker_init(&f->w, f->base, f->conf, f->metrics,
                             metrics_claim(f->metrics, generation, 0), &err),
                 0, "%s", err.msg);
    f->listener = listener_bind("127.0.0.1:0", false, &err);
    cr_assert_geq(f->listener, 0, "%s", err.msg);
    f->server = server_new(&f->w, f->listener, &err);
    cr_assert_not_null(f->server, "%s", err.msg);
}

void flow_stop(struct flow_world *f)
{
    server_free(f->server);
    cr_expect_null(f->w.requests, "a request is left");
    cr_expect_eq(f->w.slot->inflight, 0, "in flight: %lld", (long long)f->w.slot->inflight);
    for (size_t i = 0; i < f->conf->n_regions; i++)
        cr_expect_eq(f->w.slot->fleet->slot[i].inflight, 0, "a pass of region %zu is left", i);
    cr_expect_eq(script_unscripted(f->w.up), 0, "calls nobody expected: %s",
                 script_story(f->w.up));
    worker_release(&f->w);
    close(f->listener);
    metrics_free(f->metrics);
    config_free(f->conf);
    event_base_free(f->base);
}

static void on_pulse(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what, (void)arg; /* the loop turns, so that conditions of time are seen */
}

bool flow_until(struct flow_world *f, bool (*is)(void *arg), void *arg)
{
    struct timeval tv = {0, 10000};
    int64_t due_ms = clock_mono_ms() + FLOW_DEADLINE_MS;
    struct event *pulse = event_new(f->base, -1, EV_PERSIST, on_pulse, NULL);

    event_add(pulse, &tv);
    while (!is(arg) && clock_mono_ms() < due_ms)
        event_base_loop(f->base, EVLOOP_ONCE);
    event_free(pulse);
    return is(arg);
}

void flow_turn(struct flow_world *f)
{
    event_base_loop(f->base, EVLOOP_NONBLOCK);
}

void flow_drain_loop(struct flow_world *f, int turns)
{
    for (int i = 0; i < turns; i++)
        flow_turn(f);
}

/* ---- the client ---- */

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct flow_client *c = arg;
    char bytes[65536];
    ssize_t n = read(fd, bytes, sizeof(bytes));

    (void)what;
    if (n > 0)
        cr_assert_eq(buf_append(&c->in, bytes, (size_t)n), 0);
    else if (n == 0)
        c->eof = true;
    else if (errno != EAGAIN)
        c->reset = true;
    if (c->eof || c->reset)
        event_del(c->readable);
}

void flow_open(struct flow_world *f, struct flow_client *c)
{
    struct sockaddr_in to;
    socklen_t len = sizeof(to);

    memset(c, 0, sizeof(*c));
    c->f = f;
    buf_init(&c->in, BYTES_MAX);
    cr_assert_eq(getsockname(f->listener, (struct sockaddr *)&to, &len), 0);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(c->fd, (struct sockaddr *)&to, len), 0, "%s", strerror(errno));
    cr_assert_eq(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
    c->readable = event_new(f->base, c->fd, EV_READ | EV_PERSIST, on_readable, c);
    event_add(c->readable, NULL);
}

void flow_close(struct flow_client *c)
{
    event_free(c->readable);
    close(c->fd);
    buf_release(&c->in);
}

void flow_kill(struct flow_client *c)
{
    struct linger off = {.l_onoff = 1, .l_linger = 0};

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
    flow_close(c);
}

void flow_write(struct flow_client *c, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(c->fd, bytes.ptr, bytes.len);

        if (n < 0 && errno == EAGAIN) {
            event_base_loop(c->f->base, EVLOOP_ONCE);
            continue;
        }
        cr_assert_gt(n, 0, "%s", strerror(errno));
        bytes = (struct str){bytes.ptr + n, bytes.len - (size_t)n};
    }
}

void flow_post(struct flow_client *c, const char *path, const char *more, const char *body)
{
    struct buf text;

    buf_init(&text, BYTES_MAX);
    cr_assert_eq(
        buf_appendf(&text,
                    "POST %s HTTP/1.1\r\nHost: localhost\r\n"
                    "Content-Type: application/json\r\nContent-Length: %zu\r\n%s\r\n%s",
                    path, strlen(body), more != NULL ? more : "", body),
        0);
    flow_write(c, buf_str(&text));
    buf_release(&text);
}

void flow_set_reading(struct flow_client *c, bool on)
{
    if (on)
        event_add(c->readable, NULL);
    else
        event_del(c->readable);
}

/* ---- its answers ---- */

static struct str line_of(struct str *rest)
{
    const char *end = rest->len > 1 ? memmem(rest->ptr, rest->len, "\r\n", 2) : NULL;
    struct str line;

    if (end == NULL)
        return (struct str){NULL, 0};
    line = (struct str){rest->ptr, (size_t)(end - rest->ptr)};
    *rest = (struct str){end + 2, rest->len - line.len - 2};
    return line;
}

struct str flow_field(const struct flow_answer *a, const char *name)
{
    struct str rest = buf_str(&a->head), line, value;

    while ((line = line_of(&rest)).len > 0)
        if (str_ieqz(str_split(line, ':', &value), name))
            return str_trim(value);
    return (struct str){NULL, 0};
}

static void read_chunks(const struct flow_client *c, struct str rest, struct flow_answer *a)
{
    for (;;) {
        struct str line = line_of(&rest);
        size_t size;

        if (line.ptr == NULL)
            return;
        size = strtoul(line.ptr, NULL, 16);
        if (rest.len < size + 2)
            return;
        cr_assert_eq(buf_append(&a->body, rest.ptr, size), 0);
        cr_assert(memcmp(rest.ptr + size, "\r\n", 2) == 0, "a chunk has the wrong size");
        rest = (struct str){rest.ptr + size + 2, rest.len - size - 2};
        if (size == 0) {
            a->whole = true;
            a->bytes = (size_t)(rest.ptr - c->in.data);
            return;
        }
    }
}

static void read_body(const struct flow_client *c, struct str rest, struct flow_answer *a)
{
    struct str length = flow_field(a, "content-length");
    uint64_t want = 0;

    a->chunked = str_ieqz(flow_field(a, "transfer-encoding"), "chunked");
    if (a->chunked) {
        read_chunks(c, rest, a);
        return;
    }
    if (length.ptr != NULL) {
        cr_assert(str_to_u64(length, &want));
        a->whole = rest.len >= want;
        rest.len = rest.len < want ? rest.len : (size_t)want;
    } else {
        a->whole = c->eof || a->status == 204;
    }
    cr_assert_eq(buf_append_str(&a->body, rest), 0);
    if (a->whole)
        a->bytes = (size_t)(rest.ptr + rest.len - c->in.data);
}

void flow_read(const struct flow_client *c, struct flow_answer *a)
{
    struct str rest = buf_str(&c->in);
    const char *end;

    memset(a, 0, sizeof(*a));
    buf_init(&a->head, BYTES_MAX);
    buf_init(&a->body, BYTES_MAX);
    while (str_starts(rest, "HTTP/1.1 100 ") &&
           (end = memmem(rest.ptr, rest.len, "\r\n\r\n", 4)) != NULL)
        rest = (struct str){end + 4, rest.len - (size_t)(end + 4 - rest.ptr)};
    if (rest.len == 0 || (end = memmem(rest.ptr, rest.len, "\r\n\r\n", 4)) == NULL)
        return;
    cr_assert_eq(buf_append(&a->head, rest.ptr, (size_t)(end + 4 - rest.ptr)), 0);
    cr_assert(str_starts(rest, "HTTP/1."));
    uint64_t status = 0;

    cr_assert(rest.len > 12 && str_to_u64((struct str){rest.ptr + 9, 3}, &status));
    a->status = (int)status;
    read_body(c, (struct str){end + 4, rest.len - (size_t)(end + 4 - rest.ptr)}, a);
}

void flow_answer_release(struct flow_answer *a)
{
    buf_release(&a->head);
    buf_release(&a->body);
}

/* A long answer is parsed once, not with every piece of it. */
static bool is_going_on(const struct buf *in)
{
    return in->len > 65536 && memmem(in->data, 4096, ": chunked", 9) != NULL &&
           memcmp(in->data + in->len - 5, "0\r\n\r\n", 5) != 0;
}

static bool is_answered(void *arg)
{
    const struct flow_client *c = arg;
    struct flow_answer a;
    bool over;

    if (c->eof || c->reset)
        return true;
    if (is_going_on(&c->in))
        return false;
    flow_read(c, &a);
    over = a.whole;
    flow_answer_release(&a);
    return over;
}

void flow_wait_answer(struct flow_client *c, struct flow_answer *a)
{
    bool over = flow_until(c->f, is_answered, c);

    cr_assert(over, "no answer; received so far: %.600s", c->in.len > 0 ? c->in.data : "-");
    flow_read(c, a);
}

struct text_wait {
    const struct flow_client *c;
    const char *text;
};

static bool has_text(void *arg)
{
    const struct text_wait *t = arg;

    return t->c->in.len > 0 && strstr(t->c->in.data, t->text) != NULL;
}

bool flow_wait_text(struct flow_client *c, const char *text)
{
    return flow_until(c->f, has_text, &(struct text_wait){c, text});
}

struct count_wait {
    struct flow_world *f;
    size_t n;
};

static bool has_calls(void *arg)
{
    const struct count_wait *t = arg;

    return script_count(t->f->w.up) >= t->n;
}

bool flow_wait_calls(struct flow_world *f, size_t n)
{
    return flow_until(f, has_calls, &(struct count_wait){f, n});
}

static bool has_running(void *arg)
{
    const struct count_wait *t = arg;

    return script_running(t->f->w.up) == t->n;
}

bool flow_wait_running(struct flow_world *f, size_t n)
{
    return flow_until(f, has_running, &(struct count_wait){f, n});
}

void flow_ask(struct flow_world *f, const char *more, const char *body, struct flow_answer *a)
{
    struct flow_client c;

    flow_open(f, &c);
    flow_post(&c, "/v1/chat/completions", more, body);
    flow_wait_answer(&c, a);
    flow_close(&c);
}

size_t flow_times(struct str bytes, const char *what)
{
    size_t n = 0;
    const char *at;

    while (bytes.len > 0 && (at = memmem(bytes.ptr, bytes.len, what, strlen(what))) != NULL) {
        n++;
        bytes.len -= (size_t)(at + 1 - bytes.ptr);
        bytes.ptr = at + 1;
    }
    return n;
}
