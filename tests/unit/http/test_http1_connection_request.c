/* test_http1_connection_request.c - the owner has an exchange before its body: what may happen
 * until that has come. */
#include "http_rig.h"

#include "base/clock.h"

#include <criterion/criterion.h>

#define GET(path)       "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, len) "POST " path " HTTP/1.1\r\nHost: a\r\nContent-Length: " #len "\r\n\r\n"
#define CHUNKED(path)   "POST " path " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"

/* clang-format off */
static const struct {
    const char *name, *sent;
    bool stays; /* nothing of the request is left on its way */
} earlies[] = {
    {"no body", GET("/"), true},
    {"an empty body", POST("/", 0), true},
    {"a body along with the head", POST("/", 5) "hello", true},
    {"no byte of the body", POST("/", 5), false},
    {"a part of the body", POST("/", 5) "hell", false},
    {"chunks", CHUNKED("/"), false},
    {"a client that waits to be asked",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", false},
};
/* clang-format on */

Test(http1_connection_request, the_owner_answers_before_the_body)
{
    for (size_t i = 0; i < ARRAY_LEN(earlies); i++) {
        struct rig r;

        rig_init(&r);
        r.mode = RIG_EARLY;
        rig_connect(&r);
        rig_send(&r, earlies[i].sent);
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "early") == 1), "row '%s'",
                  earlies[i].name);
        cr_expect_eq(rig_count(&r, "HTTP/1.1 "), 1u, "row '%s': %s", earlies[i].name,
                     r.got.data);
        cr_expect_eq(rig_count(&r, "Connection: close"), !earlies[i].stays, "row '%s'",
                     earlies[i].name);
        if (earlies[i].stays) {
            rig_send(&r, GET("/next"));
            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "early") == 2), "row '%s'",
                      earlies[i].name);
        } else {
            cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "row '%s'", earlies[i].name);
        }
        cr_expect(r.requests == 0 && r.gone == 0, "row '%s'", earlies[i].name);
        rig_release(&r);
    }
}

/* In the middle of an upload; whole or streamed, the answer survives what is still coming. */
Test(http1_connection_request, the_owner_answers_within_the_body)
{
    for (int streamed = 0; streamed <= 1; streamed++) {
        struct rig r;
        static char waste[65536];
        size_t sent = 0;

        rig_init(&r);
        r.mode = RIG_HOLD;
        r.limits.body_max_bytes = 4000000;
        r.limits.body_timeout_ms = 100; /* runs no more once there is an answer */
        rig_connect(&r);
        rig_send(&r, POST("/", 4000000));
        cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, r.ex != NULL));
        if (streamed) {
            exchange_start(r.ex, 200, NULL, 0, -1);
            exchange_write(r.ex, "enough", 6);
            cr_assert(RIG_WAIT(&r, RIG_PATIENCE_MS, rig_count(&r, "enough") == 1));
            cr_expect_not(RIG_WAIT(&r, 200, r.got_eof));
            exchange_write(r.ex, "end", 3);
            exchange_finish(r.ex);
        } else {
            exchange_reply(r.ex, 200, NULL, 0, STR("end"));
        }
        while (sent < 4000000 && r.closed == 0) {
            sent += rig_try_send(&r, waste, sizeof(waste));
            event_base_loop(r.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
        }
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "reset: %d", r.got_reset);
        cr_expect_eq(rig_count(&r, "end"), 1u, "%s", r.got.data);
        cr_expect_eq(rig_count(&r, "HTTP/1.1 "), 1u);
        cr_expect_eq(rig_count(&r, "Connection: close"), 1u);
        cr_expect(r.requests == 0 && r.gone == 0);
        rig_release(&r);
    }
}

/* Who has taken an exchange hears when its body will not come, once. */
Test(http1_connection_request, the_owner_hears_that_the_body_stays_away)
{
    static const char *const sent[] = {POST("/", 9) "hal", CHUNKED("/") "x\r\n",
                                       CHUNKED("/") "186a1\r\n"};

    for (size_t i = 0; i < ARRAY_LEN(sent); i++) {
        struct rig r;

        rig_init(&r);
        r.limits.body_timeout_ms = 100;
        rig_connect(&r);
        rig_send(&r, sent[i]);
        cr_expect(RIG_WAIT(&r, RIG_PATIENCE_MS, r.got_eof), "row %zu", i);
        cr_expect_eq(rig_count(&r, "HTTP/1.1 4"), 1u, "row %zu", i);
        cr_expect(r.gone == 1 && r.requests == 0, "row %zu", i);
        rig_release(&r);
    }
}
