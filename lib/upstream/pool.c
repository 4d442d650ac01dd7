/* pool.c - HTTP exchanges with regions: libcurl's multi interface in the worker's loop.
 *
 *   upstream_start --> todo list --> kick event: curl_multi_add_handle
 *                                        |
 *   socket and timer events --> curl_multi_socket_action --> on_head, on_data
 *                                        |
 *                               curl_multi_info_read --> on_end, call recycled
 *
 * on_head and on_data run inside curl, on_end never: it comes from one of our events.
 *
 * TRAPS of libcurl 7.88 that this file is built around:
 * - A reused easy handle keeps every option, secrets included: curl_easy_reset() after each
 * call.
 * - The last of two Content-Lengths wins, "5abc" is 5: upstream/head.c reads the head again.
 * - In the lines of chunk sizes LF alone and anything behind the digits pass.  curl is the only
 *   reader of that connection, so nobody disagrees about where the answer ends.
 * - A pooled connection with unread bytes on it is reused: upstream/sockets.c watches them.
 * - CURLMOPT_MAXCONNECTS counts connections in use as well: with 100 of them and 100 running
 *   calls nothing would stay pooled.  It is set to the pool's size plus the calls running.
 * - One paused transfer stops every other one on the same HTTP/2 connection: a client that
 *   reads slowly would hold up all others of its region.  So it is HTTP/1.1, one transfer to a
 *   connection, and TCP does the back-pressure.
 * - A name look-up runs in a thread, and ending its call joins it, which blocks the loop:
 *   CURLOPT_QUICK_EXIT lets it go on its own.
 * - A request sent on a pooled connection that turns out closed, with no answer byte received,
 *   is sent again by curl on a fresh one, five times at most.  RFC 9110 section 9.2.2 allows
 *   it and no option forbids it; struct upstream_end's sends tells.
 * - An address stays in the cache though no connection to it comes about, and one handle with
 *   a cache time of 0 empties the cache for all: upstream/address.c says when CURLOPT_RESOLVE
 *   has to drop which.
 * - CURLOPT_CAINFO adds to the folder of authorities that libcurl was built with, and
 *   CURLOPT_CAPATH NULL takes that away only before 8.17: upstream/request.c names one that
 *   holds none.
 * - Without memory for its note about a socket it asks nobody to watch that, and does not say
 *   whose exchange would hang: the process ends.
 * - TLS writes may raise SIGPIPE (CURLOPT_NOSIGNAL keeps curl from masking it): the process
 *   ignores that signal.
 */
#include "upstream/call.h"

#include <curl/curl.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/loop.h"

#define HANDLE_SAFE_VERSION 0x080101 /* of libcurl: see HANDLES in upstream/call.c */

/* --- curl says what it waits for --- */

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct upstream *u = arg;
    struct upstream_call *c = NULL;

    (void)unused;
    upstream_sockets_want(u->socks, fd, what == CURL_POLL_IN || what == CURL_POLL_INOUT,
                          what == CURL_POLL_OUT || what == CURL_POLL_INOUT);
    if (what == CURL_POLL_REMOVE)
        return 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
    if (c != NULL) { /* NULL: curl's own handle, closing a connection */
        c->fd = fd;
        upstream_sockets_use(u->socks, fd, c);
    }
    return 0;
}

static void arm_timer(struct upstream *u, int64_t now_us)
{
    int64_t wait_us = u->deadline_us > now_us ? u->deadline_us - now_us : 0;
    struct timeval tv = {.tv_sec = wait_us / 1000000, .tv_usec = wait_us % 1000000};

    u->armed_us = u->deadline_us;
    loop_event_add(&u->timer, &tv);
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
        upstream_call_finish(c, code);
    }
}

static void act(struct upstream *u, curl_socket_t fd, int bits)
{
    int running;

    u->in_curl++;
    CURLMcode rc = curl_multi_socket_action(u->multi, fd, bits, &running);
    u->in_curl--;
    if (rc == CURLM_OUT_OF_MEMORY) /* see TRAPS */
        base_out_of_memory("libcurl's watch on a socket", 0);
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
    upstream_call_fail(c, UPSTREAM_INTERNAL, curl_multi_strerror(rc));
    upstream_call_finish(c, CURLE_FAILED_INIT);
}

static void resume(struct upstream_call *c)
{
    struct upstream *u = c->u;

    c->held = c->yields = false;
    c->turn_bytes = 0;
    u->in_curl++;
    CURLcode rc =
        curl_easy_pause(c->easy, CURLPAUSE_CONT); /* may call upstream_call_on_data() */
    u->in_curl--;
    if (rc != CURLE_OK || c->dead) /* dead: on_data cancelled it */
        upstream_call_finish(c, rc);
}

static void on_kick(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u = arg;
    struct upstream_call *c;

    (void)fd, (void)what;
    for (size_t n = u->n_todo; n > 0 && (c = TAILQ_FIRST(&u->todo)) != NULL; n--) {
        upstream_call_dequeue(c);
        if (c->dead || (c->why != NULL && !c->added))
            upstream_call_finish(c, CURLE_OK);
        else if (!c->added)
            add(c);
        else if (c->yields && !u->rested)
            upstream_call_yield(c);
        else if (c->held && !c->paused)
            resume(c);
    }
    if (u->n_todo > 0) /* noted meanwhile: after the other events */
        loop_event_add(&u->again, &(struct timeval){0, 0});
    if (u->expired) {
        u->expired = false;
        act(u, CURL_SOCKET_TIMEOUT, 0);
    }
}

/* curl asks for the kick too, in the same round of events, so only this timer ends a turn. */
static void on_again(evutil_socket_t fd, short what, void *arg)
{
    struct upstream *u = arg;

    u->rested = true;
    on_kick(fd, what, u);
    u->rested = false;
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
    u->reuse_handles = curl_version_info(CURLVERSION_NOW)->version_num >= HANDLE_SAFE_VERSION;
    u->pool = conf->pool_connections;
    /* curl reuses what has been idle for up to a second more than this. */
    u->maxage_s = conf->keepalive_ms > 2000 ? (long)(conf->keepalive_ms / 1000) - 1 : 1;
    u->dns_cache_s = whole_s(conf->dns_cache_ms);
    u->socks = upstream_sockets_new(base, on_ready, u);
    event_assign(&u->kick, base, -1, 0, on_kick, u);
    event_assign(&u->again, base, -1, 0, on_again, u);
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
        upstream_call_detach(c);
        LIST_REMOVE(c, link);
        upstream_call_destroy(c);
    }
    while ((c = LIST_FIRST(&u->spare)) != NULL) {
        LIST_REMOVE(c, link);
        upstream_call_destroy(c);
    }
    curl_multi_cleanup(u->multi); /* closes the pool through on_curl_close() */
    event_del(&u->kick);
    event_del(&u->again);
    event_del(&u->timer);
    upstream_sockets_free(u->socks);
    upstream_urls_release(&u->urls);
    upstream_addresses_release(&u->addresses);
    buf_release(&u->spare_head);
    free(u);
    curl_global_cleanup();
}
