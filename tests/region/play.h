/* play.h - one answer as a sequence of bytes, pauses and ends, faults included.
 *
 * Knows no socket: peer.c asks for the next step whenever what came before has been written. */
#ifndef REGION_PLAY_H
#define REGION_PLAY_H

#include "tests/region/answer.h"
#include "base/buf.h"
#include "tests/region/fault.h"

#include <stdbool.h>
#include <stdint.h>

enum play_verdict {
    PLAY_MORE,  /* bytes were added: write them, then ask again */
    PLAY_WAIT,  /* write what was added, ask again after *wait_ms */
    PLAY_HANG,  /* nothing more will come, and the connection stays */
    PLAY_END,   /* the answer is whole */
    PLAY_CLOSE, /* close once everything is written: the answer is not whole */
    PLAY_RESET, /* reset once everything is written */
};

enum play_phase { PHASE_START, PHASE_HEAD, PHASE_FIRST, PHASE_BODY, PHASE_TAIL, PHASE_OVER };
enum play_part { PART_ROLE, PART_CONTENT, PART_FINISH, PART_USAGE, PART_DONE, PART_NONE };

struct play {
    struct fault *fault; /* held; NULL: none */
    bool held, released; /* stands still until it may go on; it may */
    const char *name;    /* the region's; borrowed */
    uint64_t n;          /* of the attempt */
    bool old, keep;      /* what the request said: HTTP/1.0, keep-alive */
    int status;
    enum play_phase phase;
    bool stream, chunked, include_usage;
    struct answer answer; /* of a stream */
    enum play_part part;
    struct buf body; /* of a plain answer */
    size_t events;   /* sent or about to be */
    size_t body_bytes;
};

/* Takes the caller's hold on fault.  answer: moved into the play; NULL for a plain answer with
 * body, which is copied. */
void play_start(struct play *p, struct fault *fault, const char *name, uint64_t n);
void play_plain(struct play *p, int status, struct str body);
void play_stream(struct play *p, const struct answer *answer, bool include_usage);
void play_release(struct play *p);

/* The next whole event of a stream, without transfer coding; false when there is none. */
bool play_event(struct play *p, struct buf *out);

/* Appends to out, which is empty. */
enum play_verdict play_step(struct play *p, struct buf *out, int64_t *wait_ms);

/* true: it stood still as "hold" or "hold_at_event" say, and the next step goes on. */
bool play_go_on(struct play *p);

/* Head of an answer: extra is ready header lines, NULL for none. */
void play_head(struct buf *out, const struct play *p, const char *extra);

#endif
