/* store_later.h - answers that a store owes and gives from the event loop, never inside the
 * call that asked. */
#ifndef FLEET_STORE_LATER_H
#define FLEET_STORE_LATER_H

#include "fleet/store.h"

struct store_later; /* opaque: a queue of probe answers and one event */

/* give runs in the loop after any number of store_later_answer/_wake; it takes the answers. */
struct store_later *store_later_new(struct event_base *base, void (*give)(void *arg),
                                    void *arg);
void store_later_free(struct store_later *l); /* NULL is fine; what is owed is dropped */
void store_later_wake(struct store_later *l);
void store_later_answer(struct store_later *l, const struct store_probe_answer *a);
/* The oldest answer still owed; false: none. */
bool store_later_take(struct store_later *l, struct store_probe_answer *out);

#endif
