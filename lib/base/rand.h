/* rand.h - small seeded generator for jitter, picks and ids.  Not for secrets. */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

struct rand {
    uint64_t s[4]; /* xoshiro256** (Blackman and Vigna, https://prng.di.unimi.it/) */
};

void rand_init(struct rand *r, uint64_t seed); /* same seed, same sequence */
void rand_init_os(struct rand *r);             /* seeded by getrandom(2) */
uint64_t rand_u64(struct rand *r);
uint64_t rand_below(struct rand *r, uint64_t n); /* 0..n-1, unbiased; n >= 1 */
uint16_t rand_jitter(struct rand *r); /* 0..65535: the jitter argument of lib/policy */
/* Before the next try of what failed so often in a row: anything between 0 and first_ms *
 * 2^failures, at most max_ms.  Full jitter spreads those who lost the same thing at the same
 * moment. */
int64_t rand_backoff_ms(struct rand *r, int64_t first_ms, int64_t max_ms, unsigned failures);
void rand_hex(struct rand *r, char *out, size_t digits); /* writes digits + NUL */

#endif
