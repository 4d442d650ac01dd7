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
#include "policy/breaker.h"

#include <stdbool.h>
#include <stdint.h>

#define VIEW_SLOT_MAX     130 /* region, or region/model */
#define VIEW_GEN_MAX      40
#define VIEW_WORD_MAX     120       /* reason and actor, decoded */
#define VIEW_LINE_MAX     512       /* one push message or snapshot line */
#define VIEW_SNAPSHOT_MAX 8192      /* lines; the scripts know half as many slots */
#define VIEW_NEVER        INT64_MAX /* a forced state without an end */

enum view_forced { VIEW_AUTO, VIEW_UP, VIEW_DOWN, VIEW_DRAIN, N_VIEW_FORCED };
const char *view_forced_name(enum view_forced f); /* "auto", "up", "down", "drain" */

struct view_slot {
    char name[VIEW_SLOT_MAX + 1];
    uint64_t ver; /* of the news that last changed this slot; 0: nothing heard yet */
    uint64_t ep;
    enum breaker_state st;
    int trips;
    int64_t until_ms;        /* monotonic; end of the open time */
    enum view_forced forced; /* use view_forced_now(): the word may have run out */
    int64_t forced_until_ms; /* monotonic; VIEW_NEVER */
    char why[VIEW_WORD_MAX + 1], by[VIEW_WORD_MAX + 1];
    int64_t lim_ms;  /* monotonic; cooling until then; 0: not */
    int64_t ramp_ms; /* monotonic, may be negative; when it closed after probes; 0: no ramp */
    bool doubt;      /* open, but somebody may try it at once */
};

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

/* The operator's word in force now. */
enum view_forced view_forced_now(const struct view_slot *k, int64_t now_ms);

#endif
