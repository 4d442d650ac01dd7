/* err.h - one sentence that says what went wrong, where, and what was expected. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

enum err_code {
    ERR_NONE,
    ERR_SYNTAX, /* the text is not what its grammar allows */
    ERR_RANGE,  /* well formed, out of bounds */
    ERR_UNKNOWN_NAME,
    ERR_CONFLICT,
    ERR_IO,
    ERR_LIMIT, /* larger than its cap */
    ERR_STORE, /* Redis: away, or it refused */
};

struct err {
    enum err_code code;
    char msg[1024]; /* cut at the end when longer; always NUL-terminated */
};

/* Both return -1, so a failing function is one line.  err may be NULL.  err_wrap() puts
 * "context: " in front of what stands there. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
