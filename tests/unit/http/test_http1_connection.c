/* test_http1_connection.c - requests over a real socket: framing, order, deadlines, bounds,
 * life. */
#include "http_rig.h"

#include "base/clock.h"
#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " #len "\r\n\r\n"
#define CHUNKED(path)   "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* clang-format off */
static const struct {
    const char *name, *sent;
    const char *want[4]; /* found in this order in what comes back */
    bool closes;
} rows[] = {
    {"plain", GET("/x"), {"HTTP/1.1 200 OK\r\nDate: ", "Content-Length: 7\r\n", "\r\n\r\nGET /x "}, false},
    {"two, one after the other", GET("/a") GET("/b"), {"GET /a ", "HTTP/1.1 200", "GET /b "}, false},
    {"body along with the head", POST("/p", 5) "hello", {"POST /p hello"}, false},
    {"chunked", CHUNKED("/c") "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: v\r\n\r\n" GET("/n"),
        {"POST /c abcde", "GET /n "}, false},
    {"HEAD has no body", "HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n" GET("/n"),
        {"Content-Length: 8\r\n", "\r\n\r\nHTTP/1.1 200 OK", "GET /n "}, false},
    {"Connection: close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" GET("/n"),
        {"Connection: close\r\n", "GET / "}, true},
    {"1.0", "GET / HTTP/1.0\r\n\r\n", {"HTTP/1.1 200", "Connection: close\r\n", "GET / "}, true},
    {"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        {"Connection: keep-alive\r\n", "GET / "}, false},
    {"bad head", "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        {"HTTP/1.1 400 Bad Request\r\n", "Connection: close\r\n", "x-sluice-error: bad_request",
         "{\"code\":\"bad_request\"}"}, true},
    {"good, then bad", GET("/a") "X\r\n\r\n", {"GET /a ", "HTTP/1.1 400"}, true},
    {"unknown version", "GET / HTTP/3.0\r\n", {"HTTP/1.1 505 HTTP Version Not Supported\r\n"}, true},
    {"chunk error", CHUNKED("/") "3\r\nabcd\r\n", {"HTTP/1.1 400"}, true},
    {"chunk extension over 16 bytes", CHUNKED("/") "1;aaaaaaaaaaaaaaaa\r\n", {"HTTP/1.1 400"}, true},
    {"expectation", "POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", {"HTTP/1.1 417"}, true},
    {"length at the limit + 1", POST("/", 100001), {"HTTP/1.1 413 Content Too Large\r\n"}, true},
    {"chunk at the limit + 1", CHUNKED("/") "186a1\r\n", {"HTTP/1.1 413"}, true},
    {"expect and go", "POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n",
        {"HTTP/1.1 100 Continue\r\n\r\n"}, false},
    {"expect with an empty body", "POST /e HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n",
        {"HTTP/1.1 200 OK"}, false},
};
/* clang-format on */

static bool has_in_order(const struct rig *r, const char *const *want)
{
    const char *at = r->got.data;

    for (size_t i = 0; i < 4 && want[i] != NULL; i++) {
        at = at != NULL ? strstr(at, want[i]) : NULL;
        if (at == NULL)
            return false;
        at += strlen(want[i]);
    }
    return true;
}

Test(http1_connection, conversations)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct rig r;

        rig_init(&r);
        rig_connect(&r);
        rig_send(&r, rows[i].sent);
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, has_in_order(&r, rows[i].want)),
                  "row '%s' got '%s'", rows[i].name, r.got.data);
        if (rows[i].closes) {
            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "row '%s' stays open",
                      rows[i].name);
            rig_close_client(&r, false);
            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.closed == 1), "row '%s' is not closed",
                      rows[i].name);
        } else {
            for (int turn = 0; turn < 3; turn++)
                rig_turn(&r);
            cr_expect(!r.got_eof && !r.got_reset, "row '%s' was closed", rows[i].name);
        }
        rig_release(&r);
    }
}

