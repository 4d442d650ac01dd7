/* rand.c - small seeded generator; rand.h says what it is not for. */
#include "base/rand.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15ULL);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

void rand_init(struct rand *r, uint64_t seed)
{
    for (size_t i = 0; i < 4; i++)
        r->s[i] = splitmix(&seed);
}

void rand_init_os(struct rand *r)
{
    uint64_t seed;
    ssize_t n;

    do /* a signal can interrupt the wait for the kernel's pool, early after boot */
        n = getrandom(&seed, sizeof(seed), 0);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(seed))
        abort(); /* cannot fail for 8 bytes once the pool is ready */
    rand_init(r, seed);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t rand_u64(struct rand *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rand_below(struct rand *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, x;

    do
        x = rand_u64(r);
    while (x >= limit);
    return x % n;
}

uint16_t rand_jitter(struct rand *r)
{
    return (uint16_t)(rand_u64(r) >> 48);
}

int64_t rand_backoff_ms(struct rand *r, int64_t first_ms, int64_t max_ms, unsigned failures)
{
    int64_t step_ms = first_ms;

    for (unsigned i = 0; i < failures && step_ms > 0 && step_ms < max_ms; i++)
        step_ms = step_ms > max_ms / 2 ? max_ms : step_ms * 2;
    if (step_ms > max_ms)
        step_ms = max_ms;
    return (int64_t)rand_below(r, (uint64_t)step_ms + 1);
}

void rand_hex(struct rand *r, char *out, size_t digits)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < digits; i++)
        out[i] = hex[rand_u64(r) >> 60];
    out[digits] = '\0';
}
