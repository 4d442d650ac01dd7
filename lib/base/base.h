/* base.h - attributes and helpers every file may want; no code of its own. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stddef.h>

#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK              __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN                __attribute__((noreturn))

/* Says on stderr what was asked for and how much that is (0: not known), and aborts. */
NORETURN void base_out_of_memory(const char *what, size_t bytes);

/* Allocation of small control objects: these abort on exhaustion.  Anything whose
 * size a peer chooses goes through struct buf, which has a cap and may fail. */
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t len);

#endif