/* The same bytes in random pieces give the same transcript (the dates apart). */
Test(http1_connection, transcript_does_not_depend_on_the_split)
{
    static const char text[] = GET("/1") POST("/2", 5) "hello" CHUNKED(
        "/3") "3;a\r\nabc\r\n0\r\n\r\n" GET("/4") "GET /5 HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n";
    struct rand rnd;

    rand_init(&rnd, 7);
    for (int round = 0; round < 40; round++) {
        struct rig r;
        size_t at = 0;

        rig_init(&r);
        rig_connect(&r);
        while (at < sizeof(text) - 1) {
            size_t n = 1 + rand_below(&rnd, round == 0 ? 1 : 60);

            if (n > sizeof(text) - 1 - at)
                n = sizeof(text) - 1 - at;
            at += rig_try_send(&r, text + at, n);
            rig_turn(&r);
        }
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "round %d", round);
        cr_expect_eq(r.requests, 4);
        cr_expect_eq(rig_count(&r, "HTTP/1.1 200 OK\r\n"), 4u);
        cr_expect_eq(rig_count(&r, "HTTP/1.1 400 Bad Request\r\n"), 1u);
        cr_expect(has_in_order(
            &r, (const char *[4]){"GET /1 ", "POST /2 hello", "POST /3 abc", "GET /4 "}));
        rig_release(&r);
    }
}

Test(http1_connection, pipelined_requests_wait_for_the_answer_before_them)
{
    struct rig r;

    rig_init(&r);
    r.mode = RIG_HOLD;
    rig_connect(&r);
    rig_send(&r, GET("/1") GET("/2") GET("/3"));
    for (int i = 1; i <= 3; i++) {
        char want[16];

        cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, r.requests == i));
        for (int turn = 0; turn < 3; turn++)
            rig_turn(&r);
        cr_assert_eq(r.requests, i, "the next one was started before the answer");
        cr_assert(http1_connection_is_busy(r.conn));
        snprintf(want, sizeof(want), "[%d]", i);
        exchange_reply(r.ex, 200, NULL, 0, str_of(want));
        cr_assert_eq(r.requests, i, "the next one was started inside the answer");
        cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, want) == 1));
    }
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, !http1_connection_is_busy(r.conn)));
    rig_release(&r);
}

Test(http1_connection, body_at_limit_minus_one_limit_and_plus_one)
{
    for (int chunked = 0; chunked < 2; chunked++) {
        for (int len = 999; len <= 1001; len++) {
            struct rig r;
            char head[200], body[1100];

            rig_init(&r);
            r.limits.body_max_bytes = 1000;
            rig_connect(&r);
            memset(body, 'x', sizeof(body));
            body[len] = '\0';
            if (chunked) { /* 500 bytes, then the rest: the sum is what counts */
                rig_send(&r, CHUNKED("/") "1f4\r\n");
                body[500] = '\0';
                rig_send(&r, body);
                snprintf(head, sizeof(head), "\r\n%x\r\n", (unsigned)(len - 500));
                rig_send(&r, head);
                body[500] = 'x';
                rig_send(&r, body + 500);
                rig_send(&r, "\r\n0\r\n\r\n");
            } else {
                snprintf(head, sizeof(head),
                         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n", len);
                rig_send(&r, head);
                rig_send(&r, body);
            }
            const char *want = len <= 1000 ? "HTTP/1.1 200" : "HTTP/1.1 413";

            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, want) == 1), "%d %d: %s",
                      chunked, len, r.got.data);
            if (len <= 1000)
                cr_expect_eq(r.body.len, (size_t)len);
            rig_release(&r);
        }
    }
}

Test(http1_connection, a_large_body_arrives_whole)
{
    struct rig r;
    size_t len = 90000;
    char *body = xcalloc(1, len + 1);

    rig_init(&r);
    rig_connect(&r);
    for (size_t i = 0; i < len; i++)
        body[i] = (char)('a' + i % 23);
    rig_send(&r, POST("/", 90000));
    rig_send(&r, body);
    cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, r.requests == 1));
    cr_expect(r.body.len == len && memcmp(r.body.data, body, len) == 0);
    free(body);
    rig_release(&r);
}

Test(http1_connection, a_served_request_holds_little_more_than_itself)
{
    static const size_t sizes[] = {0, 5, 3000, 4095, 4096, 20000, 90000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct rig r;
        char *body = xcalloc(1, sizes[i] + 1), head[100];

        memset(body, 'b', sizes[i]);
        rig_init(&r);
        r.mode = RIG_HOLD;
        rig_connect(&r);
        snprintf(head, sizeof(head),
                 "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", sizes[i]);
        rig_send(&r, head);
        rig_send(&r, body);
        cr_assert(RIG_WAIT(&r, 2000, r.requests == 1));
        cr_expect(r.body.len == sizes[i] && memcmp(r.body.data, body, sizes[i]) == 0);
        cr_expect_leq(r.conn->in.cap + r.conn->body.cap,
                      strlen(head) + sizes[i] + HTTP1_CONNECTION_SPARE_BYTES + 2,
                      "a body of %zu", sizes[i]);
        cr_expect(str_eqz(http_field_get(r.conn->parser.head.fields,
                                         r.conn->parser.head.n_fields, "host"),
                          "a"),
                  "a body of %zu", sizes[i]); /* it has moved */
        exchange_reply(r.ex, 200, NULL, 0, STR("one"));
        rig_send(&r, POST("/q", 5) "hello");
        cr_assert(RIG_WAIT(&r, 2000, r.requests == 2));
        cr_expect(str_eqz(buf_str(&r.body), "hello"));
        exchange_reply(r.ex, 200, NULL, 0, STR("two"));
        cr_assert(RIG_WAIT(&r, 2000, rig_count(&r, "two") == 1));
        cr_expect_eq(r.conn->in.cap, 0u, "an idle connection holds memory");
        free(body);
        rig_release(&r);
    }
}

