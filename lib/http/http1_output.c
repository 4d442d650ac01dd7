/* http1_output.c - bytes on their way to one socket; http1_output.h has the contract. */
#include "http/http1_output.h"

#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define KEEP_BYTES 4096 /* an empty queue keeps this much memory for the next answer */

void http1_output_init(struct http1_output *o, size_t max_bytes)
{
    buf_init_charged(&o->buf, max_bytes);
    o->sent = 0;
}

void http1_output_release(struct http1_output *o)
{
    buf_release(&o->buf);
    o->sent = 0;
}

size_t http1_output_bytes(const struct http1_output *o)
{
    return o->buf.len - o->sent;
}

int http1_output_add(struct http1_output *o, const void *data, size_t len)
{
    return buf_append(&o->buf, data, len);
}

int http1_output_add_chunk(struct http1_output *o, const void *data, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char size[2 * sizeof(len) + 2];
    size_t at = sizeof(size);

    size[--at] = '\n';
    size[--at] = '\r';
    for (size_t n = len; n > 0; n >>= 4)
        size[--at] = digits[n & 15];
    if (len > SIZE_MAX - sizeof(size) - 2 ||
        buf_reserve(&o->buf, sizeof(size) - at + len + 2) < 0)
        return -1;
    return buf_append(&o->buf, size + at, sizeof(size) - at) < 0 ||
                   buf_append(&o->buf, data, len) < 0 || buf_append(&o->buf, "\r\n", 2) < 0
               ? -1
               : 0;
}

/* n bytes of the queue were taken. */
static void drop(struct http1_output *o, size_t n)
{
    o->sent += n;
    if (o->sent == o->buf.len) {
        o->sent = 0;
        if (o->buf.cap > KEEP_BYTES)
            buf_release(&o->buf);
        else
            buf_clear(&o->buf);
    } else if (o->sent > o->buf.len / 2) { /* each byte is moved at most once on average */
        buf_consume(&o->buf, o->sent);
        o->sent = 0;
    }
}

enum http_sent http1_output_send(struct http1_output *o, int fd, struct str tail)
{
    size_t waiting = http1_output_bytes(o), all = waiting + tail.len;
    struct iovec iov[2] = {{waiting > 0 ? o->buf.data + o->sent : NULL, waiting},
                           {(void *)(uintptr_t)tail.ptr, tail.len}};
    struct msghdr msg = {.msg_iov = iov + (waiting == 0),
                         .msg_iovlen = 2 - (size_t)(waiting == 0)};
    ssize_t n;

    if (all == 0)
        return HTTP_SENT_ALL;
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
        return HTTP_SENT_FAILED;
    size_t took = n > 0 ? (size_t)n : 0, of_queue = took < waiting ? took : waiting;

    if (waiting > 0)
        drop(o, of_queue);
    if (took < all && tail.len > 0 &&
        buf_append(&o->buf, tail.ptr + (took - of_queue), tail.len - (took - of_queue)) < 0)
        return HTTP_SENT_FAILED;
    return took == all ? HTTP_SENT_ALL : took > 0 ? HTTP_SENT_SOME : HTTP_SENT_NONE;
}
