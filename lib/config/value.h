/* value.h - one value of one setting: from JSON into its field, checked, and back. */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include "base/base.h"
#include "base/err.h"
#include "base/json.h"
#include "base/json_out.h"
#include "config/expand.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stdint.h>

/* base: the table's struct.  where: the value's path for messages ("regions[1].base_url").
 * For the scalar types; a SETTING_REGION_NAME and the lists are the loader's. */
int value_set(const struct setting *k, void *base, const struct json *v,
              const struct expand *how, const char *where, struct err *err) MUST_CHECK;
void value_set_default(const struct setting *k,
                       void *base); /* k->def; nothing when there is none */
void value_release(const struct setting *k, void *base);

/* A string value with ${ENV} replaced; the caller frees.  NULL with err. */
char *value_text(const struct setting *k, const struct json *v, const struct expand *how,
                 const char *where, struct err *err) MUST_CHECK;

/* Is v a string that stays as it is written? */
bool value_is_left(const struct setting *k, const struct json *v, const struct expand *how);

/* A number, bool or enum field as a number; 0 for strings. */
int64_t value_number(const struct setting *k, const void *base);
const char *value_string(const struct setting *k,
                         const void *base); /* SETTING_STRING, SETTING_WORD; may be NULL */
bool value_equal(const struct setting *k, const void *a, const void *b);

/* Writes the value so that value_set() reads the same; secrets as "***" when mask.
 * is_of_text: it was read so, and a row of that kind stands as it is written. */
void value_write(const struct setting *k, const void *base, bool mask, bool is_of_text,
                 struct json_out *o);

/* "is 'ftp://h', want ..." with err_code ERR_RANGE; secrets are not shown. */
int value_refuse(const struct setting *k, const struct json *v, const char *where,
                 struct err *err);

/* A piece of the file for a message: control bytes as '?', cut to what fits. */
#define VALUE_SHOWN_MAX 100
const char *value_show(struct str s, char out[VALUE_SHOWN_MAX]);

#endif
