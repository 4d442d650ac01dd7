/* beats.c - beats.h has the contract.
 *
 * REJECTED  A word of the supervisor's over a pipe: it knows of deaths alone, and it may be
 * stopped or busy itself just then. */
#include "router/beats.h"

#include "base/base.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

struct beats {
    int sockets;
    _Atomic int64_t *last_ms; /* 0: never */
};

static size_t bytes(int sockets)
{
    return (size_t)sockets * sizeof(_Atomic int64_t);
}

struct beats *beats_new(int sockets)
{
    struct beats *b = xcalloc(1, sizeof(*b));
    void *map =
        mmap(NULL, bytes(sockets), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED) {
        free(b);
        return NULL;
    }
    b->sockets = sockets;
    b->last_ms = map;
    return b;
}

void beats_free(struct beats *b)
{
    if (b == NULL)
        return;
    munmap(b->last_ms, bytes(b->sockets));
    free(b);
}

void beats_say(struct beats *b, int socket, int64_t now_ms)
{
    atomic_store(&b->last_ms[socket], now_ms);
}

void beats_stop(struct beats *b, int socket)
{
    atomic_store(&b->last_ms[socket], 0);
}

int64_t beats_silence_ms(const struct beats *b, int socket, int64_t now_ms)
{
    int64_t last_ms = atomic_load(&b->last_ms[socket]);

    return last_ms == 0 ? 0 : now_ms - last_ms;
}

bool beats_is_silent(const struct beats *b, int socket, int64_t now_ms)
{
    int64_t last_ms = atomic_load(&b->last_ms[socket]);

    return last_ms == 0 || now_ms - last_ms >= BEATS_SILENT_MS;
}
