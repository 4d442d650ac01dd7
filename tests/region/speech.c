/* speech.c - the words an answer consists of; speech.h has the contract.
 *
 * Word i depends on the seed and on i alone, so two regions with the same seed say the same,
 * and an endless answer needs no memory. */
#include "tests/region/speech.h"

#include "tests/region/quote.h"

#include <string.h>

static const char *const words[] = {
    "river",  "stone",  "lamp",   "cloud", "north",   "seven",  "paper",  "green",
    "window", "salt",   "engine", "quiet", "morning", "copper", "field",  "letter",
    "bridge", "winter", "harbor", "plain", "silver",  "garden", "signal", "story",
    "market", "candle", "ocean",  "metal", "valley",  "button", "forest", "thread",
};

uint64_t speech_hash(uint64_t seed, struct str s)
{
    uint64_t h = seed ^ 0xcbf29ce484222325u;

    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
    return h;
}

/* splitmix64 (Vigna, https://prng.di.unimi.it/splitmix64.c): any index without the ones before.
 */
static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static const char *word(uint64_t seed, uint64_t i)
{
    return words[mix(seed + i) % ARRAY_LEN(words)];
}

/* Bytes from at on up to and including the spaces behind the next word. */
static size_t word_len(struct str text, size_t at)
{
    size_t i = at;

    while (i < text.len && text.ptr[i] != ' ')
        i++;
    while (i < text.len && text.ptr[i] == ' ')
        i++;
    return i - at;
}

size_t speech_words(struct str text)
{
    size_t n = 0;

    for (size_t at = 0; at < text.len; at += word_len(text, at))
        n++;
    return n;
}

static void fill(struct speech *s, struct buf *out)
{
    size_t left = s->piece_bytes;

    for (uint64_t k = 0; left > 0; k++) {
        const char *w = word(s->seed ^ mix(s->i), k);
        size_t len = strlen(w);

        len = len < left ? len : left;
        quote_add(out, w, len);
        left -= len;
        if (left > 0) {
            quote_add(out, " ", 1);
            left--;
        }
    }
}

bool speech_next(struct speech *s, struct buf *out)
{
    if (s->n != SIZE_MAX && s->i >= s->n)
        return false;
    if (s->piece_bytes > 0) {
        fill(s, out);
    } else if (s->at < s->echo.len) {
        size_t len = word_len(s->echo, s->at);

        quote_add(out, s->echo.ptr + s->at, len);
        s->at += len;
    } else {
        const char *w = word(s->seed, s->i);

        if (s->i > 0)
            quote_add(out, " ", 1);
        quote_add(out, w, strlen(w));
    }
    s->i++;
    return true;
}
