/* http1_connection_watch.c - is the client of a running request still there?
 *
 * A client that shut only its sending side (which is legal, and is served to the end) and one
 * that left send the same FIN.  What tells them apart is the reset with which a closed socket
 * answers our next byte (RFC 9293 3.10.7.1), so after a FIN we poke: we send bytes that mean
 * nothing to a living client:
 *   - before the answer: "100 Continue", which a client can simply discard when it did not
 *     expect it (RFC 9110 15.2.1); not to HTTP/1.0 (15.2), which is served blindly;
 *   - within a chunked answer: a leading zero of the next chunk size, which is 1*HEXDIG
 *     (RFC 9112 7.1), the last one being 1*"0";
 *   - within an answer of known length there is no such byte: the next piece will tell.
 * The first goes out 300 ms after the FIN, so a quick answer to a half-closed client is free
 * of them.  The socket is looked at until poll(2) says POLLERR or POLLHUP.
 *
 * A client that pipelined more than `in` takes is treated alike: its FIN stands behind bytes
 * that we do not read, perhaps still on its own side.
 *
 * REJECTED  TCP keep-alive (a closed Linux socket acknowledges an empty segment), urgent data
 * (RFC 6093: middleboxes turn it into data), EV_CLOSED (libevent 2.1 hides a reset from it and
 * spins), taking every FIN for a leave.
 */
#include "http/http1_connection_impl.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#define SNAPSHOT_MS   100
#define POKE_FIRST_MS 300
#define POKE_AGAIN_MS 700
#define RESET_LOOK_MS 10

int64_t http1_connection_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int http1_connection_unacked(const struct http1_connection *c)
{
    int bytes;

    return ioctl(c->fd, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

/* The kernel tells us that a socket is writable only after a good part of its buffer has left,
 * which a slow client may need longer for than the deadline: what it acknowledged counts. */
bool http1_connection_is_stalled(struct http1_connection *c)
{
    int now = http1_connection_unacked(c);

    if (now < 0 || c->unacked_bytes < 0 || now >= c->unacked_bytes)
        return true;
    c->unacked_bytes = now;
    c->stall_due_ms = c->now_ms + c->limits->write_timeout_ms;
    return false;
}

void http1_connection_plan_look(struct http1_connection *c)
{
    bool waiting = c->state == CONN_BUSY || c->state == CONN_FLUSH;

    if (c->state == CONN_RESET) {
        c->snapshot_ms = http1_connection_earlier(c->snapshot_ms, c->now_ms + RESET_LOOK_MS);
    } else if (waiting && (c->fin || !c->reading)) {
        c->snapshot_ms = http1_connection_earlier(c->snapshot_ms, c->now_ms + SNAPSHOT_MS);
        if (c->poke_ms == HTTP1_CONNECTION_NEVER)
            c->poke_ms = c->now_ms + POKE_FIRST_MS;
    } else {
        c->snapshot_ms = HTTP1_CONNECTION_NEVER;
    }
}

void http1_connection_look(struct http1_connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLRDHUP};

    c->snapshot_ms = HTTP1_CONNECTION_NEVER;
    if (c->state == CONN_RESET) {
        if (http1_connection_unacked(c) <= 0)
            c->state_due_ms = c->now_ms;
        return;
    }
    if (poll(&p, 1, 0) > 0) {
        if (p.revents & (POLLERR | POLLHUP | POLLNVAL))
            c->broken = true;
        c->fin = true;
    }
    if (c->state == CONN_BUSY && c->now_ms >= c->poke_ms) {
        c->poke_ms = c->now_ms + POKE_AGAIN_MS;
        http1_connection_poke(c);
    }
}
