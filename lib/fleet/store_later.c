/* store_later.c - a store's answers from the event loop; store_later.h has the contract.
 *
 * The queue holds one answer per store_probe that was not answered yet, so the requests in
 * flight bound it. */
#include "fleet/store_later.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

struct store_later {
    struct event *event;
    void (*give)(void *arg);
    void *arg;
    struct store_probe_answer *answers;
    size_t n, taken, cap;
};

static void on_later(evutil_socket_t fd, short what, void *arg)
{
    struct store_later *l = arg;

    (void)fd, (void)what;
    l->give(l->arg); /* may free l */
}

struct store_later *store_later_new(struct event_base *base, void (*give)(void *arg), void *arg)
{
    struct store_later *l = xcalloc(1, sizeof(*l));

    l->event = event_new(base, -1, 0, on_later, l);
    if (l->event == NULL)
        abort(); /* out of memory for a control object */
    l->give = give;
    l->arg = arg;
    return l;
}

void store_later_free(struct store_later *l)
{
    if (l == NULL)
        return;
    event_free(l->event);
    free(l->answers);
    free(l);
}

void store_later_wake(struct store_later *l)
{
    event_active(l->event, 0, 0);
}

void store_later_answer(struct store_later *l, const struct store_probe_answer *a)
{
    if (l->n == l->cap) {
        l->cap = l->cap > 0 ? l->cap * 2 : 16;
        l->answers = xrealloc(l->answers, l->cap * sizeof(l->answers[0]));
    }
    l->answers[l->n++] = *a;
    store_later_wake(l);
}

bool store_later_take(struct store_later *l, struct store_probe_answer *out)
{
    if (l->taken == l->n) {
        l->n = l->taken = 0;
        return false;
    }
    *out = l->answers[l->taken++];
    return true;
}
