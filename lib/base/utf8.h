/* utf8.h - tells a well-formed UTF-8 sequence from anything else (RFC 3629 section 4). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the well-formed sequence at the start of p (1..4), looking at no more than n bytes;
 * 0 when there is none: a stray or missing continuation byte, an overlong form, a surrogate,
 * a code point above U+10FFFF, or n == 0. */
size_t utf8_len(const unsigned char *p, size_t n);

/* The code point of the well-formed sequence of len bytes at p: what utf8_put() wrote. */
uint32_t utf8_get(const unsigned char *p, size_t len);

/* Does cp act on whoever shows a text instead of being shown: C0, DEL and C1, which terminals
 * obey, and the marks that turn the direction of what follows (UAX #9 section 2), by which a line
 * reads as another one. */
bool utf8_steers(uint32_t cp);

/* Writes code point cp (not a surrogate, at most U+10FFFF) to out and returns its 1..4 bytes.
 */
size_t utf8_put(uint32_t cp, char out[4]);

#endif
