/* base.c - allocation that aborts instead of failing, for small control objects; ARCHITECTURE.md
 * has the policy. */
#include "base/base.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One line, one write: nothing is allocated for it, and siblings' lines do not mix with it. */
void base_out_of_memory(const char *what, size_t bytes)
{
    char line[160], size[40] = "";

    if (bytes > 0)
        snprintf(size, sizeof(size), ", %zu bytes", bytes);
    int n = snprintf(line, sizeof(line), "out of memory: asked for %.80s%s\n", what, size);
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);

    (void)ignored;
    abort();
}

void *xcalloc(size_t n, size_t size)
{
    void *p = calloc(n, size);

    if (p == NULL && n != 0 && size != 0)
        base_out_of_memory("memory", size > SIZE_MAX / n ? SIZE_MAX : n * size);
    return p;
}

void *xrealloc(void *p, size_t size)
{
    void *q = realloc(p, size);

    if (q == NULL && size != 0)
        base_out_of_memory("memory", size);
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
