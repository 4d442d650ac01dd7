/* test_http1_connection_watch.c - a client that left is noticed within a second; one that only
 * shut its sending side is served to the end. */
#include "http_rig.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define GET10 "GET / HTTP/1.0\r\n\r\n"
#define GET11 "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

static void begin(struct rig *r, enum rig_mode mode, const char *request)
{
    rig_init(r);
    r->mode = mode;
    rig_connect(r);
    rig_send(r, request);
    cr_assert(RIG_WAIT(r, RIG_PATIENCE_MS, r->requests == 1));
}

static const struct {
    const char *name;
    enum rig_mode mode;
    bool reset;    /* the client resets instead of closing */
    bool flood;    /* it has pipelined so much that nothing more is read */
    int max_turns; /* of the loop, each 5 ms at most; 0: found out by a poke */
} leaves[] = {
    {"close while waiting", RIG_HOLD, false, false, 0},
    {"reset while waiting", RIG_HOLD, true, false, 10},
    {"close within a stream", RIG_STREAM, false, false, 0},
    {"reset within a stream", RIG_STREAM, true, false, 10},
    {"close behind pipelined bytes", RIG_HOLD, false, true, 0},
    {"reset behind pipelined bytes", RIG_HOLD, true, true, 0},
};

Test(http1_connection_watch, a_client_that_left_is_noticed)
{
    for (size_t i = 0; i < ARRAY_LEN(leaves); i++) {
        struct rig r;

        begin(&r, leaves[i].mode, GET11);
        if (leaves[i].flood) {
            static char waste[65536];
            int64_t quiet_ms = clock_mono_ms();

            memset(waste, 'x', sizeof(waste));
            while (clock_mono_ms() - quiet_ms < 50) {
                if (rig_try_send(&r, waste, sizeof(waste)) > 0)
                    quiet_ms = clock_mono_ms();
                event_base_loop(r.base, EVLOOP_NONBLOCK);
            }
            cr_assert_not(r.conn->reading, "row '%s' still reads", leaves[i].name);
            cr_assert_leq(r.conn->in.cap, 8192u);
        }
        rig_read(&r); /* a close with unread bytes would be a reset */
        int turns = 0;

        rig_close_client(&r, leaves[i].reset);
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ++turns > 0 && r.gone == 1),
                  "row '%s': not noticed", leaves[i].name);
        cr_expect(leaves[i].max_turns == 0 || turns <= leaves[i].max_turns,
                  "row '%s': after %d turns", leaves[i].name, turns);
        cr_expect_eq(r.closed, 1);
        rig_release(&r);
    }
}

/* Removes the pokes as a client does: interim answers are skipped (RFC 9110 15.2). */
static size_t interim(const struct rig *r)
{
    return rig_count(r, "HTTP/1.1 100 Continue\r\n\r\n");
}

Test(http1_connection_watch, a_half_closed_client_is_served_to_the_end)
{
    struct rig r;

    begin(&r, RIG_HOLD, GET11);
    shutdown(r.client, SHUT_WR);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, interim(&r) >= 3), "the pokes go on");
    cr_expect_eq(r.gone, 0);
    exchange_reply(r.ex, 200, NULL, 0, STR("late"));
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(rig_count(&r, "HTTP/1.1 200 OK"), 1u);
    cr_expect_eq(memcmp(r.got.data + r.got.len - 4, "late", 4), 0);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.closed == 1));
    rig_release(&r);
}

Test(http1_connection_watch, a_quick_answer_to_a_half_closed_client_has_no_poke)
{
    struct rig r;

    rig_init(&r);
    rig_connect(&r);
    rig_send(&r, GET11 GET11);
    shutdown(r.client, SHUT_WR);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(rig_count(&r, "HTTP/1.1 200 OK"), 2u);
    cr_expect_eq(interim(&r), 0u);
    rig_release(&r);
}

Test(http1_connection_watch, a_half_closed_stream_stays_well_formed)
{
    struct rig r;

    begin(&r, RIG_STREAM, GET11);
    shutdown(r.client, SHUT_WR);
    exchange_write(r.ex, "abc", 3);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "3\r\nabc\r\n00") == 1), "%s",
              r.got.data);
    exchange_write(r.ex, "defghijklmnopqrs", 16);
    cr_expect(
        RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "0010\r\ndefghijklmnopqrs\r\n0") == 1));
    exchange_finish(r.ex);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(memcmp(r.got.data + r.got.len - 8, "\r\n00\r\n\r\n", 8), 0, "%s", r.got.data);
    cr_expect_eq(interim(&r), 0u, "an interim answer within an answer");
    cr_expect_eq(r.gone, 0);
    rig_release(&r);
}

/* Readers that take the end of the connection for the end of a line (Python's http.client)
 * would read a lone zero as the last chunk. */
Test(http1_connection_watch, a_stream_that_breaks_behind_a_poke_looks_broken)
{
    struct rig r;

    begin(&r, RIG_STREAM, GET11);
    shutdown(r.client, SHUT_WR);
    exchange_write(r.ex, "abc", 3);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "3\r\nabc\r\n0") == 1), "%s",
              r.got.data);
    exchange_abort(r.ex);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(memcmp(r.got.data + r.got.len - 4, "01\r\n", 4), 0, "%s", r.got.data);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.closed == 1));
    rig_release(&r);
}

Test(http1_connection_watch, pokes_of_a_stream_are_bounded)
{
    struct rig r;

    begin(&r, RIG_STREAM, GET11);
    shutdown(r.client, SHUT_WR);
    r.conn->zeros = 5;
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.conn->zeros == 6));
    size_t len = r.got.len;

    cr_expect_not(RIG_WAIT(&r, 1600, r.got.len > len + 1), "a seventh zero");
    cr_expect_eq(r.gone, 0);
    rig_release(&r);
}

