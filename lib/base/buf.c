/* buf.c - growing byte buffer with a cap; buf.h has the contract. */
#include "base/buf.h"

#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FREE_BYTES 4096 /* a small request is read whatever others hold */

void buf_init(struct buf *b, size_t max)
{
    /* Half the address space: so no sum or doubling below can overflow. */
    *b = (struct buf){.max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2};
}

void buf_init_charged(struct buf *b, size_t max)
{
    buf_init(b, max);
    b->charged = true;
}

/* Its memory is of another size now, or none. */
static void set_cap(struct buf *b, size_t cap)
{
    if (b->charged && cap > b->cap)
        memory_take(cap - b->cap);
    else if (b->charged)
        memory_give(b->cap - cap);
    b->cap = cap;
}

void buf_release(struct buf *b)
{
    free(b->data);
    set_cap(b, 0);
    *b = (struct buf){.max = b->max, .charged = b->charged};
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    if (b->data != NULL)
        b->data[0] = '\0';
}

int buf_reserve(struct buf *b, size_t extra)
{
    if (extra > b->max - b->len)
        return -1;
    size_t need = b->len + extra + 1;

    if (need <= b->cap)
        return 0;
    size_t cap = b->cap < 64 ? 64 : b->cap;

    while (cap < need)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (b->charged && cap > FREE_BYTES && !memory_may_grow(cap - b->cap))
        return -1;
    char *data = realloc(b->data, cap);

    if (data == NULL)
        return -1;
    b->data = data;
    b->data[b->len] = '\0';
    set_cap(b, cap);
    return 0;
}

void buf_shrink(struct buf *b, size_t extra)
{
    if (b->cap <= b->len + 1 || extra >= b->cap - b->len - 1)
        return;
    size_t cap = b->len + extra + 1;
    char *data = realloc(b->data, cap);

    if (data == NULL)
        return; /* it stays as large as it is */
    b->data = data;
    set_cap(b, cap);
}

int buf_append(struct buf *b, const void *data, size_t len)
{
    if (buf_reserve(b, len) < 0)
        return -1;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
    return 0;
}

int buf_append_str(struct buf *b, struct str s)
{
    return buf_append(b, s.ptr, s.len);
}

int buf_appendf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0 || buf_reserve(b, (size_t)n) < 0)
        return -1;
    va_start(ap, fmt);
    vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->len += (size_t)n;
    return 0;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len + 1);
}

char *buf_take(struct buf *b)
{
    char *data = b->data != NULL ? b->data : xcalloc(1, 1);

    set_cap(b, 0);
    *b = (struct buf){.max = b->max, .charged = b->charged};
    return data;
}

struct str buf_str(const struct buf *b)
{
    return (struct str){b->data, b->len};
}

int buf_read_file(struct buf *b, const char *path, struct err *err)
{
    char chunk[16384];
    ssize_t n;
    int rc = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_set(err, ERR_IO, "cannot open: %s", strerror(errno));
    while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
        if (buf_append(b, chunk, (size_t)n) < 0) {
            err_set(err, ERR_LIMIT, "larger than the limit of %zu bytes", b->max);
            goto out;
        }
    }
    if (n < 0) {
        err_set(err, ERR_IO, "cannot read: %s", strerror(errno));
        goto out;
    }
    rc = 0;
out:
    close(fd);
    return rc;
}
