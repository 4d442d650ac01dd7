/* upstream.c - HTTP exchanges with regions: libcurl's multi interface in the worker's loop.
 *
 *   upstream_start --> todo list --> kick event: curl_multi_add_handle
 *                                        |
 *   socket and timer events --> curl_multi_socket_action --> on_head, on_data
 *                                        |
 *                               curl_multi_info_read --> on_end, call recycled
 *
 * RE-ENTRANCY  on_head and on_data run inside curl, where it allows nothing but reading.  So
 * everything a caller may ask for there (start, cancel, resume) is only noted on the todo list,
 * which the kick event works off.  on_end runs outside curl, from one of our three events.
 *
 * TRAPS of libcurl 7.88 that this file is built around:
 * - A reused easy handle keeps every option, secrets included: curl_easy_reset() after each
 * call.
 * - The last of two Content-Lengths wins, "5abc" is 5: upstream_head.c reads the head again.
 * - Pausing: what the write callback refuses is kept by curl (at most one receive buffer, for
 *   HTTP/2 the stream's window) and handed over inside curl_easy_pause() later, so resuming is
 *   deferred.
 * - A pooled connection with unread bytes on it is reused: upstream_socks.c watches them.
 * - CURLMOPT_MAXCONNECTS counts connections in use as well: with 100 of them and 100 running
 *   calls nothing would stay pooled.  It is set to the pool's size plus the calls running.
 * - A name look-up runs in a thread, and ending its call joins it, which blocks the loop:
 *   CURLOPT_QUICK_EXIT lets it go on its own.
 * - A request sent on a pooled connection that turns out closed, with no answer byte received,
 *   is sent again by curl on a fresh one (at most five times).  That is RFC 9110
 * section 9.2.2's exception and cannot be switched off; struct upstream_end's sends tells.
 * - TLS writes may raise SIGPIPE (CURLOPT_NOSIGNAL keeps curl from masking it): the process
 *   ignores that signal.
 */
#include "router/upstream.h"

#include <assert.h>
#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "router/upstream_head.h"
#include "router/upstream_socks.h"

#define RECEIVE_BUFFER_BYTES 16384L /* curl holds one per running call */
#define SPARE_CALLS_MAX      256    /* easy handles kept for reuse, some 6 KiB each */
#define SPARE_ARENA_BYTES    8192   /* a spare call keeps no larger one */

struct upstream_call {
    struct upstream *u;
    CURL *easy;
    struct upstream_ops ops;
    void *arg;
    LIST_ENTRY(upstream_call) link; /* running or spare */
    TAILQ_ENTRY(upstream_call) todo;
    bool queued; /* on the todo list */
    bool added;  /* curl_multi_add_handle() was done */
    bool dead;   /* cancelled inside curl: no more callbacks */
    bool ending; /* inside on_end */
    bool paused; /* the caller wants no data */
    bool held;   /* curl was told so */
    bool http2;
    bool head_done;
    int sends; /* times a request was about to be written */
    int fd;    /* the socket it was last seen on, or -1 */
    size_t head_bytes;
    struct buf head; /* lines of the head that is being received */
    const char *why; /* our own reason to end it; decides over curl's code */
    enum upstream_result why_result;
    int64_t total_ms;
    char *arena; /* header lines and the curl_slist over them; wiped after use */
    size_t arena_cap, arena_used;
    char errbuf[CURL_ERROR_SIZE];
};

LIST_HEAD(call_list, upstream_call);
TAILQ_HEAD(call_queue, upstream_call);

struct upstream {
    CURLM *multi;
    struct upstream_socks *socks;
    struct event kick, timer;
    struct call_list running, spare;
    struct call_queue todo;
    size_t n_running, n_spare, n_todo;
    struct buf spare_head; /* one head is being received at a time, nearly always */
    int in_curl;           /* depth: curl is on the stack */
    bool expired;          /* curl wants CURL_SOCKET_TIMEOUT now */
    int64_t deadline_us;   /* curl's next timeout, 0: none */
    int64_t armed_us;      /* when the timer event fires, 0: not armed; may be early */
    long pool, maxage_s, dns_cache_s;
    char *ca_file;
};