Test(http1_connection_watch, http_1_0_gets_no_interim_answer)
{
    struct rig r;

    begin(&r, RIG_HOLD, GET10);
    shutdown(r.client, SHUT_WR);
    cr_expect_not(RIG_WAIT(&r, 1200, r.got.len > 0 || r.gone > 0));
    exchange_reply(r.ex, 200, NULL, 0, STR("late"));
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(rig_count(&r, "HTTP/1.1 200 OK"), 1u);
    rig_release(&r);
}

/* Waiting for a half-closed client must not keep the processor busy. */
Test(http1_connection_watch, watching_does_not_spin)
{
    struct rig r;
    struct rusage before, after;

    begin(&r, RIG_HOLD, GET10);
    shutdown(r.client, SHUT_WR);
    getrusage(RUSAGE_SELF, &before);
    int64_t end_ms = clock_mono_ms() + 1000;
    int turns = 0;

    while (clock_mono_ms() < end_ms) {
        event_base_loop(r.base, EVLOOP_ONCE);
        turns++;
    }
    getrusage(RUSAGE_SELF, &after);
    cr_expect_lt(turns, 30, "%d turns in a second", turns);
    cr_expect_lt(after.ru_utime.tv_sec - before.ru_utime.tv_sec, 1);
    rig_release(&r);
}

Test(http1_connection_watch, a_request_cut_by_eof_is_refused)
{
    struct rig r;

    rig_init(&r);
    rig_connect(&r);
    rig_send(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhal");
    shutdown(r.client, SHUT_WR);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(rig_count(&r, "HTTP/1.1 400"), 1u);
    cr_expect_eq(r.requests, 0);
    rig_release(&r);
}

/* ---- readers ---- */

static void on_pace(evutil_socket_t fd, short what, void *arg)
{
    struct rig *r = arg;
    char some[1024];

    (void)fd, (void)what;
    ssize_t n = recv(r->client, some, sizeof(some), MSG_DONTWAIT);

    if (n > 0)
        cr_assert_eq(buf_append(&r->got, some, (size_t)n), 0);
    r->got_eof = n == 0;
    r->got_reset = n < 0 && errno == ECONNRESET;
}

/* Turns the loop for ms; the client reads 1 KiB every pace_ms, or nothing. */
static void pass(struct rig *r, int64_t ms, int pace_ms)
{
    struct event *pace = event_new(r->base, -1, EV_PERSIST, on_pace, r);
    struct timeval tv = {.tv_usec = pace_ms * 1000L};
    int64_t end_ms = clock_mono_ms() + ms;

    if (pace_ms > 0)
        event_add(pace, &tv);
    while (clock_mono_ms() < end_ms && r->gone == 0 && !r->got_reset && !r->got_eof)
        event_base_loop(r->base, EVLOOP_ONCE);
    event_free(pace);
}

/* A stream of n bytes to a client with a small window, which reads 1 KiB every pace_ms. */
static void slow_stream(struct rig *r, const char *request, size_t n, int pace_ms)
{
    static char piece[200000];

    memset(piece, 'p', sizeof(piece));
    rig_init(r);
    r->mode = RIG_STREAM;
    r->receive_bytes = 4096;
    r->limits.write_timeout_ms = 1000;
    rig_connect(r);
    rig_send(r, request);
    while (r->requests == 0)
        event_base_loop(r->base, EVLOOP_ONCE);
    exchange_write(r->ex, piece, n);
    if (pace_ms > 0)
        pass(r, 2500, pace_ms);
}

/* Its window opens by less than a segment, which the kernel's own timeout takes for never. */
Test(http1_connection_watch, a_slow_reader_is_kept)
{
    struct rig r;

    slow_stream(&r, GET11, 200000, 100);
    cr_expect(r.gone == 0 && r.closed == 0 && !r.got_reset, "cut after %zu bytes", r.got.len);
    cr_expect_gt(r.got.len, 8192u);
    rig_release(&r);
}

/* Also one that is only waited for until what was written has reached it. */
Test(http1_connection_watch, a_slow_reader_gets_all_before_a_reset)
{
    struct rig r;

    slow_stream(&r, GET10, 20000, 0);
    exchange_abort(r.ex);
    pass(&r, RIG_PATIENCE_MS, 100);
    cr_expect(r.got_reset);
    cr_expect_gt(r.got.len, 20000u, "%zu bytes", r.got.len);
    rig_release(&r);
}

/* Nothing waits here: the kernel has it all, and the client takes none of it. */
Test(http1_connection_watch, a_reader_that_takes_nothing_is_dropped)
{
    struct rig r;
    int64_t start_ms = clock_mono_ms();

    slow_stream(&r, GET11, 30000, 0);
    while (r.gone == 0 && clock_mono_ms() < start_ms + RIG_PATIENCE_MS)
        event_base_loop(r.base, EVLOOP_ONCE);
    cr_expect(r.gone == 1 && r.closed == 1);
    cr_expect_geq(clock_mono_ms() - start_ms, r.limits.write_timeout_ms * 3 / 4);
    rig_release(&r);
}

/* Whatever stands between us and a client that waits for minutes forgets silent connections. */
Test(http1_connection_watch, a_silent_connection_is_kept_alive)
{
    struct rig r;
    int on = 0, idle_s = 0;
    socklen_t len = sizeof(int);

    rig_init(&r);
    rig_connect(&r);
    cr_assert_eq(getsockopt(r.conn->fd, SOL_SOCKET, SO_KEEPALIVE, &on, &len), 0);
    cr_assert_eq(getsockopt(r.conn->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, &len), 0);
    cr_expect(on != 0 && idle_s > 0 && idle_s <= 60, "%d, %d s", on, idle_s);
    rig_release(&r);
}
