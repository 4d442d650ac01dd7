/* breakers.c - names, and answers from the event loop; breakers.h has the contract.
 *
 * The queue holds one answer per probe asked for that was not answered yet, so the requests in
 * flight bound it. */
#include "fleet/breakers.h"

#include "base/loop.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

static const char *const verdict_names[] = {[BREAKER_PROBE_OK] = "ok",
                                            [BREAKER_PROBE_FAIL] = "fail",
                                            [BREAKER_PROBE_ABANDON] = "abandon"};

const char *breakers_verdict_name(enum breaker_verdict v)
{
    assert((size_t)v < ARRAY_LEN(verdict_names));
    return verdict_names[v];
}

struct breakers_later {
    struct event *event;
    void (*give)(void *arg);
    void *arg;
    struct breakers_probe_answer *answers;
    size_t n, taken, cap;
};

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct breakers_later *l = arg;

    (void)fd, (void)what;
    l->give(l->arg); /* may free l */
}

struct breakers_later *breakers_later_new(struct event_base *base, void (*give)(void *arg),
                                          void *arg)
{
    struct breakers_later *l = xcalloc(1, sizeof(*l));

    l->event = loop_timer_new(base, on_later, l);
    l->give = give;
    l->arg = arg;
    return l;
}

void breakers_later_free(struct breakers_later *l)
{
    if (l == NULL)
        return;
    event_free(l->event);
    free(l->answers);
    free(l);
}

void breakers_later_wake(struct breakers_later *l)
{
    event_active(l->event, 0, 0);
}

void breakers_later_answer(struct breakers_later *l, const struct breakers_probe_answer *a)
{
    if (l->n == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 16;
        l->answers = xrealloc(l->answers, l->cap * sizeof(l->answers[0]));
    }
    l->answers[l->n++] = *a;
    breakers_later_wake(l);
}

bool breakers_later_take(struct breakers_later *l, struct breakers_probe_answer *out)
{
    if (l->taken == l->n) {
        l->n = l->taken = 0;
        return false;
    }
    *out = l->answers[l->taken++];
    return true;
}