const char *upstream_result_name(enum upstream_result r)
{
    static const char *const names[] = {
        [UPSTREAM_COMPLETE] = "complete",
        [UPSTREAM_CONNECT] = "connect",
        [UPSTREAM_CONNECT_TIMEOUT] = "connect_timeout",
        [UPSTREAM_RESET] = "reset",
        [UPSTREAM_CUT] = "cut",
        [UPSTREAM_FRAMING] = "framing",
        [UPSTREAM_TOTAL_TIMEOUT] = "total_timeout",
        [UPSTREAM_INTERNAL] = "internal",
    };

    assert((size_t)r < ARRAY_LEN(names));
    return names[r];
}

/* --- how a call ended --- */

/* clang-format off */
static const struct {
    CURLcode code;
    enum upstream_result before_connect, before_head, in_body;
} results[] = {
    {CURLE_OK,                      UPSTREAM_INTERNAL, UPSTREAM_RESET,    UPSTREAM_COMPLETE},
    {CURLE_URL_MALFORMAT,           UPSTREAM_INTERNAL, UPSTREAM_INTERNAL, UPSTREAM_INTERNAL},
    {CURLE_BAD_FUNCTION_ARGUMENT,   UPSTREAM_INTERNAL, UPSTREAM_INTERNAL, UPSTREAM_INTERNAL},
    /* Before: a scheme we do not allow.  After: HTTP/0.9 or a status line beyond HTTP. */
    {CURLE_UNSUPPORTED_PROTOCOL,    UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_LOGIN_DENIED,            UPSTREAM_INTERNAL, UPSTREAM_INTERNAL, UPSTREAM_INTERNAL},
    /* A line over curl's own 100 KiB ends as one of these two. */
    {CURLE_OUT_OF_MEMORY,           UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_INTERNAL},
    {(CURLcode)100 /* TOO_LARGE */, UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_WEIRD_SERVER_REPLY,      UPSTREAM_CONNECT,  UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_BAD_CONTENT_ENCODING,    UPSTREAM_CONNECT,  UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_GOT_NOTHING,             UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_SEND_ERROR,              UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_RECV_ERROR,              UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_PARTIAL_FILE,            UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_HTTP2,                   UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_HTTP2_STREAM,            UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_COULDNT_RESOLVE_HOST,    UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_COULDNT_CONNECT,         UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CONNECT_ERROR,       UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_PEER_FAILED_VERIFICATION,UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CERTPROBLEM,         UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CIPHER,              UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CACERT_BADFILE,      UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_NO_CONNECTION_AVAILABLE, UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
};
/* clang-format on */

static enum upstream_result result_of(const struct upstream_call *c, CURLcode code,
                                      int64_t total_us)
{
    if (c->why != NULL)
        return c->why_result;
    if (code == CURLE_OPERATION_TIMEDOUT) { /* one code for both; what was reached tells */
        bool total = c->total_ms > 0 && total_us >= c->total_ms * 1000;

        return c->sends > 0 || total ? UPSTREAM_TOTAL_TIMEOUT : UPSTREAM_CONNECT_TIMEOUT;
    }
    /* curl has no code of its own for it: RECV_ERROR, as for a reset. */
    if (code == CURLE_RECV_ERROR && strstr(c->errbuf, "in chunked-encoding") != NULL)
        return UPSTREAM_FRAMING;
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        if (results[i].code == code)
            return c->head_done   ? results[i].in_body
                   : c->sends > 0 ? results[i].before_head
                                  : results[i].before_connect;
    return UPSTREAM_INTERNAL;
}

/* Names in curl's sentences (a certificate's subject) are the peer's: printable ASCII only. */
static void set_detail(char *out, size_t size, const char *text)
{
    size_t n = 0;

    for (; n + 1 < size && text[n] != '\0'; n++)
        out[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
    out[n] = '\0';
}

static int64_t info_us(CURL *easy, CURLINFO info)
{
    curl_off_t us = 0;

    curl_easy_getinfo(easy, info, &us);
    return (int64_t)us;
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
        end->first_byte_us = info_us(c->easy, CURLINFO_STARTTRANSFER_TIME_T);
        end->total_us = info_us(c->easy, CURLINFO_TOTAL_TIME_T);
    }
    end->reused = connects == 0 && c->sends > 0;
    end->sends = c->sends;
    end->result = result_of(c, code, end->total_us);
    if (end->result == UPSTREAM_COMPLETE)
        return;
    const char *text = c->why != NULL         ? c->why
                       : c->errbuf[0] != '\0' ? c->errbuf
                       : code == CURLE_OK     ? "connection closed before the head was complete"
                                              : curl_easy_strerror(code);
    set_detail(end->detail, sizeof(end->detail), text);
}

/* --- calls: made, recycled, noted for the kick event --- */

static void enqueue(struct upstream_call *c)
{
    struct upstream *u = c->u;

    if (c->queued)
        return;
    c->queued = true;
    TAILQ_INSERT_TAIL(&u->todo, c, todo);
    u->n_todo++;
    event_active(&u->kick, 0, 0);
}

static void dequeue(struct upstream_call *c)
{
    if (!c->queued)
        return;
    c->queued = false;
    TAILQ_REMOVE(&c->u->todo, c, todo);
    c->u->n_todo--;
}

static void set_running(struct upstream *u, size_t n)
{
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
        c->easy = curl_easy_init();
        if (c->easy == NULL)
            abort(); /* out of memory, as in xcalloc */
        buf_init(&c->head, UPSTREAM_HEAD_MAX_BYTES);
    }
    LIST_INSERT_HEAD(&u->running, c, link);
    set_running(u, u->n_running + 1);
    return c;
}

