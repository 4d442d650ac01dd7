/* call.c - one exchange: from request to head, data and end.
 *
 * RE-ENTRANCY  on_head and on_data run inside curl, where it allows nothing but reading.  So
 * everything a caller may ask for there (start, cancel, resume) is only noted on the todo list,
 * which the kick event in pool.c works off.
 *
 * TURNS  curl reads a socket for as long as there is something, so a vendor that floods would
 * keep the loop from everybody else.  After TURN_BYTES of a body the call yields: it is held as
 * in a pause until the loop has looked at the other sockets and timers.
 *
 * PAUSE  is only noted too: the next time curl has data it is told so, and keeps what it has
 * read (at most one receive buffer) until the kick
 * event lifts the pause, because curl hands the kept bytes over inside curl_easy_pause().
 *
 * HANDLES  are reset after each call and used again.  libcurl 7.88 leaves the receive buffer on
 * a handle whose connection failed, refuses to set its size then, and would take
 * the buffer for one of the default size: such a handle is replaced.  Before 8.1.1 (its pull
 * request 11103) a handle also remembers the last field of its last answer, which is freed, and
 * a next answer whose first field line is folded is appended there: no handle is used twice
 * with such a libcurl.  A new one costs 0.9 us more than a reset. */
#include "upstream/call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"
#include "upstream/head.h"
#include "upstream/result.h"

/* Curl holds one of each per running call; the second only for a body above 64 KiB. */
#define CALL_BYTES                ((size_t)24 << 10)
#define RECEIVE_BUFFER_BYTES      8192L
#define SEND_BUFFER_BYTES         65536L
#define LEAN_RECEIVE_BUFFER_BYTES 2048L
#define LEAN_SEND_BUFFER_BYTES    16384L
#define KEEPALIVE_IDLE_S          30L
#define KEEPALIVE_AGAIN_S         10L
#define SPARE_CALLS_MAX           256 /* easy handles kept for reuse, some 6 KiB each */

static int64_t info_us(CURL *easy, CURLINFO info)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, info, &us);
    return (int64_t)us;
}

/* This host has no socket left: nobody's connection, so nothing that a region did. */
static void note_shortage(struct upstream_call *c, CURLcode code)
{
    if (code == CURLE_COULDNT_CONNECT && c->why == NULL &&
        (c->no_socket == EMFILE || c->no_socket == ENFILE || c->no_socket == ENOBUFS ||
         c->no_socket == ENOMEM))
        upstream_call_fail(c, UPSTREAM_INTERNAL,
                           "this host has no descriptor or memory left for a connection");
}

static void fill_end(struct upstream_call *c, CURLcode code, struct upstream_end *end)
{
    long connects = 1;

    memset(end, 0, sizeof(*end));
    if (c->added) {
        curl_easy_getinfo(c->easy, CURLINFO_NUM_CONNECTS, &connects);
        end->connect_us = info_us(c->easy, CURLINFO_APPCONNECT_TIME_T);
        if (end->connect_us == 0) /* no TLS */
            end->connect_us = info_us(c->easy, CURLINFO_CONNECT_TIME_T);
    }
    /* Our clock, so that the two are of one origin. */
    end->first_byte_us = c->head_us > 0 ? c->head_us - c->start_us : 0;
    end->total_us = clock_mono_us() - c->start_us;
    end->reused = connects == 0 && c->sends > 0;
    end->sends = c->sends;
    end->result = c->why != NULL
                      ? c->why_result
                      : upstream_result_of(&(struct upstream_ended){
                            code, c->sends > 0, c->head_done, end->total_us, c->total_ms});
    if (end->result == UPSTREAM_COMPLETE)
        return;
    const char *text = c->why != NULL         ? c->why
                       : c->errbuf[0] != '\0' ? c->errbuf
                       : code == CURLE_OK     ? "connection closed before the head was complete"
                                              : curl_easy_strerror(code);
    upstream_result_detail(end->detail, sizeof(end->detail), text);
}

/* Whom the region's name stood for when it could not be reached: worth another look-up. */
static void note_address(struct upstream_call *c, enum upstream_result result)
{
    const char *host = upstream_wire_host(&c->wire);

    if (host != NULL && (result == UPSTREAM_CONNECT || result == UPSTREAM_CONNECT_TIMEOUT))
        upstream_address_fail(&c->u->addresses, host);
}

/* --- calls: made, recycled, noted for the kick event --- */

static void note(struct upstream_call *c)
{
    if (c->queued)
        return;
    c->queued = true;
    TAILQ_INSERT_TAIL(&c->u->todo, c, todo);
    c->u->n_todo++;
}