Test(http1_connection, the_owner_refuses_before_the_body)
{
    struct rig r;

    rig_init(&r);
    r.refuse_status = 405;
    rig_connect(&r);
    rig_send(&r, POST("/", 5));
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect(has_in_order(&r, (const char *[4]){"HTTP/1.1 405 Method Not Allowed",
                                                 "Connection: close", "Allow: POST\r\n",
                                                 "refused_by_owner"}));
    cr_expect_eq(r.requests, 0);
    rig_release(&r);
}

/* Closing with unread bytes would reset the connection under the answer. */
Test(http1_connection, an_error_answer_survives_a_body_that_is_still_coming)
{
    struct rig r;
    static char waste[65536];
    size_t sent = 0;

    rig_init(&r);
    rig_connect(&r);
    rig_send(&r, POST("/", 4000000));
    while (sent < 4000000 && r.closed == 0) {
        sent += rig_try_send(&r, waste, sizeof(waste));
        event_base_loop(r.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
    }
    cr_expect_geq(sent, 4000000u);
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "reset: %d", r.got_reset);
    cr_expect_eq(rig_count(&r, "HTTP/1.1 413"), 1u);
    rig_release(&r);
}

Test(http1_connection, header_deadline_is_total_however_slowly_bytes_drip)
{
    struct rig r;
    int64_t start_ms, next_ms;

    rig_init(&r);
    r.limits.header_timeout_ms = 300;
    rig_connect(&r);
    rig_send(&r, "GET / HTTP/1.1\r\nX: ");
    start_ms = next_ms = clock_mono_ms();
    while (!r.got_eof && clock_mono_ms() < start_ms + RIG_PATIENCE_MS) {
        if (clock_mono_ms() >= next_ms) {
            rig_try_send(&r, "a", 1);
            next_ms += 20;
        }
        rig_turn(&r);
    }
    cr_expect(r.got_eof && rig_count(&r, "HTTP/1.1 408 Request Timeout") == 1);
    int64_t took_ms = clock_mono_ms() - start_ms;

    cr_expect_geq(took_ms, 250, "%lld ms", (long long)took_ms);
    rig_release(&r);
}

static const struct {
    const char *name, *sent;
    const char *want; /* "" : closed without a word */
} silences[] = {
    {"a connection without a byte", "", ""},
    {"half a head", "GET / HT", "HTTP/1.1 408"},
    {"half a body", POST("/", 10) "hello", "HTTP/1.1 408"},
    {"half a chunk", CHUNKED("/") "5\r\nab", "HTTP/1.1 408"},
    {"idle after an answer", GET("/"), "HTTP/1.1 200"},
};

Test(http1_connection, each_silence_has_a_deadline)
{
    for (size_t i = 0; i < ARRAY_LEN(silences); i++) {
        struct rig r;

        rig_init(&r);
        r.limits.header_timeout_ms = r.limits.body_timeout_ms = r.limits.idle_timeout_ms = 150;
        rig_connect(&r);
        rig_send(&r, silences[i].sent);
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "row '%s' stays open",
                  silences[i].name);
        cr_expect(silences[i].want[0] == '\0' ? r.got.len == 0
                                              : rig_count(&r, silences[i].want) == 1,
                  "row '%s' got '%s'", silences[i].name, r.got.data);
        cr_expect_eq(rig_count(&r, "HTTP/1.1"), silences[i].want[0] != '\0' ? 1u : 0u);
        rig_release(&r);
    }
}