static void destroy_call(struct upstream_call *c)
{
    curl_easy_cleanup(c->easy);
    buf_release(&c->head);
    free(c->arena);
    free(c);
}

static void give_head_back(struct upstream_call *c)
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

/* Out of curl and off every list.  A transfer that has not ended loses its connection. */
static void detach(struct upstream_call *c)
{
    struct upstream *u = c->u;

    if (c->added) {
        u->in_curl++;
        curl_multi_remove_handle(u->multi, c->easy);
        u->in_curl--;
        upstream_socks_done(u->socks, c->fd, c, c->http2);
    }
    c->added = false;
    dequeue(c);
}

/* The handle is reset at once: the secrets of a finished call are not kept around. */
static void recycle(struct upstream_call *c)
{
    struct upstream *u = c->u;

    LIST_REMOVE(c, link);
    set_running(u, u->n_running - 1);
    give_head_back(c);
    if (c->arena_used > 0)
        explicit_bzero(c->arena, c->arena_used);
    if (u->n_spare >= SPARE_CALLS_MAX) {
        destroy_call(c);
        return;
    }
    curl_easy_reset(c->easy);
    if (c->arena_cap > SPARE_ARENA_BYTES) {
        free(c->arena);
        c->arena = NULL;
        c->arena_cap = 0;
    }
    LIST_INSERT_HEAD(&u->spare, c, link);
    u->n_spare++;
}

static void finish(struct upstream_call *c, CURLcode code)
{
    struct upstream_end end;

    fill_end(c, code, &end);
    detach(c);
    c->ending = true;
    if (!c->dead)
        c->ops.on_end(c->arg, &end);
    recycle(c);
}

static void fail(struct upstream_call *c, enum upstream_result result, const char *why)
{
    c->why = why;
    c->why_result = result;
}

/* --- curl calls us --- */

static int deliver_head(struct upstream_call *c)
{
    struct upstream_field fields[UPSTREAM_FIELDS_MAX];
    struct upstream_head head;
    const char *why = upstream_head_parse(buf_str(&c->head), fields, &head);

    if (why != NULL) {
        fail(c, UPSTREAM_FRAMING, why);
        return -1;
    }
    if (head.status < 200) { /* interim: another head follows */
        buf_clear(&c->head);
        return 0;
    }
    c->head_done = true;
    c->http2 = c->head.data[5] == '2';
    if (c->ops.on_head != NULL)
        c->ops.on_head(c->arg, &head);
    give_head_back(c);
    return c->dead ? -1 : 0;
}

