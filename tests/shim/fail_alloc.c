/* fail_alloc.c - loaded before a program (LD_PRELOAD): one allocation fails.
 *
 * The file that FAIL_ALLOC names holds a struct fail_alloc, in shared memory with whoever steers
 * it.  In the process pid the left-th allocation from now on returns NULL, once.  With
 * FAIL_ALLOC_TRACE in the environment stderr says whose it was. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct fail_alloc {
    _Atomic int64_t pid;          /* whose allocations count; 0: nobody's */
    _Atomic int64_t left;         /* until the one that fails */
    _Atomic int64_t failed_bytes; /* what that one asked for, and 1: it may be 0 */
};

/* glibc's own, by the names under which they stay to be had. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);

static struct fail_alloc *steered;

__attribute__((constructor)) static void fail_alloc_map(void)
{
    const char *path = getenv("FAIL_ALLOC");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

    if (fd < 0)
        return;
    void *at = mmap(NULL, sizeof(*steered), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (at != MAP_FAILED)
        steered = at;
    close(fd);
}

static int fails(size_t bytes)
{
    if (steered == NULL || atomic_load(&steered->pid) != getpid() ||
        atomic_fetch_sub(&steered->left, 1) != 1)
        return 0;
    atomic_store(&steered->failed_bytes, (int64_t)bytes + 1);
    if (getenv("FAIL_ALLOC_TRACE") != NULL) {
        void *at[32];

        backtrace_symbols_fd(at, backtrace(at, 32), STDERR_FILENO);
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return fails(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    return fails(n * size) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
    return fails(size) ? NULL : __libc_realloc(p, size);
}