/* Pipelines for ever and never reads an answer: nothing of ours may grow with it. */
Test(http1_connection, a_client_that_only_writes_stays_within_the_bounds)
{
    static const char one[] = GET("/flood");
    struct rig r;
    struct buf flood;
    size_t sent = 0, off = 0, cap_seen = 0, out_seen = 0;
    int64_t end_ms, quiet_ms;

    rig_init(&r);
    r.answer_bytes = 4096;
    r.limits.write_timeout_ms = 600;
    rig_connect(&r);
    buf_init(&flood, 1 << 20);
    while (flood.len < 65536)
        cr_assert_eq(buf_append(&flood, one, sizeof(one) - 1), 0);
    end_ms = clock_mono_ms() + 60000;
    quiet_ms = clock_mono_ms();
    while (r.closed == 0 && clock_mono_ms() < end_ms) {
        size_t n = rig_try_send(&r, flood.data + off, flood.len - off);

        off = (off + n) % flood.len;
        sent += n;
        if (n > 0)
            quiet_ms = clock_mono_ms();
        event_base_loop(r.base, n > 0 ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
        if (r.conn != NULL) {
            size_t out = http1_connection_output_bytes(r.conn);

            cap_seen = r.conn->in.cap > cap_seen ? r.conn->in.cap : cap_seen;
            out_seen = out > out_seen ? out : out_seen;
        }
    }
    cr_expect_eq(r.closed, 1, "not dropped after the write deadline");
    cr_expect_geq(clock_mono_ms() - quiet_ms, r.limits.write_timeout_ms * 3 / 4);
    cr_expect_gt(sent, 100000u, "the flood did not happen");
    cr_expect_leq(cap_seen, r.limits.head_max_bytes + 16384 + 1);
    cr_expect_leq(out_seen, 2 * (r.answer_bytes + 512), "more than one answer waited");
    buf_release(&flood);
    rig_release(&r);
}

Test(http1_connection, keepalive_requests_is_a_limit)
{
    struct rig r;

    rig_init(&r);
    r.limits.keepalive_requests = 2;
    rig_connect(&r);
    rig_send(&r, GET("/1") GET("/2") GET("/3"));
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(r.requests, 2);
    cr_expect(has_in_order(&r, (const char *[4]){"GET /1 ", "Connection: close", "GET /2 "}));
    rig_release(&r);
}

Test(http1_connection, drain_closes_the_idle_and_ends_the_busy_properly)
{
    struct rig r;

    rig_init(&r);
    r.mode = RIG_HOLD;
    rig_connect(&r);
    rig_send(&r, GET("/"));
    cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, r.requests == 1));
    http1_connection_drain(r.conn);
    for (int turn = 0; turn < 3; turn++)
        rig_turn(&r);
    cr_assert_eq(r.closed, 0, "a running request was cut");
    exchange_reply(r.ex, 200, NULL, 0, STR("done"));
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof));
    cr_expect_eq(rig_count(&r, "Connection: close"), 1u);
    cr_expect_eq(r.gone, 0);
    rig_release(&r);

    rig_init(&r);
    rig_connect(&r);
    rig_send(&r, GET("/"));
    cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "GET / ") == 1));
    http1_connection_drain(r.conn);
    cr_expect_eq(r.closed, 0, "closed inside the call");
    cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof && r.closed == 1));
    rig_release(&r);
}

Test(http1_connection, drain_answers_a_request_that_was_on_its_way)
{
    for (int served = 0; served <= 1; served++) {
        struct rig r;

        rig_init(&r);
        rig_connect(&r);
        if (served) {
            rig_send(&r, GET("/first"));
            cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "GET /first ") == 1));
        }
        http1_connection_drain(r.conn);
        rig_turn(&r);
        rig_send(&r, GET("/late"));
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "served before: %d", served);
        cr_expect_eq(rig_count(&r, "GET /late "), 1u);
        cr_expect_eq(rig_count(&r, "Connection: close"), 1u);
        rig_release(&r);
    }
}

Test(http1_connection, free_tells_the_owner_of_a_running_request)
{
    struct rig r;

    rig_init(&r);
    r.mode = RIG_HOLD;
    rig_connect(&r);
    rig_send(&r, GET("/"));
    cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, r.requests == 1));
    http1_connection_free(r.conn);
    cr_expect(r.gone == 1 && r.closed == 1);
    rig_release(&r);
}

Test(http1_connection, free_inside_a_callback_is_safe)
{
    struct rig r;

    rig_init(&r);
    r.mode = RIG_FREE;
    rig_connect(&r);
    rig_send(&r, GET("/1") GET("/2"));
    cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, r.closed == 1));
    cr_expect(r.gone == 1 && r.requests == 1);
    rig_release(&r);
}
