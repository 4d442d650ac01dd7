/* base.c - allocation that aborts instead of failing, for small control objects. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static NORETURN void out_of_memory(void)
{
    fputs("out of memory\n", stderr);
    abort();
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (p == NULL && n != 0 && size != 0)
        out_of_memory();
    return p;
}

void *xrealloc(void *p, size_t size)
{
    void *q = realloc(p, size);

    if (q == NULL && size != 0)
        out_of_memory();
    return q;
}

char *xstrndup(const char *s, size_t len)
{
    char *copy = xcalloc(len + 1, 1);

    memcpy(copy, s, len);
    return copy;
}

char *xstrdup(const char *s)
{
    return xstrndup(s, strlen(s));
}