/* One line per call, its end included (CURLOPT_HEADERFUNCTION). */
static size_t on_curl_header(char *line, size_t size, size_t n, void *arg)
{
    struct upstream_call *c = arg;
    size_t len = size * n;

    if (c->dead || c->why != NULL)
        return 0;
    c->head_bytes += len; /* interim heads and trailers count: neither may go on for ever */
    if (c->head_bytes > UPSTREAM_HEAD_MAX_BYTES) {
        fail(c, UPSTREAM_FRAMING, "fields of the answer exceed 65536 bytes");
        return 0;
    }
    if (c->head_done) /* trailers */
        return len;
    if (c->head.data == NULL && c->u->spare_head.data != NULL) {
        c->head = c->u->spare_head;
        buf_init(&c->u->spare_head, UPSTREAM_HEAD_MAX_BYTES);
    }
    if (buf_append(&c->head, line, len) < 0) {
        fail(c, UPSTREAM_INTERNAL, "out of memory for the answer's head");
        return 0;
    }
    if ((len == 2 && line[0] == '\r') || (len == 1 && line[0] == '\n'))
        return deliver_head(c) < 0 ? 0 : len;
    return len;
}

static size_t on_curl_data(char *data, size_t size, size_t n, void *arg)
{
    struct upstream_call *c = arg;
    size_t len = size * n;

    if (c->dead || c->why != NULL)
        return 0;
    if (!c->head_done) {
        fail(c, UPSTREAM_FRAMING, "body bytes before a head");
        return 0;
    }
    if (c->paused) {
        c->held = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (c->ops.on_data != NULL && len > 0)
        c->ops.on_data(c->arg, data, len);
    return c->dead ? 0 : len;
}

/* CURLOPT_PREREQFUNCTION: the connection stands, TLS included; the request goes out next. */
static int on_curl_send(void *arg, char *peer, char *local, int peer_port, int local_port)
{
    struct upstream_call *c = arg;

    (void)peer, (void)local, (void)peer_port, (void)local_port;
    c->sends++;
    return CURL_PREREQFUNC_OK;
}

static curl_socket_t on_curl_open(void *arg, curlsocktype purpose,
                                  struct curl_sockaddr *address)
{
    struct upstream *u = arg;
    int fd;

    (void)purpose;
    fd = upstream_socks_open(u->socks, address->family, address->socktype, address->protocol);
    return fd < 0 ? CURL_SOCKET_BAD : fd;
}

static int on_curl_close(void *arg, curl_socket_t fd)
{
    struct upstream *u = arg;

    return upstream_socks_close(u->socks, fd);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct upstream *u = arg;
    struct upstream_call *c = NULL;

    (void)unused;
    upstream_socks_want(u->socks, fd, what == CURL_POLL_IN || what == CURL_POLL_INOUT,
                        what == CURL_POLL_OUT || what == CURL_POLL_INOUT);
    if (what == CURL_POLL_REMOVE)
        return 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
    if (c != NULL) { /* NULL: curl's own handle, closing a connection */
        c->fd = fd;
        upstream_socks_use(u->socks, fd, c);
    }
    return 0;
}

static void arm_timer(struct upstream *u, int64_t now_us)
{
    int64_t wait_us = u->deadline_us > now_us ? u->deadline_us - now_us : 0;
    struct timeval tv = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};

    u->armed_us = u->deadline_us;
    event_add(&u->timer, &tv);
}

/* The timer event is only moved forward: most deadlines are replaced by a later one before they
 * come, and a timer that fires early costs less than one re-added with every request. */
static int on_curl_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct upstream *u = arg;

    (void)multi;
    if (timeout_ms < 0) {
        u->deadline_us = 0;
        return 0;
    }
    if (timeout_ms == 0) {
        u->expired = true;
        event_active(&u->kick, 0, 0);
        return 0;
    }
    int64_t now_us = clock_mono_us();
    u->deadline_us = now_us + timeout_ms * 1000;
    if (u->armed_us == 0 || u->deadline_us < u->armed_us)
        arm_timer(u, now_us);
    return 0;
}

