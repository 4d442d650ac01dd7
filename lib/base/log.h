/* log.h - one line per event on stderr; the context travels with the object.
 *
 * 2026-11-21T21:55:45.732+00:00 W 29613 request 7f3a91 attempt ended region=eu-west outcome=timeout
 *
 * Never a key, a header value or prompt text: callers pass names, numbers and states.
 * Bytes of characters that steer (base/utf8.h) are written as '?', so no peer can forge a line.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_ctx {
    const char *where; /* "request", "store": a string literal */
    char id[40];       /* request id or region name; may be empty */
};

void log_set_level(enum log_level level); /* default LOG_INFO */
/* "error", "warn", "info", "debug"; -1 for anything else. */
int log_level_parse(const char *name, enum log_level *out) MUST_CHECK;
bool log_is_on(enum log_level level); /* before lines that cost something to put together */
/* At most this many lines a second; what is dropped is counted and said in one line.
 * 0 lifts the bound. Default 500. */
void log_set_rate(int lines_per_s);
/* Tests read lines instead of stderr; NULL restores stderr. */
void log_set_sink(void (*sink)(enum log_level level, const char *line));

void log_at(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
    PRINTF_LIKE(3, 4); /* ctx may be NULL */

#endif
