/* progress.h - how far a streamed answer has come: what has begun, what has ended, and whether
 * an end now would leave it whole. */
#ifndef DIALECT_PROGRESS_H
#define DIALECT_PROGRESS_H

#include "dialect/dialect.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    int64_t asked;                    /* answers asked for */
    bool usage_asked, usage_said;     /* by the client; once every answer had ended */
    struct choices content, finished; /* which have shown content, which their finish reason */
    int64_t content_events;           /* about a token each */
};

void progress_note(struct progress *p, const struct dialect_event *ev);

/* Every answer that has begun has its finish reason, and one at least has: less than that is
 * cut off whatever the vendor says.  A vendor that ignores n ends after the only one. */
bool progress_may_end(const struct progress *p);
/* Every answer asked for has its finish reason. */
bool progress_is_finished(const struct progress *p);
/* And the usage that was asked for has come: whole, whether the vendor says so or not. */
bool progress_is_whole(const struct progress *p);

#endif
