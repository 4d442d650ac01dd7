/* quote.c - JSON strings; quote.h has the contract. */
#include "tests/region/quote.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static void must(int rc)
{
    if (rc == 0)
        return;
    fprintf(stderr, "sluice-region: an answer outgrew its buffer\n");
    abort();
}

void quote_add(struct buf *out, const void *data, size_t len)
{
    must(buf_append(out, data, len));
}

void quote_addf(struct buf *out, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    must(n >= 0 && (size_t)n < sizeof(text) ? 0 : -1);
    must(buf_append(out, text, (size_t)n));
}

static bool is_plain(unsigned char c, bool bytes)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && (!bytes || c < 0x80);
}

static void quote(struct buf *out, struct str s, bool bytes)
{
    size_t from = 0;

    quote_add(out, "\"", 1);
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];

        if (is_plain(c, bytes))
            continue;
        quote_add(out, s.ptr + from, i - from);
        from = i + 1;
        quote_addf(out, "\\u%04x", c);
    }
    quote_add(out, s.ptr + from, s.len - from);
    quote_add(out, "\"", 1);
}

void quote_text(struct buf *out, struct str s)
{
    quote(out, s, false);
}

void quote_bytes(struct buf *out, struct str s)
{
    quote(out, s, true);
}
