/* test_http1_output.c - the output queue: order, caps, chunks, partial writes. */
#include "http/http1_output.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOTHING ((struct str){NULL, 0})

Test(http1_output, chunk_sizes)
{
    static const struct {
        size_t len;
        const char *head;
    } rows[] = {
        {1, "1\r\n"}, {15, "f\r\n"}, {16, "10\r\n"}, {255, "ff\r\n"}, {4096, "1000\r\n"}};
    static const char zeros[4096];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct http1_output o;
        size_t head = strlen(rows[i].head);

        http1_output_init(&o, 10000);
        cr_assert_eq(http1_output_add_chunk(&o, zeros, rows[i].len), 0);
        cr_expect_eq(http1_output_bytes(&o), head + rows[i].len + 2);
        cr_expect_eq(memcmp(o.buf.data, rows[i].head, head), 0);
        cr_expect_eq(memcmp(o.buf.data + o.buf.len - 2, "\r\n", 2), 0);
        http1_output_release(&o);
    }
}

Test(http1_output, a_chunk_over_the_cap_leaves_nothing_behind)
{
    for (size_t max = 7; max <= 9; max++) { /* "3\r\nabc\r\n" needs 8 */
        struct http1_output o;

        http1_output_init(&o, max);
        cr_expect_eq(http1_output_add_chunk(&o, "abc", 3), max < 8 ? -1 : 0);
        cr_expect_eq(http1_output_bytes(&o), max < 8 ? 0u : 8u);
        http1_output_release(&o);
    }
}

Test(http1_output, everything_arrives_in_order_through_a_full_socket)
{
    struct http1_output o;
    int pair[2];
    size_t len = 4u << 20, got = 0, queued = 1000;
    char *all = xcalloc(1, len), *in = xcalloc(1, len);
    enum http_sent sent;
    bool was_full = false;

    for (size_t i = 0; i < len; i++)
        all[i] = (char)(i * 2654435761u >> 13);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    http1_output_init(&o, len);
    cr_assert_eq(http1_output_add(&o, all, queued), 0);
    sent = http1_output_send(&o, pair[0], (struct str){all + queued, len - queued});
    while (got < len) {
        ssize_t n =
            recv(pair[1], in + got, len - got < 70001 ? len - got : 70001, MSG_DONTWAIT);

        got += n > 0 ? (size_t)n : 0;
        was_full |= sent == HTTP_SENT_NONE || sent == HTTP_SENT_SOME;
        if (http1_output_bytes(&o) > 0)
            sent = http1_output_send(&o, pair[0], NOTHING);
        cr_assert_neq(sent, HTTP_SENT_FAILED);
    }
    cr_expect(was_full, "the socket never filled");
    cr_expect_eq(memcmp(all, in, len), 0);
    cr_expect_eq(http1_output_send(&o, pair[0], NOTHING), HTTP_SENT_ALL);
    close(pair[1]);
    cr_expect_eq(http1_output_send(&o, pair[0], STR("x")), HTTP_SENT_FAILED);
    close(pair[0]);
    free(all);
    free(in);
    http1_output_release(&o);
}

Test(http1_output, a_tail_over_the_cap_fails)
{
    struct http1_output o;
    int pair[2];
    size_t len = 8u << 20;
    char *all = xcalloc(1, len);

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    http1_output_init(&o, 1024);
    cr_expect_eq(http1_output_send(&o, pair[0], (struct str){all, len}), HTTP_SENT_FAILED);
    close(pair[0]);
    close(pair[1]);
    free(all);
    http1_output_release(&o);
}
