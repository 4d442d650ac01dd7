/* view_file.h - a view as a small text, so that a router that starts while Redis is away knows
 * what the fleet knew.
 *
 *   sluice-view 1 FLEET WALL LINES
 *   <state line>                     state_line.h's; its "now" is WALL
 *   ...
 *   end
 *
 * Times are this host's wall clock in ms: monotonic ones mean nothing after a reboot.  Pure:
 * both clocks are arguments.  The file may be old, cut, of another fleet, or hostile. */
#ifndef SHARED_VIEW_FILE_H
#define SHARED_VIEW_FILE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "shared/view.h"

#include <stdint.h>

#define VIEW_FILE_LINES_MAX 4096
#define VIEW_FILE_MAX_BYTES ((size_t)VIEW_FILE_LINES_MAX * (VIEW_LINE_MAX + 1) + 512)
#define VIEW_FILE_FORCED_MS INT64_C(86400000) /* an operator's word that old still counts */
#define VIEW_FILE_OPEN_MS   INT64_C(600000)   /* as does an open breaker, or cooling */
#define VIEW_FILE_AHEAD_MS  INT64_C(300000)   /* our clock may have been set back so far */

/* Appends the text of v, which has had a snapshot.  -1: it had none, or out's cap. */
int view_file_encode(struct buf *out, const char *fleet, const struct view *v, int64_t wall_ms,
                     int64_t mono_ms) MUST_CHECK;

/* Restores into v, which has had no snapshot, what is young enough; half-open becomes open and
 * due, slots that v does not have are skipped.  gen (VIEW_GEN_MAX + 1 bytes) and ver (one per
 * slot of v) say what the lines were; gen is "" when nothing was young enough.  -1: the text is
 * not such a file; v is unchanged then. */
int view_file_decode(struct str text, const char *fleet, int64_t wall_ms, int64_t mono_ms,
                     struct view *v, char *gen, uint64_t *ver, struct err *err) MUST_CHECK;

#endif
