/* router_row.h - the live routers: table and JSON, with what does not fit together marked. */
#ifndef ADMIN_OUTPUT_ROUTER_ROW_H
#define ADMIN_OUTPUT_ROUTER_ROW_H

#include "base/base.h"
#include "base/buf.h"
#include "base/json_out.h"
#include "shared/snapshot.h"

#include <stdbool.h>

/* The config digest that most routers run; of equals the first.  "" where there are none. */
const char *router_row_usual_config(const struct snapshot *snapshot);

/* All routers; under the table a line for configs that differ and one for versions behind. */
int router_row_print(const struct snapshot *snapshot, bool colour, struct buf *out) MUST_CHECK;
void router_row_json(const struct snapshot *snapshot, const struct snapshot_router *r,
                     struct json_out *o);

/* "host-1 (3 versions behind, seen 0.4s ago), ...": live routers below ver, cut with "and 5
 * more" at cap. */
void router_row_behind(const struct snapshot *snapshot, int64_t ver, char *out, size_t cap);

/* "0.2.0, 0.3.0": each version that live routers run and that is not this one; "" for none. */
void router_row_versions(const struct snapshot *snapshot, const char *version, char *out,
                         size_t cap);

#endif