/* --- we call curl --- */

static void collect(struct upstream *u)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(u->multi, &left)) != NULL) {
        struct upstream_call *c = NULL;
        CURLcode code = msg->data.result;

        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        finish(c, code);
    }
}

static void act(struct upstream *u, curl_socket_t fd, int bits)
{
    int running;

    u->in_curl++;
    curl_multi_socket_action(u->multi, fd, bits, &running);
    u->in_curl--;
    collect(u);
}

static void on_ready(void *arg, int fd, bool readable, bool writable)
{
    act(arg, fd, (readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0));
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u = arg;
    int64_t now_us = clock_mono_us();

    (void)fd, (void)what;
    u->armed_us = 0;
    if (u->deadline_us == 0)
        return;
    if (u->deadline_us > now_us) {
        arm_timer(u, now_us);
        return;
    }
    u->deadline_us = 0;
    act(u, CURL_SOCKET_TIMEOUT, 0);
}

static void add(struct upstream_call *c)
{
    struct upstream *u = c->u;

    u->in_curl++;
    CURLMcode rc = curl_multi_add_handle(u->multi, c->easy);
    u->in_curl--;
    if (rc == CURLM_OK) {
        c->added = true;
        return;
    }
    fail(c, UPSTREAM_INTERNAL, curl_multi_strerror(rc));
    finish(c, CURLE_FAILED_INIT);
}

static void resume(struct upstream_call *c)
{
    struct upstream *u = c->u;

    c->held = false;
    u->in_curl++;
    CURLcode rc = curl_easy_pause(c->easy, CURLPAUSE_CONT); /* may call on_curl_data() */
    u->in_curl--;
    if (rc != CURLE_OK || c->dead) /* dead: on_data cancelled it */
        finish(c, rc);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u = arg;
    struct upstream_call *c;

    (void)fd, (void)what;
    for (size_t n = u->n_todo; n > 0 && (c = TAILQ_FIRST(&u->todo)) != NULL; n--) {
        dequeue(c);
        if (c->dead || (c->why != NULL && !c->added))
            finish(c, CURLE_OK);
        else if (!c->added)
            add(c);
        else if (c->held && !c->paused)
            resume(c);
    }
    if (u->n_todo > 0) /* noted meanwhile: after the other events of this round */
        event_active(&u->kick, 0, 0);
    if (u->expired) {
        u->expired = false;
        act(u, CURL_SOCKET_TIMEOUT, 0);
    }
}

/* --- requests --- */

/* Copies the header lines and lays the list that curl reads over the copies, all in the arena.
 * Three names without a value keep curl from adding its own field of that name. */
static struct curl_slist *copy_headers(struct upstream_call *c,
                                       const struct upstream_request *req)
{
    static const char *const none[] = {"Expect:", "Accept:", "Content-Type:"};
    size_t n = req->n_headers + ARRAY_LEN(none), need = n * sizeof(struct curl_slist);
    struct str name, value;

    for (size_t i = 0; i < req->n_headers; i++)
        need += strlen(req->headers[i]) + 2;
    if (need > c->arena_cap) {
        free(c->arena);
        c->arena_cap = need + 512;
        c->arena = xcalloc(1, c->arena_cap);
    }
    c->arena_used = need;
    struct curl_slist *list = (struct curl_slist *)(void *)c->arena;
    char *text = c->arena + n * sizeof(*list);
    for (size_t i = 0; i < n; i++) {
        list[i].next = i + 1 < n ? &list[i + 1] : NULL;
        if (i >= req->n_headers) {
            list[i].data = (char *)(uintptr_t)none[i - req->n_headers]; /* curl only reads it */
            continue;
        }
        const char *why = upstream_head_check_request(req->headers[i], &name, &value);
        if (why != NULL) {
            fail(c, UPSTREAM_INTERNAL, why);
            return NULL;
        }
        list[i].data = text;
        if (value.len ==
            0) { /* "Name:" would be dropped; this is curl's way to send it empty */
            memcpy(text, name.ptr, name.len);
            memcpy(text + name.len, ";", 2);
            text += name.len + 2;
        } else {
            size_t len = strlen(req->headers[i]) + 1;

            memcpy(text, req->headers[i], len);
            text += len;
        }
    }
    return list;
}

