/* lists.h - settings that are a list: of words, of strings, and the bounds of any. */
#ifndef CONFIG_LISTS_H
#define CONFIG_LISTS_H

#include "base/base.h"
#include "base/err.h"
#include "base/json.h"
#include "config/config.h"
#include "config/object.h"
#include "config/settings.h"

/* Is v of that kind, with as many elements as the row allows?  -1 with err. */
int lists_check(const struct setting *k, const struct json *v, enum json_kind kind,
                const char *where, struct err *err) MUST_CHECK;

/* What o has under that name, a list of the row's words: a bit in flags for each. */
int lists_flags(const struct object *o, const char *name, unsigned *flags,
                struct err *err) MUST_CHECK;

/* The same of a list of strings, each in the row's form; texts are the caller's, also after -1. */
int lists_texts(const struct object *o, const char *name, struct config_texts *t,
                struct err *err) MUST_CHECK;

#endif
