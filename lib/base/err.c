/* err.c - error sentences; err.h has the contract. */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
    va_list ap;

    if (err == NULL)
        return -1;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char context[sizeof(err->msg)];
    char inner[sizeof(err->msg)];
    va_list ap;

    if (err == NULL)
        return -1;
    va_start(ap, fmt);
    vsnprintf(context, sizeof(context), fmt, ap);
    va_end(ap);
    memcpy(inner, err->msg, sizeof(inner));
    size_t used = (size_t)snprintf(err->msg, sizeof(err->msg), "%s: ", context);
    if (used < sizeof(err->msg)) {
        size_t n = strnlen(inner, sizeof(inner) - 1);

        if (n > sizeof(err->msg) - used - 1)
            n = sizeof(err->msg) - used - 1;
        memcpy(err->msg + used, inner, n);
        err->msg[used + n] = '\0';
    }
    return -1;
}
