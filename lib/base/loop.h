/* loop.h - libevent's constructors, which here never fail: they end the process as xcalloc does.
 *
 * An event is a control object.  One that is not there would be dereferenced, and one that is
 * not waited for would leave somebody without a deadline.
 *
 * Inline, so that this room needs no event loop: only who includes this does. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include "base/base.h"

#include <event2/event.h>

static inline struct event_base *loop_new(void)
{
    struct event_base *base = event_base_new();

    if (base == NULL)
        base_out_of_memory("an event loop", 0);
    return base;
}

static inline struct event *loop_event_new(struct event_base *base, evutil_socket_t fd,
                                           short what, event_callback_fn fn, void *arg)
{
    struct event *ev = event_new(base, fd, what, fn, arg);

    if (ev == NULL)
        base_out_of_memory("an event", event_get_struct_event_size());
    return ev;
}

static inline struct event *loop_timer_new(struct event_base *base, event_callback_fn fn,
                                           void *arg)
{
    return loop_event_new(base, -1, 0, fn, arg);
}

static inline struct event *loop_signal_new(struct event_base *base, int number,
                                            event_callback_fn fn, void *arg)
{
    return loop_event_new(base, number, EV_SIGNAL | EV_PERSIST, fn, arg);
}

/* after: from now on at the latest; NULL: without a time. */
static inline void loop_event_add(struct event *ev, const struct timeval *after)
{
    if (event_add(ev, after) < 0)
        base_out_of_memory("room to wait for an event", 0);
}

#endif
