/* fleet_event.h - one event of the fleet, as its stream has it; lua/common.lua documents
 * the fields. */
#ifndef ADMIN_OUTPUT_FLEET_EVENT_H
#define ADMIN_OUTPUT_FLEET_EVENT_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_out.h"
#include "shared/view.h"

#include <stdbool.h>
#include <stdint.h>

struct redisReply;

#define FLEET_EVENT_ID_MAX 48

struct fleet_event { /* "" where the stream has "-" */
    char id[FLEET_EVENT_ID_MAX + 1];
    int64_t t_ms, ep, ver; /* 0: none */
    char kind[17], slot[VIEW_SLOT_MAX + 1], from[65], to[65];
    char why[VIEW_WORD_MAX * 3 + 1], by[VIEW_WORD_MAX + 1];
};

/* {id, {field, value, ...}}.  Unknown fields are skipped, missing ones empty.  false: not an
 * event. */
bool fleet_event_decode(struct fleet_event *e, const struct redisReply *r) MUST_CHECK;

/* "2026-11-20 23:38:11  trip      us-east  closed -> open: row_of_failures (by host-1)". */
int fleet_event_print(const struct fleet_event *e, bool colour, struct buf *out) MUST_CHECK;
void fleet_event_json(const struct fleet_event *e, struct json_out *o); /* an object */

#endif
