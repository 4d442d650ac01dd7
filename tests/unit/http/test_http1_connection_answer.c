/* test_http1_connection_answer.c - answers over a real socket: framing, back-pressure, broken
 * ends. */
#include "http_rig.h"

#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GET10 "GET / HTTP/1.0\r\n\r\n"
#define GET11 "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* A request is with the owner, who has started a stream. */
static void begin(struct rig *r, enum rig_mode mode, int64_t length, const char *request)
{
    rig_init(r);
    r->mode = mode;
    r->stream_length = length;
    rig_connect(r);
    rig_send(r, request);
    cr_assert(RIG_WAIT(r, RIG_PATIENCE_MS, r->requests == 1));
}

static bool ends_with(const struct rig *r, const char *tail)
{
    size_t n = strlen(tail);

    return r->got.len >= n && memcmp(r->got.data + r->got.len - n, tail, n) == 0;
}

Test(http1_connection_answer, chunks_leave_in_the_turn_they_are_written)
{
    struct rig r;

    begin(&r, RIG_STREAM, -1, GET11);
    cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, "\r\n\r\n")),
              "the head waits for the body");
    cr_expect_eq(rig_count(&r, "Transfer-Encoding: chunked\r\n"), 1u);
    cr_expect(exchange_write(r.ex, "data: 1\n\n", 9));
    cr_expect(exchange_write(r.ex, "data: 0123456\n\n", 15));
    event_base_loop(r.base, EVLOOP_NONBLOCK); /* exactly one turn */
    cr_expect_eq(http1_connection_output_bytes(r.conn), 0u, "still here after one turn");
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS,
                       ends_with(&r, "9\r\ndata: 1\n\n\r\nf\r\ndata: 0123456\n\n\r\n")));
    exchange_write(r.ex, "", 0); /* would be the last chunk: must not appear */
    exchange_finish(r.ex);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, "\n\n\r\n0\r\n\r\n")));
    r.mode = RIG_ECHO;
    rig_send(&r, GET11);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, "GET / ")),
              "the connection is not kept");
    cr_expect_eq(r.gone, 0);
    rig_release(&r);
}

static const struct {
    const char *name, *request;
    int64_t length;
    bool finish; /* else abort */
    const char *tail;
    bool closes, resets;
} ends[] = {
    {"chunked, finished", GET11, -1, true, "3\r\nabc\r\n0\r\n\r\n", false, false},
    {"chunked, aborted", GET11, -1, false, "3\r\nabc\r\n", true, false},
    {"length, finished", GET11, 3, true, "\r\n\r\nabc", false, false},
    {"length, one too many written", GET11, 2, true, "\r\n\r\nab", false, false},
    {"length, finished too early", GET11, 4, true, "\r\n\r\nabc", true, false},
    {"length, aborted", GET11, 4, false, "\r\n\r\nabc", true, false},
    {"until close, finished", GET10, -1, true, "\r\n\r\nabc", true, false},
    {"until close, aborted", GET10, -1, false, "\r\n\r\nabc", true, true},
    {"HEAD, finished", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", -1, true, "\r\n\r\n", false,
     false},
};

Test(http1_connection_answer, ends_say_whether_the_answer_is_whole)
{
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct rig r;

        begin(&r, RIG_STREAM, ends[i].length, ends[i].request);
        exchange_write(r.ex, "abc", 3);
        if (ends[i].finish)
            exchange_finish(r.ex);
        else
            exchange_abort(r.ex);
        if (ends[i].closes)
            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ends[i].resets ? r.got_reset : r.got_eof),
                      "row '%s': eof %d reset %d", ends[i].name, r.got_eof, r.got_reset);
        else
            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, !http1_connection_is_busy(r.conn)) &&
                          !r.got_eof,
                      "row '%s'", ends[i].name);
        rig_turn(&r);
        cr_expect(ends_with(&r, ends[i].tail), "row '%s' got '%s'", ends[i].name, r.got.data);
        cr_expect_eq(r.gone, 0, "row '%s': on_gone after the end", ends[i].name);
        rig_release(&r);
    }
}

Test(http1_connection_answer, statuses_without_content_have_none)
{
    static const int statuses[] = {204, 304};

    for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
        struct rig r;

        begin(&r, RIG_HOLD, -1, GET11);
        exchange_reply(r.ex, statuses[i], NULL, 0, STR("never sent"));
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, "\r\n\r\n")));
        cr_expect_eq(rig_count(&r, "Content-Length"), 0u);
        cr_expect_eq(rig_count(&r, "never"), 0u);
        rig_release(&r);
    }
}

Test(http1_connection_answer, a_field_cannot_split_the_answer)
{
    struct rig r;
    struct http_reply_field f[] = {{"a", STR("b\r\nSet-Cookie: x")},
                                   {"c", STR("d\nSet-Cookie: x")},
                                   {"e", {"f\0g", 3}},
                                   {"h", STR("kept")}};

    begin(&r, RIG_HOLD, -1, GET11);
    exchange_reply(r.ex, 200, f, ARRAY_LEN(f), STR("."));
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, ".")));
    cr_expect_eq(rig_count(&r, "Set-Cookie"), 0u);
    cr_expect_eq(rig_count(&r, "h: kept\r\n"), 1u);
    cr_expect_eq(rig_count(&r, "\r\ne: "), 0u);
    rig_release(&r);
}

