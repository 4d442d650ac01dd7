/* region_key.h - a region's key that a file holds. */
#ifndef CONFIG_REGION_KEY_H
#define CONFIG_REGION_KEY_H

#include "base/base.h"
#include "base/err.h"
#include "config/config.h"
#include "config/object.h"

/* Sets r->api_key to what api_key_file holds; nothing to do where it is not set, or where keys
 * stay as they are written.  o: r's object.  -1 with err: both are set, or the file cannot be
 * used. */
int region_key_load(struct config_region *r, const struct object *o,
                    struct err *err) MUST_CHECK;

#endif
