/* object.h - one JSON object of the file, sorted and set by its table in settings.c. */
#ifndef CONFIG_OBJECT_H
#define CONFIG_OBJECT_H

#include "base/base.h"
#include "base/err.h"
#include "base/json.h"
#include "config/expand.h"
#include "config/settings.h"

#define OBJECT_WHERE_MAX 256 /* a path for messages */

struct object { /* t, at and how are the caller's to set */
    const struct setting_table *t;
    const char *at; /* its path, "" for the root */
    const struct expand *how;
    const struct json *given[SETTINGS_MAX];
};

/* Sorts v's members to the rows.  -1 with err: v is no object, or has a member that no row
 * knows. */
int object_collect(struct object *o, const struct json *v, struct err *err) MUST_CHECK;
/* Sets every scalar in the table's struct, given or default; lists and names of regions are
 * the caller's.  -1 with err: a value is wrong, or one that is required is missing. */
int object_store(const struct object *o, void *base, struct err *err) MUST_CHECK;
/* What was given for the row of that name; NULL: nothing. */
const struct json *object_given(const struct object *o, const char *name);

/* Builds a path; one that is too long for a message is cut. */
void object_point(char where[OBJECT_WHERE_MAX], const char *fmt, ...) PRINTF_LIKE(2, 3);
void object_join(char where[OBJECT_WHERE_MAX], const char *at, const char *name);

#endif
