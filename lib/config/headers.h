/* headers.h - the header fields that a region's config adds to every request there. */
#ifndef CONFIG_HEADERS_H
#define CONFIG_HEADERS_H

#include "base/base.h"
#include "base/err.h"
#include "base/json_out.h"
#include "config/config.h"
#include "config/object.h"

/* Reads what o, an element of regions, has of them into r.  -1 with err, which shows no value:
 * there are too many, a name is no field's, ours to write, or there twice in whatever case, a
 * value is no field's. */
int headers_load(struct config_region *r, const struct object *o, struct err *err) MUST_CHECK;
/* Writes them as an object; values as "***" when mask. */
void headers_write(const struct config_region *r, bool mask, struct json_out *o);
void headers_release(struct config_region *r); /* overwrites the values */

#endif
