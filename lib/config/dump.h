/* dump.h - the effective config as JSON that config_load() takes, and its digest. */
#ifndef CONFIG_DUMP_H
#define CONFIG_DUMP_H

#include "base/buf.h"
#include "config/config.h"

/* Appends every setting with its value, defaults included, one per line and a line break at the
 * end.  Secrets stand as "***", which loads but opens no door.  -1: the buffer's cap; 16 MiB
 * hold any config that can be loaded. */
#define CONFIG_DUMP_MAX (16u << 20)
int config_dump(const struct config *c, struct buf *out) MUST_CHECK;

/* 16 hexadecimal digits of SHA-256 over all values, secrets included; the file's name, layout
 * and the way a value was written do not count, nor do the settings a reload cannot change
 * (listen addresses, workers): routers of one fleet on different hosts differ in them. */
void config_digest(const struct config *c, char out[17]);

#endif
