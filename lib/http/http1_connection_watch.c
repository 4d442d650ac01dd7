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
 * STALLS  A client that takes nothing for write_timeout is dropped; one that takes little is not.
 * What it acknowledged is what it took: our queue says too little, because the kernel holds what
 * left it, and tells us that a socket is writable only after a good part of that has gone.
 *
 * REJECTED  TCP_USER_TIMEOUT for stalls: where a slow reader's window opens by less than the next
 * segment, Linux sends what fits by its zero window probes and counts all of that time as one
 * silence, so it cut off clients that read 10 KB/s.  TCP keep-alive for leaves (a closed Linux socket acknowledges an empty segment), urgent data
 * (RFC 6093: middleboxes turn it into data), EV_CLOSED (libevent 2.1 hides a reset from it and
 * spins), taking every FIN for a leave.
 */
#include "http/http1_connection_impl.h"

#include "base/clock.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#define SNAPSHOT_MS   100
#define POKE_FIRST_MS 300
#define POKE_AGAIN_MS 700
#define RESET_LOOK_MS 10
#define STALL_LOOKS   4     /* in one write_timeout */
#define PIECE_BYTES   16384 /* less than that is no progress where memory is short */

int64_t http1_connection_earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int http1_connection_unacked(const struct http1_connection *c)
{
    int bytes;

    return ioctl(c->fd, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

/* How far the client has come, or the kernel where it does not tell. */
static int64_t taken_bytes(const struct http1_connection *c)
{
    int unacked = http1_connection_unacked(c);

    return c->sent_bytes - (unacked > 0 ? unacked : 0);
}

/* c->now_ms is that of the last callback of ours: an owner may write long after it. */
void http1_connection_plan_stall(struct http1_connection *c)
{
    if (c->stall_due_ms != HTTP1_CONNECTION_NEVER)
        return;
    c->taken_ms = clock_mono_ms();
    c->taken_bytes = taken_bytes(c);
    c->stall_due_ms = c->taken_ms + c->limits->write_timeout_ms / STALL_LOOKS;
}

bool http1_connection_look_stall(struct http1_connection *c)
{
    int64_t taken = taken_bytes(c);

    if (taken >= c->sent_bytes && http1_output_bytes(&c->out) == 0) {
        c->stall_due_ms = HTTP1_CONNECTION_NEVER;
        return false;
    }
    if (taken > c->taken_bytes) {
        c->taken_bytes = taken;
        c->taken_ms = c->now_ms;
    }
    c->stall_due_ms = c->now_ms + c->limits->write_timeout_ms / STALL_LOOKS;
    return c->now_ms - c->taken_ms >= c->limits->write_timeout_ms;
}

/* ---- where memory is short ---- */

size_t http1_connection_held_bytes(const struct http1_connection *c)
{
    bool sends = c->state == CONN_HEAD || c->state == CONN_BODY;
    bool takes = http1_output_bytes(&c->out) > 0;

    return sends || takes ? c->in.cap + c->body.cap + c->out.buf.cap : 0;
}

int64_t http1_connection_still_ms(struct http1_connection *c, int64_t now_ms)
{
    int64_t bytes = (int64_t)(c->in.len + c->body.len) + taken_bytes(c);

    if (c->moved_ms == 0 || bytes < c->moved_bytes || bytes - c->moved_bytes >= PIECE_BYTES) {
        c->moved_ms = now_ms;
        c->moved_bytes = bytes;
    }
    return now_ms - c->moved_ms;
}

void http1_connection_shed(struct http1_connection *c)
{
    c->shed = true;
    http1_connection_wake(c);
}

void http1_connection_give_up(struct http1_connection *c)
{
    c->shed = false;
    if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        http1_connection_refuse_full(c);
    } else if (http1_output_bytes(&c->out) > 0) {
        http1_connection_set_reset(c, true);
        c->broken = true;
    }
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
