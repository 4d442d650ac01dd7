/* delivery.c - does news really arrive by push; delivery.h has the contract. */
#include "fleet/delivery.h"

static void forget(struct delivery *d)
{
    d->has_base = false;
    d->pushed = d->want = 0;
    d->due_ms = 0;
}

void delivery_confirmed(struct delivery *d)
{
    forget(d);
    d->subscribed = true;
    d->number++;
}

void delivery_lost(struct delivery *d)
{
    forget(d);
    d->subscribed = false;
}

void delivery_new_generation(struct delivery *d)
{
    forget(d);
    d->number++; /* a sync under way speaks of the old one */
}

void delivery_push(struct delivery *d, uint64_t ver)
{
    if (ver > d->pushed)
        d->pushed = ver;
    if (d->pushed >= d->want)
        d->due_ms = 0;
}

void delivery_sync(struct delivery *d, unsigned number, uint64_t ver, int64_t now_ms)
{
    if (!d->subscribed || number != d->number)
        return;
    if (!d->has_base) {
        d->has_base = true;
        if (ver > d->pushed)
            d->pushed = ver;
    } else if (ver > d->pushed && d->due_ms == 0) {
        d->want = ver;
        d->due_ms = now_ms + DELIVERY_LIMIT_MS;
    }
}

bool delivery_is_overdue(const struct delivery *d, int64_t now_ms)
{
    return d->due_ms != 0 && now_ms >= d->due_ms;
}