static void enqueue(struct upstream_call *c)
{
    note(c);
    event_active(&c->u->kick, 0, 0);
}

void upstream_call_yield(struct upstream_call *c)
{
    const struct timeval now = {0, 0};

    c->held = c->yields = true;
    note(c);
    loop_event_add(&c->u->again, &now);
}

void upstream_call_dequeue(struct upstream_call *c)
{
    if (!c->queued)
        return;
    c->queued = false;
    TAILQ_REMOVE(&c->u->todo, c, todo);
    c->u->n_todo--;
}

/* CALL_BYTES: what libcurl takes for a running exchange, its read buffer above all. */
static void set_running(struct upstream *u, size_t n)
{
    if (n > u->n_running)
        memory_take(CALL_BYTES);
    else
        memory_give(CALL_BYTES);
    u->n_running = n;
    curl_multi_setopt(u->multi, CURLMOPT_MAXCONNECTS, u->pool + (long)n);
}

static struct upstream_call *take_call(struct upstream *u)
{
    struct upstream_call *c = LIST_FIRST(&u->spare);

    if (c != NULL) {
        LIST_REMOVE(c, link);
        u->n_spare--;
    } else {
        c = xcalloc(1, sizeof(*c));
        c->u = u;
        buf_init(&c->head, UPSTREAM_HEAD_MAX_BYTES);
    }
    LIST_INSERT_HEAD(&u->running, c, link);
    set_running(u, u->n_running + 1);
    return c;
}

void upstream_call_destroy(struct upstream_call *c)
{
    curl_easy_cleanup(c->easy);
    buf_release(&c->head);
    upstream_wire_release(&c->wire); /* after curl let go of it */
    free(c);
}

void upstream_call_give_head_back(struct upstream_call *c)
{
    struct upstream *u = c->u;

    buf_clear(&c->head);
    if (u->spare_head.data == NULL) {
        u->spare_head = c->head;
        buf_init(&c->head, UPSTREAM_HEAD_MAX_BYTES);
    } else {
        buf_release(&c->head);
    }
}

void upstream_call_detach(struct upstream_call *c)
{
    struct upstream *u = c->u;

    if (c->added) {
        u->in_curl++;
        curl_multi_remove_handle(u->multi, c->easy);
        u->in_curl--;
        upstream_sockets_done(u->socks, c->fd, c);
    }
    c->added = false;
    upstream_call_dequeue(c);
}

/* See HANDLES at the top.  No handle is left where there is no memory for one. */
static void renew_handle(struct upstream_call *c)
{
    if (c->u->reuse_handles && c->easy != NULL) {
        curl_easy_reset(c->easy);
        return;
    }
    curl_easy_cleanup(c->easy);
    c->easy = curl_easy_init();
}

/* The handle is reset at once: the secrets of a finished call are not kept around. */
static void recycle(struct upstream_call *c)
{
    struct upstream *u = c->u;

    LIST_REMOVE(c, link);
    set_running(u, u->n_running - 1);
    upstream_call_give_head_back(c);
    if (u->n_spare >= SPARE_CALLS_MAX) {
        upstream_call_destroy(c);
        return;
    }
    renew_handle(c);
    upstream_wire_wipe(&c->wire);
    LIST_INSERT_HEAD(&u->spare, c, link);
    u->n_spare++;
}

void upstream_call_finish(struct upstream_call *c, CURLcode code)
{
    struct upstream_end end;

    note_shortage(c, code);
    fill_end(c, code, &end);
    if (!c->dead)
        note_address(c, end.result);
    upstream_call_detach(c);
    c->ending = true;
    if (!c->dead)
        c->ops.on_end(c->arg, &end);
    recycle(c);
}

void upstream_call_fail(struct upstream_call *c, enum upstream_result result, const char *why)
{
    c->why = why;
    c->why_result = result;
}

/* --- curl calls us --- */

