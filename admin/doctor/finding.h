/* finding.h - what a doctor found: one line each, with what to do about it. */
#ifndef ADMIN_DOCTOR_FINDING_H
#define ADMIN_DOCTOR_FINDING_H

#include "base/base.h"
#include "base/buf.h"
#include "base/json_out.h"

#include <stdbool.h>
#include <stddef.h>

enum finding_level {
    FINDING_OK,
    FINDING_UNKNOWN, /* could not be looked at */
    FINDING_WARN,
    FINDING_BAD,
    N_FINDING_LEVELS
};
const char *finding_level_name(enum finding_level level); /* "ok", "unknown", "warn", "bad" */

#define FINDING_TEXT_MAX 640

struct finding {
    enum finding_level level;
    const char *check; /* a literal: "redis", "eviction" */
    char what[FINDING_TEXT_MAX];
    char todo[FINDING_TEXT_MAX]; /* "": nothing to do */
};

struct findings { /* findings_release leaves it reusable; all zero is empty */
    struct finding *list;
    size_t n, cap;
};
void findings_release(struct findings *f);

/* Appends one with an empty todo; the text is cut at its end. */
void finding_add(struct findings *f, enum finding_level level, const char *check,
                 const char *fmt, ...) PRINTF_LIKE(4, 5);
/* What to do about the one added last. */
void finding_todo(struct findings *f, const char *fmt, ...) PRINTF_LIKE(2, 3);

size_t findings_count(const struct findings *f, enum finding_level level);

/* "bad   eviction  maxmemory-policy is allkeys-lru: set it to noeviction", and a last line that
 * counts. */
int findings_print(const struct findings *f, bool colour, struct buf *out) MUST_CHECK;
/* An array of {level, check, what, do}; do is null where there is nothing to do. */
void findings_json(const struct findings *f, struct json_out *o);

#endif
