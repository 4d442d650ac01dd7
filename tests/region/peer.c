/* peer.c - one connection: bytes in, requests out, bytes back; peer.h has the contract.
 *
 * One request is answered at a time; what a client sends meanwhile waits in `in`.  A client
 * that closes or half-closes while its answer is under way is gone: that is what a vendor sees
 * of a router that gave up.
 *
 * Every function that may free the connection says so by returning false. */
#include "tests/region/peer.h"

#include "base/clock.h"
#include "tests/region/play.h"
#include "tests/region/quote.h"
#include "tests/region/serve.h"

#include <event2/event_struct.h>

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define IN_MAX    (WIRE_BODY_MAX + WIRE_HEAD_MAX)
#define OUT_MAX   (80u << 20)
#define KEEP_CAP  (16u << 10) /* an idle connection holds no larger buffer */
#define TURNS_MAX 32          /* steps before the loop serves somebody else */
#define LINGER_MS 2000        /* for the client to take the last bytes before a close */

enum peer_state { PEER_READING, PEER_ANSWERING, PEER_LEAVING, PEER_RESETTING };

struct peer {
    TAILQ_ENTRY(peer) link;
    struct region *region;
    int fd;
    enum peer_state state;
    struct event rd, wr, timer;
    struct buf in, out;
    size_t out_at, head_len, need; /* bytes written; of the request's head; of it whole */
    struct buf chunks;             /* a chunked body, decoded */
    uint64_t id;
    bool control; /* the answer under way is not an attempt's */
    struct attempt *attempt;
    struct play play;
    enum play_verdict verdict;
    int64_t wait_ms, leave_ms;
    int64_t due_us; /* end of the last wait */
};

static void end_attempt(struct peer *c, enum attempt_end end)
{
    if (c->attempt == NULL)
        return;
    c->attempt->events = c->play.events;
    journal_end(&c->region->journal, c->attempt, end);
    c->attempt = NULL;
}

static void peer_free(struct peer *c)
{
    end_attempt(c, ATTEMPT_CLIENT_GONE);
    TAILQ_REMOVE(&c->region->peers, c, link);
    event_del(&c->rd);
    event_del(&c->wr);
    event_del(&c->timer);
    play_release(&c->play);
    buf_release(&c->in);
    buf_release(&c->out);
    buf_release(&c->chunks);
    close(c->fd);
    free(c);
}

static void wake_in(struct peer *c, int64_t ms)
{
    event_add(&c->timer, &(struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000});
}

/* Waits of one answer follow each other from due time to due time, not from wake-up to wake-up:
 * a busy moment would else put the streams it held up into one phase, for ever. */
static void wake_after(struct peer *c, int64_t ms)
{
    int64_t now_us = clock_mono_us(), left_us;

    if (c->due_us < now_us - ms * 1000)
        c->due_us = now_us; /* the first wait, or the client could not take more */
    c->due_us += ms * 1000;
    left_us = c->due_us > now_us ? c->due_us - now_us : 0;
    event_add(&c->timer, &(struct timeval){left_us / 1000000, left_us % 1000000});
}

/* Closing with unread bytes in the socket would reset the connection and could destroy the
 * answer's end on its way: say FIN, then wait for the client to close. */
static void leave(struct peer *c)
{
    play_release(&c->play);
    c->state = PEER_LEAVING;
    shutdown(c->fd, SHUT_WR);
    event_del(&c->wr);
    wake_in(c, LINGER_MS);
}

/* A reset drops bytes that the client's kernel has not got yet, so it waits for them. */
static void reset(struct peer *c)
{
    struct linger hard = {.l_onoff = 1, .l_linger = 0};
    int unsent = 0;

    c->state = PEER_RESETTING;
    if (c->leave_ms == 0)
        c->leave_ms = clock_mono_ms() + LINGER_MS;
    if (ioctl(c->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0 && clock_mono_ms() < c->leave_ms) {
        wake_in(c, 1);
        return;
    }
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    peer_free(c);
}

/* true: everything is written.  false: not yet, an event will go on, or the peer is freed. */
static bool flush(struct peer *c)
{
    const struct fault *f = c->play.fault;

    while (c->out_at < c->out.len) {
        size_t len = c->out.len - c->out_at;
        bool split = f != NULL && f->split_bytes > 0 && len > (size_t)f->split_bytes;

        if (split)
            len = (size_t)f->split_bytes;
        ssize_t n = send(c->fd, c->out.data + c->out_at, len, MSG_NOSIGNAL);

        if (n < 0 && errno != EAGAIN && errno != EINTR) {
            peer_free(c);
            return false;
        }
        if (n < 0) {
            event_add(&c->wr, NULL);
            return false;
        }
        c->out_at += (size_t)n;
        if (c->attempt != NULL)
            c->attempt->sent_bytes += (uint64_t)n;
        if (split) {
            wake_in(c, f->split_ms);
            return false;
        }
    }
    buf_clear(&c->out);
    c->out_at = 0;
    if (c->out.cap > KEEP_CAP)
        buf_release(&c->out);
    return true;
}

/* The answer is written: ready for the next request, or done with this client. */
static bool finish(struct peer *c)
{
    end_attempt(c, ATTEMPT_COMPLETE);
    play_release(&c->play);
    if (!c->play.keep) {
        leave(c);
        return false;
    }
    c->state = PEER_READING;
    return true;
}

/* Carries out what the play said last, now that its bytes are written.  true: go on. */
static bool obey(struct peer *c)
{
    switch (c->verdict) {
    case PLAY_MORE:
        return true;
    case PLAY_WAIT:
        c->verdict = PLAY_MORE;
        wake_after(c, c->wait_ms);
        return false;
    case PLAY_HANG:
        return false;
    case PLAY_END:
        return finish(c);
    case PLAY_CLOSE:
        end_attempt(c, ATTEMPT_CUT);
        leave(c);
        return false;
    case PLAY_RESET:
        end_attempt(c, ATTEMPT_RESET);
        reset(c);
        return false;
    }
    return false;
}

/* true: the answer is over and the connection reads again. */
static bool pump(struct peer *c)
{
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        if (!flush(c) || !obey(c))
            return false;
        if (c->state != PEER_ANSWERING)
            return true;
        c->verdict = play_step(&c->play, &c->out, &c->wait_ms);
    }
    event_add(&c->wr, NULL);
    return false;
}

