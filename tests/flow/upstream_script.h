/* upstream_script.h - lib/upstream/upstream.h without a network: answers are played from a
 * script and everything that was asked for is written down.
 *
 * Linked in front of the router's archive, so the router's own upstream.o stays out.  It keeps
 * the contract to the letter where the router could break it: on_end comes from the event loop
 * and once, nothing comes after cancel or while paused, and a request's body is read again at
 * every step for as long as the vendor has not taken it. */
#ifndef FLOW_UPSTREAM_SCRIPT_H
#define FLOW_UPSTREAM_SCRIPT_H

#include "base/base.h"
#include "base/buf.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct script_answer {
    const char *region; /* the first label of the URL's host */
    int status;         /* 0: no head comes */
    const char *fields; /* "Name: value" lines, each ended by LF; NULL: none */
    /* What follows the head, one piece per turn of the loop, cut at '|'.  A piece that is just
     * "~" waits for script_release(). NULL: no body. */
    const char *body;
    struct str bytes; /* behind that: its first byte, then the rest; NULs are fine */
    enum upstream_result end;
    bool hangs;     /* after the pieces nothing comes any more */
    bool waits;     /* nothing comes before script_release(), not even the head */
    bool reused;    /* ran on a connection that had served before */
    bool unread;    /* the vendor never takes the request's body */
    int repeat;     /* the pieces this often; 0 means once */
    bool for_ever;  /* this answer serves every further call, too */
    bool used_once; /* set by the script */
};

struct script_call { /* what a test may look at */
    char method[8];
    char url[256];
    struct buf headers; /* "Name: value" lines, each ended by LF */
    struct buf body;
    int64_t connect_ms, total_ms;
    int pauses, resumes;
    bool ended, cancelled;
    size_t data_bytes; /* handed over so far */
};

#define SCRIPT_CALLS_MAX 64

/* The answers u gives, in their order per region; the array is borrowed until the next call. */
void script_set(struct upstream *u, struct script_answer *answers, size_t n);
void script_release(struct upstream *u); /* what waits goes on, one gate each */

size_t script_count(const struct upstream *u); /* calls so far */
size_t script_running(const struct upstream *u);
const struct script_call *script_call(const struct upstream *u, size_t i);
/* The regions that were called, in order: "a b a". */
const char *script_story(struct upstream *u);
size_t script_unscripted(const struct upstream *u); /* calls that no answer was left for */

#endif
