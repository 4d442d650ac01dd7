/* config_file.h - a config whose Redis can be reached for: config_load() and what only the
 * state layer knows. */
#ifndef CONFIG_CONFIG_FILE_H
#define CONFIG_CONFIG_FILE_H

#include "base/err.h"
#include "config/config.h"

/* As config_load(); refuses a redis.url that redis_url_parse() does not understand. */
struct config *config_file_load(const char *path, struct err *err);

#endif
