/* region_row.h - one region's shared state: as a row, as a list of facts, as JSON. */
#ifndef ADMIN_OUTPUT_REGION_ROW_H
#define ADMIN_OUTPUT_REGION_ROW_H

#include "admin/output/table.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/json_out.h"
#include "shared/snapshot.h"

#include <stdbool.h>

struct table *region_row_table(void);
void region_row_add(struct table *t, const struct snapshot *snapshot,
                    const struct snapshot_slot *slot);
/* Leaves out what matters least where t, with all of its rows, is wider than a screen. */
void region_row_fit(struct table *t, size_t columns);
/* Everything about one, a fact a line. */
int region_row_facts(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                     bool colour, struct buf *out) MUST_CHECK;
/* As an object; the manual lists its fields. */
void region_row_json(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                     struct json_out *o);

/* Why a region cools, for people, from "throttled", "quota" or "auth"; others come back as they
 * are (a newer router's). */
const char *region_row_cooling(const char *name);

/* Writes the names of the routers whose own breaker keeps them from slot though the fleet's is
 * closed ("a, b and 3 more"; cut at cap - 1); returns how many there are. */
size_t region_row_left(const struct snapshot *snapshot, const char *slot, char *out,
                       size_t cap);

/* Routers whose applied version has reached ver. */
size_t region_row_applied(const struct snapshot *snapshot, int64_t ver);

#endif
