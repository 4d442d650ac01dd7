/* schema.h - the config's JSON Schema (draft 2020-12), made from the tables of settings. */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include "base/base.h"
#include "base/buf.h"

/* Appends the schema and a line break. It accepts every file that config_load() accepts; what
 * a schema cannot say (rules between settings, names that must exist) only the loader refuses.
 * -1: the buffer's cap; 256 KiB are enough. */
#define CONFIG_SCHEMA_MAX (256u << 10)
int config_schema(struct buf *out) MUST_CHECK;

#endif