static CURLcode set_method(struct upstream_call *c, const struct upstream_request *req)
{
    CURLcode rc = CURLE_OK;
    bool post = strcmp(req->method, "POST") == 0;

    if (post || req->body.len > 0) {
        rc = curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)req->body.len);
        if (rc == CURLE_OK) /* not copied; "" because NULL means "ask the read callback" */
            rc = curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS,
                                  req->body.len > 0 ? req->body.ptr : "");
    } else if (strcmp(req->method, "HEAD") == 0) {
        rc = curl_easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    }
    if (rc == CURLE_OK && !post && strcmp(req->method, "GET") != 0 &&
        strcmp(req->method, "HEAD") != 0)
        rc = curl_easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, req->method);
    return rc;
}

/* The first option that fails decides; the ones after it are not set. */
#define SET(option, value) (rc = rc != CURLE_OK ? rc : curl_easy_setopt(e, option, value))

/* What is the same for every call.  On a handle fresh from curl_easy_reset(): cookies, netrc,
 * redirects, decompression and authentication are off and stay off. */
static CURLcode set_constants(struct upstream_call *c)
{
    struct upstream *u = c->u;
    CURL *e = c->easy;
    CURLcode rc = CURLE_OK;

    SET(CURLOPT_PRIVATE, (void *)c);
    SET(CURLOPT_ERRORBUFFER, c->errbuf);
    SET(CURLOPT_HEADERFUNCTION, on_curl_header);
    SET(CURLOPT_HEADERDATA, (void *)c);
    SET(CURLOPT_WRITEFUNCTION, on_curl_data);
    SET(CURLOPT_WRITEDATA, (void *)c);
    SET(CURLOPT_PREREQFUNCTION, on_curl_send);
    SET(CURLOPT_PREREQDATA, (void *)c);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_curl_open);
    SET(CURLOPT_OPENSOCKETDATA, (void *)u);
    SET(CURLOPT_CLOSESOCKETFUNCTION, on_curl_close);
    SET(CURLOPT_CLOSESOCKETDATA, (void *)u);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, ""); /* the environment's are not ours */
    SET(CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_BUFFERSIZE, RECEIVE_BUFFER_BYTES);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_NOPROGRESS, 1L);
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_MAXAGE_CONN, u->maxage_s);
    SET(CURLOPT_DNS_CACHE_TIMEOUT, u->dns_cache_s);
    if (u->pool == 0)
        SET(CURLOPT_FORBID_REUSE, 1L);
    if (u->ca_file != NULL)
        SET(CURLOPT_CAINFO, u->ca_file);
    return rc;
}

static CURLcode set_options(struct upstream_call *c, const struct upstream_request *req,
                            struct curl_slist *headers)
{
    CURL *e = c->easy;
    CURLcode rc = set_constants(c);

    SET(CURLOPT_URL, req->url);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_TIMEOUT_MS, (long)(req->total_ms > 0 ? req->total_ms : 0));
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)(req->connect_ms > 0 ? req->connect_ms : 0));
    return rc == CURLE_OK ? set_method(c, req) : rc;
}
#undef SET

