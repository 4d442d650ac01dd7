/* fault.h - what shall go wrong, for which requests, and how often.
 *
 * A fault set is a JSON object or an array of them; the first one that matches a request and
 * is neither used up nor over decides about it.  fault.c has the table of members. */
#ifndef REGION_FAULT_H
#define REGION_FAULT_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_NONE (-1) /* a number that was not given */

enum fault_reset { FAULT_RESET_NONE, FAULT_RESET_BEFORE, FAULT_RESET_MID };
enum fault_line_end { FAULT_LF, FAULT_CRLF, FAULT_CR };
enum fault_framing {
    FAULT_FRAMING_NONE,
    FAULT_BAD_CHUNK,
    FAULT_TWO_LENGTHS,
    FAULT_SHORT_LENGTH, /* says fewer bytes than it sends */
    FAULT_LONG_LENGTH,  /* says more bytes than it sends, then closes */
    FAULT_TE_AND_CL,
    FAULT_GARBAGE,
    FAULT_HUGE_HEAD,
    FAULT_LF_ONLY,
    FAULT_HTTP09,
};

struct fault {
    unsigned refs;
    /* which requests */
    int64_t times, after;     /* only the next n; not the first n */
    int64_t percent, seen;    /* of those that match; what is due of the next, in percent */
    int64_t for_ms, until_ms; /* as given; the moment it is over, 0: never */
    char *match_path, *match_model; /* the path contains it; the model is it */
    /* another answer */
    int64_t status;
    char *headers; /* ready lines */
    char *body;    /* JSON objects as text */
    char *error_in_200;
    /* time */
    int64_t delay_head_ms, delay_first_event_ms, delay_event_ms;
    bool hang, hold; /* for ever; until POST /_region/go */
    int64_t hang_at_event, hold_at_event;
    /* the end; events count every SSE event of an answer, the role chunk is the first */
    enum fault_reset reset;
    int64_t cut_at_event, cut_at_byte, end_at_event;
    /* the stream's content */
    int64_t malformed_event, error_event; /* index of the event that is replaced */
    char *error;                          /* error_event's object */
    bool no_done, no_finish, endless;
    int64_t events, chunk_bytes, usage;
    enum fault_line_end line_end;
    /* bytes */
    enum fault_framing framing;
    int64_t head_bytes; /* of a huge head */
    int64_t split_bytes, split_ms;
    bool refuse;
};

#define FAULT_SET_MAX 16

struct fault_set {
    struct fault *list[FAULT_SET_MAX];
    size_t n;
};

/* Replaces the set when the text is good; -1 with err, and the old set, when not. */
int fault_set_parse(struct fault_set *set, struct str text, int64_t now_ms, struct err *err);
void fault_set_clear(struct fault_set *set);
bool fault_set_refuses(const struct fault_set *set, int64_t now_ms);
/* Moment the soonest "for_ms" of a refusing fault is over; 0: none. */
int64_t fault_set_refuse_until(const struct fault_set *set);

/* The fault for this request, or NULL; counts it.  The caller drops it. */
struct fault *fault_pick(struct fault_set *set, struct str path, const char *model,
                         int64_t now_ms);
void fault_drop(struct fault *f); /* NULL is fine */

#endif
