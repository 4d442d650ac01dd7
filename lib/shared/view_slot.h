/* view_slot.h - what a router knows of one slot, and how long its words may be. */
#ifndef SHARED_VIEW_SLOT_H
#define SHARED_VIEW_SLOT_H

#include "policy/breaker.h"
#include "policy/cooling.h"

#include <stdbool.h>
#include <stdint.h>

#define VIEW_SLOT_MAX 130 /* region, or region/model */
#define VIEW_GEN_MAX  40
#define VIEW_WORD_MAX 120       /* reason and actor, decoded */
#define VIEW_LINE_MAX 512       /* one push message or snapshot line */
#define VIEW_NEVER    INT64_MAX /* a forced state without an end */

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
    int64_t lim_ms;         /* monotonic; cooling until then; 0: not */
    enum cooling_why cools; /* why; meaningful while it does */
    int64_t ramp_ms; /* monotonic, may be negative; when it closed after probes; 0: no ramp */
    bool doubt;      /* open, but somebody may try it at once */
};

/* The operator's word in force now. */
enum view_forced view_forced_now(const struct view_slot *k, int64_t now_ms);

#endif