Test(http1_connection_answer, a_large_answer_arrives_whole_while_the_client_is_slow)
{
    struct rig r;
    size_t len = 12u << 20;
    char *body = xcalloc(1, len);

    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + i % 23);
    begin(&r, RIG_HOLD, -1, GET11);
    exchange_reply(r.ex, 200, NULL, 0, (struct str){body, len});
    cr_expect_gt(http1_connection_output_bytes(r.conn), 0u,
                 "the socket took all of it at once");
    cr_expect(
        RIG_WAIT(&r, RIG_PATIENCE_MS, r.got.len > len && !http1_connection_is_busy(r.conn)));
    cr_assert_gt(r.got.len, len);
    cr_expect_eq(memcmp(r.got.data + r.got.len - len, body, len), 0);
    free(body);
    rig_release(&r);
}

/* How large one piece may be is its owner's business, who holds it anyway. */
Test(http1_connection_answer, a_piece_has_no_cap_of_its_own)
{
    static const size_t len = (size_t)72 << 20;
    char *body = xcalloc(1, len);

    memset(body, 'x', len);
    for (int streamed = 0; streamed <= 1; streamed++) {
        struct rig r;

        begin(&r, streamed ? RIG_STREAM : RIG_HOLD, -1, GET11);
        if (streamed) {
            cr_expect_not(exchange_write(r.ex, body, len), "not told to pause");
            exchange_finish(r.ex);
        } else {
            exchange_reply(r.ex, 200, NULL, 0, (struct str){body, len});
        }
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got.len > len || r.closed > 0));
        cr_expect_gt(r.got.len, len, "%zu bytes came", r.got.len);
        cr_expect_eq(r.closed, 0, "the connection is not kept");
        rig_release(&r);
    }
    free(body);
}

Test(http1_connection_answer, a_slow_reader_pauses_the_source)
{
    struct rig r;
    char piece[8192];
    size_t written = 0, most = 0;

    memset(piece, 'p', sizeof(piece));
    begin(&r, RIG_STREAM, -1, GET11);
    while (exchange_write(r.ex, piece, sizeof(piece)) && written < (size_t)1 << 26) {
        written += sizeof(piece);
        event_base_loop(r.base, EVLOOP_NONBLOCK); /* the client does not read */
        most = http1_connection_output_bytes(r.conn) > most
                   ? http1_connection_output_bytes(r.conn)
                   : most;
    }
    cr_expect_lt(written, (size_t)1 << 26, "never told to pause");
    cr_expect_leq(most, r.limits.output_max_bytes);
    cr_expect_leq(http1_connection_output_bytes(r.conn),
                  r.limits.output_max_bytes + sizeof(piece) + 20);
    cr_expect_eq(r.writable, 0);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.writable == 1), "not told to go on");
    cr_expect_leq(http1_connection_output_bytes(r.conn), r.limits.output_max_bytes / 2);
    cr_expect(exchange_write(r.ex, "x", 1));
    exchange_finish(r.ex);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, "1\r\nx\r\n0\r\n\r\n")));
    cr_expect_eq(r.gone, 0);
    rig_release(&r);
}

Test(http1_connection_answer, a_reader_that_stalls_is_dropped)
{
    struct rig r;
    char piece[8192];
    int64_t start_ms;

    memset(piece, 'p', sizeof(piece));
    rig_init(&r);
    r.mode = RIG_STREAM;
    r.limits.write_timeout_ms = 300;
    rig_connect(&r);
    rig_send(&r, GET11);
    while (r.requests == 0)
        event_base_loop(r.base, EVLOOP_ONCE);
    while (exchange_write(r.ex, piece, sizeof(piece)))
        event_base_loop(r.base, EVLOOP_NONBLOCK);
    start_ms = clock_mono_ms();
    while (r.gone == 0 && clock_mono_ms() < start_ms + RIG_PATIENCE_MS)
        event_base_loop(r.base, EVLOOP_ONCE);
    cr_expect_eq(r.gone, 1);
    cr_expect_eq(r.closed, 1);
    cr_expect_geq(clock_mono_ms() - start_ms, r.limits.write_timeout_ms * 3 / 4);
    rig_release(&r);
}

Test(http1_connection_answer, the_reset_waits_for_what_was_written)
{
    struct rig r;
    static char piece[300000];

    memset(piece, 'p', sizeof(piece));
    begin(&r, RIG_STREAM, -1, GET10);
    exchange_write(r.ex, piece, sizeof(piece));
    exchange_abort(r.ex);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_reset));
    cr_expect_gt(r.got.len, sizeof(piece), "%zu bytes came", r.got.len);
    rig_release(&r);
}

/* To HTTP/1.0 the close is the end of the answer: whoever closes too early has to reset. */
Test(http1_connection_answer, closed_too_early_is_a_reset)
{
    static const struct {
        const char *name;
        bool finish, all_sent, reset;
    } rows[] = {
        {"in the middle", false, true, true},
        {"finished, not sent", true, false, true},
        {"finished and sent", true, true, false},
    };
    static char piece[8 << 20];

    memset(piece, 'p', sizeof(piece));
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t len = rows[i].all_sent ? 100 : sizeof(piece);
        struct rig r;

        begin(&r, RIG_STREAM, -1, GET10);
        exchange_write(r.ex, piece, len);
        if (rows[i].finish)
            exchange_finish(r.ex);
        if (rows[i].all_sent)
            cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, ends_with(&r, "ppp")), "%s", rows[i].name);
        http1_connection_free(r.conn);
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_reset || r.got_eof), "%s", rows[i].name);
        cr_expect_eq(r.got_reset, rows[i].reset, "%s", rows[i].name);
        rig_release(&r);
    }
}
