/* check.h - rules between settings, and what a reload may not change. */
#ifndef CONFIG_CHECK_H
#define CONFIG_CHECK_H

#include "config/config.h"

/* Rules that no single setting can break; part of config_load().  -1 with err naming both
 * settings. */
int config_check(const struct config *c, struct err *err) MUST_CHECK;

/* What a start would find: each Redis URL as redis/url.c reads it, and the files that it reads
 * itself.  Part of config_load(). */
int config_check_start(const struct config *c, struct err *err) MUST_CHECK;

/* May a running router go from one config to the other?  -1 with err naming the first changed
 * setting that needs a restart. */
int config_reload_check(const struct config *from, const struct config *to,
                        struct err *err) MUST_CHECK;

#endif
