/* entry.h - one entry of the fleet's event stream; lua/common.lua documents the fields. */
#ifndef ADMIN_OUTPUT_ENTRY_H
#define ADMIN_OUTPUT_ENTRY_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json_out.h"
#include "shared/view.h"

#include <stdbool.h>
#include <stdint.h>

struct redisReply;

#define ENTRY_ID_MAX 48

struct entry { /* "" where the stream has "-" */
    char id[ENTRY_ID_MAX + 1];
    int64_t t_ms, ep, ver; /* 0: none */
    char kind[17], key[VIEW_SLOT_MAX + 1], from[65], to[65];
    char why[VIEW_WORD_MAX * 3 + 1], by[VIEW_WORD_MAX + 1];
};

/* {id, {field, value, ...}}.  Unknown fields are skipped, missing ones empty.  false: not an
 * entry. */
bool entry_decode(struct entry *e, const struct redisReply *r) MUST_CHECK;

/* "2026-11-20 23:38:11  trip      us-east  closed -> open: row_of_failures (by host-1)". */
int entry_print(const struct entry *e, bool colour, struct buf *out) MUST_CHECK;
void entry_json(const struct entry *e, struct json_out *o); /* an object */

#endif
