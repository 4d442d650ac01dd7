/* state_line.h - the state line: one slot's state as it travels in pushes and snapshots.
 *
 *   1 gen ver now key st ep until n forced funtil why by lim [ramp [doubt [cools [...]]]]
 *
 * ASCII, single spaces, at most VIEW_LINE_MAX bytes.  Words are percent-encoded outside
 * [A-Za-z0-9._:@/-]; the empty word is "-".  Every byte may come from a hostile hand, so the
 * schema is strict and there is one spelling of each value: what decodes encodes to the same
 * bytes: a line has the last three fields only where they say something.  The one exception are
 * other words there and fields behind: scripts of a later version may say more there, in plain ASCII, and
 * it is passed over, so that a fleet can be upgraded router by router.  (A change that older
 * routers must not pass over begins with another number than 1.)  All times are Redis' TIME in
 * ms. */
#ifndef SHARED_STATE_LINE_H
#define SHARED_STATE_LINE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "redis/value.h"
#include "shared/view_slot.h"

#include <stdbool.h>
#include <stdint.h>

#define STATE_LINE_NUMBER_MAX  REDIS_VALUE_NUMBER_MAX
#define STATE_LINE_TRIPS_MAX   1000000
#define STATE_LINE_OPEN_MAX_MS INT64_C(86400000) /* no script opens a breaker for longer */
#define STATE_LINE_LIM_MAX_MS  INT64_C(86400000) /* nor cools a slot */
#define STATE_LINE_RAMP_MAX_MS INT64_C(3600000)  /* nor does a ramp take longer */

struct state_line {
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver;
    int64_t now_ms;
    char slot[VIEW_SLOT_MAX + 1];
    enum breaker_state st;
    uint64_t ep;
    int64_t until_ms; /* 0 unless open; else now..now + STATE_LINE_OPEN_MAX_MS */
    int trips;
    enum view_forced forced;
    int64_t funtil_ms; /* 0: no end, or not forced; else >= now */
    char why[VIEW_WORD_MAX + 1], by[VIEW_WORD_MAX + 1];
    enum cooling_why cools; /* THROTTLED unless cooling, and where the line does not say */
    int64_t lim_ms;         /* 0: not cooling; else now..now + STATE_LINE_LIM_MAX_MS */
    int64_t ramp_ms; /* 0 unless closed; when it closed: now - STATE_LINE_RAMP_MAX_MS..now; 0:
                        long ago */
    bool doubt;      /* false unless open: others can use it, a probe may go at once */
};

/* false: not such a line; *out is undefined then. */
bool state_line_decode(struct str line, struct state_line *out) MUST_CHECK;
/* Appends the line.  -1: out's cap, or l holds what no line may say. */
int state_line_encode(struct buf *out, const struct state_line *l) MUST_CHECK;

/* Decodes one word into out, NUL-terminated.  false: other bytes than the encoding's, a
 * second spelling, a control byte, or longer than cap - 1. */
bool state_line_unword(struct str s, char *out, size_t cap) MUST_CHECK;
int state_line_word(struct buf *out,
                    const char *word) MUST_CHECK; /* -1: out's cap, control byte */

#endif