struct upstream_call *upstream_start(struct upstream *u, const struct upstream_request *req,
                                     const struct upstream_ops *ops, void *arg)
{
    struct upstream_call *c = take_call(u);

    c->ops = *ops;
    c->arg = arg;
    c->fd = -1;
    c->sends = 0;
    c->head_bytes = 0;
    c->added = c->dead = c->ending = c->paused = c->held = c->http2 = c->head_done = false;
    c->why = NULL;
    c->errbuf[0] = '\0';
    c->total_ms = req->total_ms;

    struct curl_slist *headers = copy_headers(c, req);
    if (headers != NULL && !upstream_head_is_token(str_of(req->method)))
        fail(c, UPSTREAM_INTERNAL, "request method is not a token");
    if (c->why == NULL && set_options(c, req, headers) != CURLE_OK)
        fail(c, UPSTREAM_INTERNAL, "libcurl refused an option of the request");
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

void upstream_call_cancel(struct upstream_call *c)
{
    if (c->ending) /* freed when on_end returns */
        return;
    c->dead = true;
    if (c->u->in_curl > 0)
        enqueue(c);
    else
        finish(c, CURLE_ABORTED_BY_CALLBACK);
}

/* --- the pool --- */

/* Whole seconds, which is what curl counts in, never more than asked for. */
static long whole_s(int64_t ms)
{
    return ms > 2000 ? (long)(ms / 1000) : ms > 0 ? 1 : 0;
}

static CURLMcode set_multi(struct upstream *u, const struct config_upstream *conf)
{
    CURLM *m = u->multi;
    CURLMcode rc = CURLM_OK;

#define SET(option, value) (rc = rc != CURLM_OK ? rc : curl_multi_setopt(m, option, value))
    SET(CURLMOPT_SOCKETFUNCTION, on_curl_socket);
    SET(CURLMOPT_SOCKETDATA, u);
    SET(CURLMOPT_TIMERFUNCTION, on_curl_timer);
    SET(CURLMOPT_TIMERDATA, u);
    SET(CURLMOPT_MAXCONNECTS, u->pool);
    SET(CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)conf->max_connections);
    SET(CURLMOPT_MAX_HOST_CONNECTIONS, (long)conf->max_connections_per_host);
#undef SET
    return rc;
}

struct upstream *upstream_new(struct event_base *base, const struct config_upstream *conf,
                              struct err *err)
{
    if (conf->ca_file != NULL && access(conf->ca_file, R_OK) != 0) {
        err_set(err, ERR_IO,
                "upstream.ca_file '%s' cannot be read, want a file of CA certificates",
                conf->ca_file);
        return NULL;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) !=
        CURLE_OK) { /* counted: paired in upstream_free */
        err_set(err, ERR_IO, "libcurl does not start");
        return NULL;
    }
    struct upstream *u = xcalloc(1, sizeof(*u));

    LIST_INIT(&u->running);
    LIST_INIT(&u->spare);
    TAILQ_INIT(&u->todo);
    buf_init(&u->spare_head, UPSTREAM_HEAD_MAX_BYTES);
    u->pool = conf->pool_connections;
    /* curl reuses what has been idle for up to a second more than this. */
    u->maxage_s = conf->keepalive_ms > 2000 ? (long)(conf->keepalive_ms / 1000) - 1 : 1;
    u->dns_cache_s = whole_s(conf->dns_cache_ms);
    u->ca_file = conf->ca_file != NULL ? xstrdup(conf->ca_file) : NULL;
    u->socks = upstream_socks_new(base, on_ready, u);
    event_assign(&u->kick, base, -1, 0, on_kick, u);
    event_assign(&u->timer, base, -1, 0, on_timer, u);
    u->multi = curl_multi_init();
    if (u->multi == NULL || set_multi(u, conf) != CURLM_OK) {
        err_set(err, ERR_IO, "libcurl refuses the upstream pool's settings");
        upstream_free(u);
        return NULL;
    }
    return u;
}

void upstream_free(struct upstream *u)
{
    struct upstream_call *c;

    if (u == NULL)
        return;
    while ((c = LIST_FIRST(&u->running)) != NULL) {
        detach(c);
        LIST_REMOVE(c, link);
        if (c->arena_used > 0)
            explicit_bzero(c->arena, c->arena_used);
        destroy_call(c);
    }
    while ((c = LIST_FIRST(&u->spare)) != NULL) {
        LIST_REMOVE(c, link);
        destroy_call(c);
    }
    curl_multi_cleanup(u->multi); /* closes the pool through on_curl_close() */
    event_del(&u->kick);
    event_del(&u->timer);
    upstream_socks_free(u->socks);
    buf_release(&u->spare_head);
    free(u->ca_file);
    free(u);
    curl_global_cleanup();
}
