/* address.h - which hosts are looked up anew although curl still has an address of theirs.
 *
 * curl keeps an address for upstream.dns_cache whatever becomes of it.  One that no connection
 * can be made to is worth less than a look-up, but a host that is dead under its right address
 * must not have the resolver asked for every request: the waits between two such look-ups
 * double, and a connection that stands takes them back. */
#ifndef UPSTREAM_ADDRESS_H
#define UPSTREAM_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPSTREAM_ADDRESS_WAIT_MIN_MS 1000
#define UPSTREAM_ADDRESS_WAIT_MAX_MS 30000

struct upstream_address { /* of a host that could not be connected to */
    char *host;
    bool bad;        /* nobody has looked it up since */
    int64_t due_ms;  /* not before */
    int64_t wait_ms; /* between the next look-up and the one after it */
};

struct upstream_addresses {
    struct upstream_address slots[64];
    size_t n, next; /* next: to be replaced when all are taken */
};
void upstream_addresses_release(struct upstream_addresses *t);

/* No connection to host came about; host is any name for it, copied. */
void upstream_address_fail(struct upstream_addresses *t, const char *host);
/* One stands. */
void upstream_address_work(struct upstream_addresses *t, const char *host);
/* true: the call that starts now has to look the host up anew, which is noted as done. */
bool upstream_address_take_due(struct upstream_addresses *t, const char *host, int64_t now_ms);

#endif
