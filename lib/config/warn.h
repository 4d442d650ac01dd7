/* warn.h - what a config may say, but whoever wrote it hardly meant. */
#ifndef CONFIG_WARN_H
#define CONFIG_WARN_H

#include "base/base.h"
#include "base/json.h"
#include "config/config.h"
#include "config/expand.h"

/* Tells say each warning about c, one sentence that says what, where, and what was expected; it
 * holds no secret and is borrowed for the call.  appended: paths that are put behind a region's
 * base_url, NULL for none of that number. */
void config_warn(const struct config *c, const char *const *appended, size_t n_appended,
                 void (*say)(void *arg, const char *sentence), void *arg);

/* For the loader: what is odd about the strings of the file before ${ENV} was replaced, a line
 * each.  Freed by the caller; NULL: nothing. */
char *warn_about_texts(const struct json *root, const struct expand *how);

#endif
