/* resume.h - goes on with a cut stream from another run of the same request.
 *
 * Keeps the text the client has received.  When the stream breaks, the request is run again;
 * the new run's text must begin with what was delivered, is withheld up to that point, and then
 * goes on: the client sees one consistent answer exactly once.  A run that differs is never
 * passed off as the same answer.
 *
 * Only what can be compared can be resumed: the text of one choice.  Tool calls, reasoning,
 * several choices, or more text than is kept make a stream final. */
#ifndef DIALECT_RESUME_H
#define DIALECT_RESUME_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "dialect/dialect.h"

#include <stdbool.h>
#include <stddef.h>

struct resume {
    const struct dialect *dialect; /* of every run: only the same words can be compared */
    struct buf text;               /* delivered to the client, decoded */
    bool final;                    /* something was delivered that cannot be compared */
    bool replaying;                /* a new run is being held against the text */
    size_t matched;                /* bytes of it seen again in this run */
    struct buf rewrite;            /* the event that crosses the seam, cut to its new part */
};

enum resume_verdict {
    RESUME_PASS,    /* relay the event as it is */
    RESUME_HOLD,    /* seen by the client already (or a preamble): drop it */
    RESUME_REWRITE, /* relay an event with *out as its data: only the new part of its text */
    RESUME_DIFFERS, /* another answer: the stream cannot be rescued by this run */
};

void resume_init(struct resume *r, const struct dialect *d, size_t text_max_bytes);
void resume_release(struct resume *r);

/* The data of an event that was relayed in the first run (or after the seam). */
void resume_note(struct resume *r, struct str data);
/* A new run begins. false: this stream is final. */
bool resume_begin(struct resume *r);
/* An event of the new run; data is its joined data.  After RESUME_PASS of an
 * event beyond the seam the caller goes on with resume_note for what follows.  *out borrows r
 * and is valid until the next call. finish: the event carries a finish reason. */
enum resume_verdict resume_feed(struct resume *r, struct str data, bool finish,
                                struct str *out);

#endif
