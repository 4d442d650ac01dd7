/* resume.h - goes on with a cut stream from another run of the same request.
 *
 * Keeps what the client has received, channel by channel (transcript.h).  When the stream
 * breaks, the request is run again; what the new run says must begin with what was delivered,
 * is withheld up to that point, and then goes on: the client sees one consistent answer exactly
 * once.  A run that differs is never passed off as the same answer.
 *
 * A choice goes on as soon as all of its channels have caught up, whatever the others do.  What
 * every run makes up for itself stays the first one's: the stream's id and time, and the ids of
 * the tool calls that had begun.
 *
 * Only what can be compared can be resumed: an event that cannot be told, or more than is kept,
 * makes a stream final. */
#ifndef DIALECT_RESUME_H
#define DIALECT_RESUME_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"
#include "dialect/choices.h"
#include "dialect/dialect.h"
#include "dialect/transcript.h"

#include <stdbool.h>
#include <stddef.h>

struct resume {
    const struct dialect *dialect; /* of every run: only the same words can be compared */
    struct transcript said;        /* delivered to the client */
    bool final;                    /* something was delivered that cannot be compared */
    bool rerun;                    /* the run is not the first: every event goes through feed */
    bool replaying;                /* and has not caught up yet */
    struct choices begun;          /* that anything was said of, in any run */
    struct choices finished;       /* whose finish reason was delivered */
    struct choices ended;          /* whose finish reason this run has said */
    struct choices news, ending;   /* of the event that is being fed */
    struct buf rewrite, instead;   /* an event cut to what is new, and a piece of it */
};

enum resume_verdict {
    RESUME_PASS,    /* relay the event as it is */
    RESUME_HOLD,    /* seen by the client already (or a preamble): drop it */
    RESUME_REWRITE, /* relay an event with *out as its data: only what is new of it */
    RESUME_DIFFERS, /* another answer: the stream cannot be rescued by this run */
};

/* said_max_bytes: over all channels; event_max_bytes: of one event that is rewritten. */
void resume_init(struct resume *r, const struct dialect *d, size_t said_max_bytes,
                 size_t event_max_bytes);
void resume_release(struct resume *r);

/* The data of an event of the first run that the client has. */
void resume_note(struct resume *r, struct str data);
/* Nothing can be compared any more. */
void resume_give_up(struct resume *r);
/* A new run begins. false: this stream is final. */
bool resume_begin(struct resume *r);
/* An event of the new run, up to its end; what it adds is noted.  *out borrows r and is valid
 * until the next call. */
enum resume_verdict resume_feed(struct resume *r, struct str data, struct str *out);
/* The new run is over and whole: has it said everything that was delivered? */
bool resume_is_level(const struct resume *r);

#endif
