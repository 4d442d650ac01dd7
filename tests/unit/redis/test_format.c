/* test_format.c - commands go out as arrays of bulk strings, up to the cap. */
#include "redis/format.h"

#include <criterion/criterion.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdint.h>
#include <string.h>

Test(redis_format, writes_resp_up_to_the_cap)
{
    struct event_base *base = event_base_new();
    struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
    struct evbuffer *out = bufferevent_get_output(bev);
    const char *argv[] = {"SET", "k", "a\0b"};
    const size_t lens[] = {3, 1, 3};
    static const char want[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\na\0b\r\n";
    size_t cost = 3 + 1 + 3 + 3 * 32,
           written; /* 32 bytes an argument are reckoned for framing */

    cr_expect_eq(redis_format_send(bev, cost - 1, 3, argv, lens), -1);
    cr_expect_eq(evbuffer_get_length(out), 0u);
    cr_expect_eq(redis_format_send(bev, cost, 3, argv, lens), 0);
    written = evbuffer_get_length(out);
    cr_assert_eq(written, sizeof(want) - 1);
    cr_expect_eq(memcmp(evbuffer_pullup(out, -1), want, written), 0);

    /* What waits already counts. */
    cr_expect_eq(redis_format_send(bev, written + cost - 1, 3, argv, lens), -1);
    cr_expect_eq(redis_format_send(bev, written + cost, 3, argv, lens), 0);
    cr_expect_eq(redis_format_send(bev, 1, 1, argv, NULL), -1);

    /* Sizes that would wrap around. */
    const size_t huge[] = {3, SIZE_MAX - 16, 3};

    cr_expect_eq(redis_format_send(bev, SIZE_MAX / 2, 3, argv, huge), -1);
    cr_expect_eq(redis_format_send(bev, SIZE_MAX, 3, argv, huge), -1);
    cr_expect_eq(redis_format_send(bev, 1000, 0, argv, NULL), -1, "no command at all");
    bufferevent_free(bev);
    event_base_free(base);
}