/* The head has just become whole: what is to come, and who asks. */
static void note_head(struct peer *c, const struct wire_request *req)
{
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

    c->need = c->head_len + (size_t)req->length;
    c->play.old = req->old;
    c->play.keep = req->keep;
    c->control = serve_is_control(req);
    if (!c->control)
        c->attempt = journal_begin(&c->region->journal, (struct str){c->in.data, c->head_len},
                                   !str_eqz(req->method, "POST"), c->id);
    if (req->expects && c->in.len < c->need)
        (void)!send(c->fd, go_on, sizeof(go_on) - 1, MSG_NOSIGNAL);
}

/* The request's head into the region's scratch.  false: more to come, or the peer is freed. */
static bool read_head(struct peer *c)
{
    struct wire_request *req = &c->region->req;
    bool first = c->head_len == 0;
    const char *why;

    if (first)
        c->head_len = wire_head_len(buf_str(&c->in));
    if (c->head_len == 0 && c->in.len <= WIRE_HEAD_MAX)
        return false;
    if (c->head_len == 0 || wire_parse((struct str){c->in.data, c->head_len}, req, &why) < 0) {
        peer_free(c);
        return false;
    }
    if (first)
        note_head(c, req);
    return true;
}

/* The body's bytes; false as above. */
static bool read_body(struct peer *c, struct str *body)
{
    if (!c->region->req.chunked) {
        if (c->in.len < c->need)
            return false;
        *body = (struct str){c->in.data + c->head_len, c->need - c->head_len};
        return true;
    }
    struct str raw = {c->in.data + c->need, c->in.len - c->need};
    size_t used;
    int rc = wire_dechunk(raw, &used, &c->chunks);

    c->need += used; /* the decoded part stays in `in` until the request is over */
    if (rc < 0) {
        peer_free(c);
        return false;
    }
    *body = (struct str){c->chunks.data != NULL ? c->chunks.data : "", c->chunks.len};
    return rc > 0;
}

/* Starts an answer when a whole request has arrived. */
static bool take_request(struct peer *c)
{
    struct region *r = c->region;
    struct str body;

    if (c->in.len == 0 || !read_head(c) || !read_body(c, &body))
        return false;
    c->state = PEER_ANSWERING;
    if (c->control)
        c->verdict = serve_control(r, &r->req, body, &c->play, &c->out);
    else
        c->verdict = serve_attempt(r, &r->req, body, c->attempt, &c->play, &c->out);
    buf_consume(&c->in, c->need);
    c->head_len = c->need = 0;
    if (c->in.cap > KEEP_CAP && c->in.len == 0)
        buf_release(&c->in);
    buf_release(&c->chunks);
    return true;
}

static void run(struct peer *c)
{
    do {
        if (c->state == PEER_READING && !take_request(c))
            return;
    } while (pump(c));
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    struct peer *c = arg;
    ssize_t n = recv(fd, c->region->input, sizeof(c->region->input), 0);

    (void)what;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        peer_free(c);
        return;
    }
    if (c->state == PEER_LEAVING || c->state == PEER_RESETTING)
        return;
    if (buf_append(&c->in, c->region->input, (size_t)n) < 0) {
        peer_free(c);
        return;
    }
    if (c->state == PEER_READING)
        run(c);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    run(arg);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct peer *c = arg;

    (void)fd, (void)what;
    if (c->state == PEER_LEAVING)
        peer_free(c);
    else if (c->state == PEER_RESETTING)
        reset(c);
    else
        run(c);
}

void peer_new(struct region *r, int fd)
{
    struct peer *c = xcalloc(1, sizeof(*c));

    c->region = r;
    c->fd = fd;
    c->id = ++r->n_peers;
    buf_init(&c->in, IN_MAX);
    buf_init(&c->out, OUT_MAX);
    buf_init(&c->chunks, WIRE_BODY_MAX);
    event_assign(&c->rd, r->base, fd, EV_READ | EV_PERSIST, on_read, c);
    event_assign(&c->wr, r->base, fd, EV_WRITE, on_write, c);
    event_assign(&c->timer, r->base, -1, 0, on_timer, c);
    event_add(&c->rd, NULL);
    TAILQ_INSERT_TAIL(&r->peers, c, link);
}

static void close_those(struct region *r, bool idle_only)
{
    struct peer *c = TAILQ_FIRST(&r->peers);

    while (c != NULL) {
        struct peer *next = TAILQ_NEXT(c, link);

        if (!idle_only || (c->state == PEER_READING && c->attempt == NULL))
            peer_free(c);
        c = next;
    }
}

void peer_close_all(struct region *r)
{
    close_those(r, false);
}

void peer_close_idle(struct region *r)
{
    close_those(r, true);
}

void peer_go_on(struct region *r)
{
    struct peer *c;

    TAILQ_FOREACH(c, &r->peers, link)
    {
        if (c->state != PEER_ANSWERING || !play_go_on(&c->play))
            continue;
        c->verdict = PLAY_MORE;
        wake_in(c, 0);
    }
}
