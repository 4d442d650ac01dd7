/* vtime.c - virtual time; vtime.h has the contract.
 *
 * The functions it stands in for take no context, so the one simulation that runs at a time is
 * a static object here. */
#include "vtime.h"

#include "base/base.h"
#include "base/clock.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct vtime_job {
    int64_t at_us;
    uint64_t seq; /* jobs of one moment run in the order they came */
    size_t at;    /* in the heap */
    int owner;
    void (*fn)(void *arg);
    void *arg;
};

static struct {
    int64_t now_us;
    uint64_t seq;
    struct vtime_job **heap;
    size_t n, cap;
    int owner;
    int64_t mono_ms[VTIME_OWNERS], wall_ms[VTIME_OWNERS];
    struct rand rand, seeds;
} v;

void vtime_start(uint64_t seed)
{
    free(v.heap);
    memset(&v, 0, sizeof(v));
    rand_init(&v.rand, seed);
    rand_init(&v.seeds, ~seed);
}

void vtime_stop(void)
{
    for (size_t i = 0; i < v.n; i++)
        free(v.heap[i]);
    free(v.heap);
    v.heap = NULL;
    v.n = v.cap = 0;
}

static bool is_before(const struct vtime_job *a, const struct vtime_job *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->seq < b->seq;
}

static void put(size_t i, struct vtime_job *j)
{
    v.heap[i] = j;
    j->at = i;
}

static void sift_up(size_t i)
{
    struct vtime_job *j = v.heap[i];

    for (; i > 0 && is_before(j, v.heap[(i - 1) / 2]); i = (i - 1) / 2)
        put(i, v.heap[(i - 1) / 2]);
    put(i, j);
}

static void sift_down(size_t i)
{
    struct vtime_job *j = v.heap[i];

    for (size_t child; (child = 2 * i + 1) < v.n; i = child) {
        if (child + 1 < v.n && is_before(v.heap[child + 1], v.heap[child]))
            child++;
        if (!is_before(v.heap[child], j))
            break;
        put(i, v.heap[child]);
    }
    put(i, j);
}

struct vtime_job *vtime_at(int64_t at_us, int owner, void (*fn)(void *arg), void *arg)
{
    struct vtime_job *j = xcalloc(1, sizeof(*j));

    if (v.n == v.cap) {
        v.cap = v.cap > 0 ? 2 * v.cap : 64;
        v.heap = xrealloc(v.heap, v.cap * sizeof(v.heap[0]));
    }
    *j = (struct vtime_job){.at_us = at_us > v.now_us ? at_us : v.now_us,
                            .seq = v.seq++,
                            .owner = owner,
                            .fn = fn,
                            .arg = arg};
    put(v.n++, j);
    sift_up(j->at);
    return j;
}

static void take_out(struct vtime_job *job)
{
    size_t i = job->at;

    if (i != --v.n) {
        put(i, v.heap[v.n]);
        sift_down(i);
        sift_up(i);
    }
}

void vtime_cancel(struct vtime_job *job)
{
    if (job == NULL)
        return;
    take_out(job);
    free(job);
}

bool vtime_step(int64_t until_us)
{
    if (v.n == 0 || v.heap[0]->at_us > until_us) {
        v.now_us = until_us > v.now_us ? until_us : v.now_us;
        return false;
    }
    struct vtime_job *j = v.heap[0];

    take_out(j);
    v.now_us = j->at_us;
    v.owner = j->owner;
    j->fn(j->arg);
    v.owner = 0;
    free(j);
    return true;
}

int64_t vtime_us(void)
{
    return v.now_us;
}

int vtime_owner(void)
{
    return v.owner;
}

int vtime_become(int owner)
{
    int was = v.owner;

    v.owner = owner;
    return was;
}

void vtime_set_offset(int owner, int64_t mono_ms, int64_t wall_ms)
{
    v.mono_ms[owner] = mono_ms;
    v.wall_ms[owner] = wall_ms;
}

struct rand *vtime_rand(void)
{
    return &v.rand;
}

/* ---- in front of base/clock.c and libc ---- */

int64_t clock_mono_us(void)
{
    return v.now_us + v.mono_ms[v.owner] * 1000;
}

int64_t clock_mono_ms(void)
{
    return clock_mono_us() / 1000;
}

int64_t clock_wall_ms(void)
{
    return INT64_C(1700000000000) + v.now_us / 1000 + v.wall_ms[v.owner];
}

ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    (void)flags;
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)to)[i] = (unsigned char)rand_u64(&v.seeds);
    return (ssize_t)n;
}

/* ---- in front of libevent: its timers, nothing else ---- */

struct event {
    event_callback_fn cb;
    void *arg;
    int owner;
    short events;
    int64_t every_us;
    struct vtime_job *job;
};

static void fire(void *arg)
{
    struct event *ev = arg;

    ev->job = NULL;
    if (ev->events & EV_PERSIST)
        ev->job = vtime_at(v.now_us + ev->every_us, ev->owner, fire, ev);
    ev->cb(-1, EV_TIMEOUT, ev->arg);
}

struct event *event_new(struct event_base *base, evutil_socket_t fd, short events,
                        event_callback_fn cb, void *arg)
{
    struct event *ev = xcalloc(1, sizeof(*ev));

    (void)base, (void)fd;
    *ev = (struct event){.cb = cb, .arg = arg, .owner = v.owner, .events = events};
    return ev;
}

int event_add(struct event *ev, const struct timeval *tv)
{
    ev->every_us = (int64_t)tv->tv_sec * 1000000 + tv->tv_usec;
    vtime_cancel(ev->job);
    ev->job = vtime_at(v.now_us + ev->every_us, ev->owner, fire, ev);
    return 0;
}

int event_del(struct event *ev)
{
    vtime_cancel(ev->job);
    ev->job = NULL;
    return 0;
}

void event_active(struct event *ev, int what, short calls)
{
    (void)what, (void)calls;
    vtime_cancel(ev->job);
    ev->job = vtime_at(v.now_us, ev->owner, fire, ev);
}

int event_pending(const struct event *ev, short events, struct timeval *tv)
{
    (void)tv;
    return ev->job != NULL ? events & EV_TIMEOUT : 0;
}

void event_free(struct event *ev)
{
    event_del(ev);
    free(ev);
}
