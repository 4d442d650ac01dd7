/* view.h - one router's picture of the shared state, and the rules by which news changes it.
 *
 * Pure: lines come in with the receipt time, verdicts go out.  FLEET protocol: a push applies
 * only with my generation and a newer version; a gap applies and asks for a sync; a snapshot of
 * the attached primary wins.  Redis' deadlines become this process' monotonic ones on receipt:
 * deadline = mono_at_receipt + (until - now). */
#ifndef SHARED_VIEW_H
#define SHARED_VIEW_H

#include "base/base.h"
#include "base/str.h"
#include "shared/view_slot.h"

#include <stdbool.h>
#include <stdint.h>

#define VIEW_SNAPSHOT_MAX 8192 /* lines; the scripts know half as many slots */

struct view; /* opaque */

enum view_verdict {
    VIEW_APPLIED,
    VIEW_OLD,       /* nothing new */
    VIEW_GAP,       /* applied, but versions between were missed: sync now */
    VIEW_OTHER_GEN, /* not my generation, or not as I know it: attach again */
    VIEW_BAD,       /* fails the schema: dropped; sync now */
};

struct view *view_new(const char *const *slots, size_t n, int64_t max_open_ms);
void view_free(struct view *v);
size_t view_count(const struct view *v);
const struct view_slot *view_get(const struct view *v, size_t i);
int view_find(const struct view *v, struct str name); /* -1: none */
const char *view_gen(const struct view *v);           /* "" before the first attach */
uint64_t view_ver(const struct view *v);
/* The version that brought the last news of an operator's word (said, changed or over); 0: none
 * in this generation.  An operator may be waiting until the fleet knows that it was heard. */
uint64_t view_override_ver(const struct view *v);

/* The newest version that any line or snapshot told, missed ones before it or not. */
uint64_t view_seen(const struct view *v);
/* What was seen is not what Redis holds: the states stay, and the next snapshot of the same
 * generation counts whatever its versions are. */
void view_doubt(struct view *v);

/* One push message.  *changed: index of the slot it changed, or -1. */
enum view_verdict view_push(struct view *v, struct str line, int64_t now_ms, int *changed);
/* A snapshot: gen, ver and one line per slot, from attach or sync.  Lines of unknown slots are
 * skipped; one bad line refuses the whole (nothing half-applied).  changed: a flag per slot. */
enum view_verdict view_snapshot(struct view *v, struct str gen, uint64_t ver,
                                const struct str *lines, size_t n, int64_t now_ms,
                                bool *changed);

/* Before the first snapshot: what was known of a slot in an earlier run (its name and version
 * are not taken). */
void view_restore(struct view *v, size_t i, const struct view_slot *from);

#endif
