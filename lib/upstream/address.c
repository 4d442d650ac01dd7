/* address.c - addresses that are not worth keeping; address.h has the contract. */
#include "upstream/address.h"

#include "base/base.h"

#include <stdlib.h>
#include <string.h>

static struct upstream_address *find(struct upstream_addresses *t, const char *host)
{
    for (size_t i = 0; i < t->n; i++)
        if (strcmp(t->slots[i].host, host) == 0)
            return &t->slots[i];
    return NULL;
}

static struct upstream_address *take_slot(struct upstream_addresses *t)
{
    struct upstream_address *a;

    if (t->n < ARRAY_LEN(t->slots))
        return &t->slots[t->n++];
    a = &t->slots[t->next];
    t->next = (t->next + 1) % ARRAY_LEN(t->slots);
    free(a->host);
    return a;
}

void upstream_address_fail(struct upstream_addresses *t, const char *host)
{
    struct upstream_address *a = find(t, host);

    if (a == NULL) {
        a = take_slot(t);
        *a = (struct upstream_address){.host = xstrdup(host),
                                       .wait_ms = UPSTREAM_ADDRESS_WAIT_MIN_MS};
    }
    a->bad = true;
}

/* The slot stays: a host where only some connections stand has its waits as well. */
void upstream_address_work(struct upstream_addresses *t, const char *host)
{
    struct upstream_address *a = find(t, host);

    if (a == NULL)
        return;
    a->bad = false;
    a->wait_ms = UPSTREAM_ADDRESS_WAIT_MIN_MS;
}

bool upstream_address_take_due(struct upstream_addresses *t, const char *host, int64_t now_ms)
{
    struct upstream_address *a = find(t, host);

    if (a == NULL || !a->bad || now_ms < a->due_ms)
        return false;
    a->bad = false;
    a->due_ms = now_ms + a->wait_ms;
    a->wait_ms *= 2;
    if (a->wait_ms > UPSTREAM_ADDRESS_WAIT_MAX_MS)
        a->wait_ms = UPSTREAM_ADDRESS_WAIT_MAX_MS;
    return true;
}

void upstream_addresses_release(struct upstream_addresses *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->slots[i].host);
    t->n = t->next = 0;
}
