/* fleet_head.h - the fleet in one line, and what a status prints: text and JSON. */
#ifndef ADMIN_OUTPUT_FLEET_HEAD_H
#define ADMIN_OUTPUT_FLEET_HEAD_H

#include "base/base.h"
#include "base/buf.h"
#include "base/json_out.h"
#include "shared/snapshot.h"

#include <stdbool.h>

struct fleet_head {
    const char *fleet, *where; /* name, URL without secrets */
};

/* "fleet demo  generation 3f..  version 12  2 live routers  redis://..." and a line about
 * what an operator should know. */
int fleet_head_print(const struct fleet_head *h, const struct snapshot *snapshot, bool colour,
                     struct buf *out) MUST_CHECK;
/* The members of the same; the caller has opened the object and closes it. */
void fleet_head_json(const struct fleet_head *h, const struct snapshot *snapshot,
                     struct json_out *o);

/* Head and table of all regions, or of one (NULL: all); columns: of the screen, which the table
 * is fitted to, 0 for as wide as it is. */
int fleet_head_status(const struct fleet_head *h, const struct snapshot *snapshot,
                      const struct snapshot_slot *only, bool colour, size_t columns,
                      struct buf *out) MUST_CHECK;
int fleet_head_status_json(const struct fleet_head *h, const struct snapshot *snapshot,
                           const struct snapshot_slot *only, bool indent,
                           struct buf *out) MUST_CHECK;

#endif