/* CURLOPT_PREREQFUNCTION: the connection stands, TLS included; the request goes out next. */
static int on_curl_send(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct upstream_call *c = arg;

    (void)peer, (void)local, (void)peer_port, (void)local_port;
    c->sends++;
    if (c->dialled) /* a pooled connection says nothing about a next one */
        upstream_address_work(&c->u->addresses, upstream_wire_host(&c->wire));
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_curl_open(void *arg, curlsocktype purpose,
                                  struct curl_sockaddr *address)
{
    struct upstream_call *c = arg;
    int fd;

    (void)purpose;
    fd = upstream_sockets_open(c->u->socks, address->family, address->socktype,
                               address->protocol);
    c->no_socket = fd < 0 ? errno : 0;
    c->dialled = true;
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_curl_close(void *arg, curl_socket_t fd)
{
    struct upstream *u = arg;

    return upstream_sockets_close(u->socks, fd);
}

/* --- requests --- */

/* The first option that fails decides; the ones after it are not set. */
#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(e, option, value))

/* What is the same for every call.  On a handle fresh from curl_easy_reset(): cookies, netrc,
 * redirects, decompression and authentication are off and stay off. */
static CURLcode set_constants(struct upstream_call *c, bool lean)
{
    struct upstream *u = c->u;
    CURL *e = c->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_PRIVATE, (void *)c);
    SET(CURLOPT_ERRORBUFFER, c->errbuf);
    SET(CURLOPT_HEADERFUNCTION, upstream_call_on_header);
    SET(CURLOPT_HEADERDATA, (void *)c);
    SET(CURLOPT_WRITEFUNCTION, upstream_call_on_data);
    SET(CURLOPT_WRITEDATA, (void *)c);
    SET(CURLOPT_PREREQFUNCTION, on_curl_send);
    SET(CURLOPT_PREREQDATA, (void *)c);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_curl_open);
    SET(CURLOPT_OPENSOCKETDATA, (void *)c);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_curl_close);
    SET(CURLOPT_CLOSESOCKETDATA, (void *)u);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, ""); /* the environment's proxies are not ours */
    SET(CURLOPT_NOPROXY, "*");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_HTTP_TRANSFER_DECODING, 0L); /* chunks: see the top */
    SET(CURLOPT_BUFFERSIZE, lean ? LEAN_RECEIVE_BUFFER_BYTES : RECEIVE_BUFFER_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, lean ? LEAN_SEND_BUFFER_BYTES : SEND_BUFFER_BYTES);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_TCP_KEEPALIVE, 1L); /* a region that thinks is silent for minutes */
    SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    SET(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_AGAIN_S);
    SET(CURLOPT_MAXAGE_CONN, u->maxage_s);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, u->dns_cache_s);
    if (u->pool == 0)
        SET(CURLOPT_FORBID_REUSE, 1L);
    return rc;
}

#undef SET

struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *arg)
{
    struct upstream_call *c = take_call(u);

    c->ops = *ops;
    c->arg = arg;
    c->fd = -1;
    c->no_socket = 0;
    c->sends = 0;
    c->head_bytes = 0;
    c->added = c->dead = c->ending = c->paused = c->held = c->yields = c->head_done =
        c->chunked = false;
    c->dialled = false;
    c->taken_bytes = c->turn_bytes = 0;
    c->why = NULL;
    c->errbuf[0] = '\0';
    c->total_ms = req->total_ms;
    c->body_bytes = req->body.len;
    c->start_us = clock_mono_us();
    c->head_us = 0;

    CURLcode rc = set_constants(c, req->lean);
    if (rc != CURLE_OK) { /* no handle, or the receive buffer's size: see the top */
        curl_easy_cleanup(c->easy);
        c->easy = curl_easy_init();
        rc = set_constants(c, req->lean);
    }
    const char *why = c->easy == NULL ? "this host has no memory left for a request"
                      : rc != CURLE_OK
                          ? "libcurl refused an option"
                          : upstream_request_apply(&c->wire, c->easy, &u->urls, req);
    if (why == NULL && upstream_address_take_due(&u->addresses, upstream_wire_host(&c->wire),
                                                 c->start_us / 1000))
        why = upstream_wire_look_up(&c->wire, c->easy);
    if (why != NULL)
        upstream_call_fail(c, UPSTREAM_INTERNAL, why);
    enqueue(c);
    return c;
}

void upstream_call_pause(struct upstream_call *c)
{
    c->paused = true;
}

void upstream_call_resume(struct upstream_call *c)
{
    c->paused = false;
    if (c->held)
        enqueue(c);
}

bool upstream_call_is_sent(const struct upstream_call *c)
{
    curl_off_t bytes = 0;

    return c->head_done &&
           curl_easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &bytes) == CURLE_OK &&
           (uint64_t)bytes >= c->body_bytes;
}

void upstream_call_cancel(struct upstream_call *c)
{
    if (c->ending) /* freed when on_end returns */
        return;
    c->dead = true;
    if (c->u->in_curl > 0)
        enqueue(c);
    else
        upstream_call_finish(c, CURLE_ABORTED_BY_CALLBACK);
}
