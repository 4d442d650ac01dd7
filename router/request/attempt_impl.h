/* attempt_impl.h - what the files of an attempt share; private to attempt*.c. */
#ifndef ROUTER_REQUEST_ATTEMPT_IMPL_H
#define ROUTER_REQUEST_ATTEMPT_IMPL_H

#include "dialect/progress.h"
#include "dialect/sse.h"
#include "router/request/attempt.h"
#include "upstream/coding.h"
#include "upstream/upstream.h"

struct region_headers;
struct event;

struct attempt_env {
    struct event_base *base;
    const struct config *conf;
    struct upstream *up;
    struct region_headers *region_headers;
    struct attempt *lingering;
};

enum phase {
    PHASE_HEAD,    /* no answer yet */
    PHASE_CONTENT, /* a stream that has said nothing yet */
    PHASE_FLOW,    /* one that goes on, or a plain answer */
    PHASE_TAIL,    /* one that is whole: its usage and its end may still come */
    PHASE_LINGER,  /* over for its owner */
};

struct attempt {
    struct attempt_env *env;
    const struct dialect *dialect; /* the region's */
    const struct attempt_ops *ops;
    void *arg;
    const struct config_timeouts *timeouts; /* the target's */
    struct upstream_call *call;             /* NULL once it ended */
    struct event *timer, *finish;
    enum phase phase;
    enum dialect_path path;
    const struct config_region *region; /* with our credentials there */
    int64_t inputs;                     /* vectors asked for */
    bool stream, hide_usage, sse_on, ready, ended, done_seen;
    struct progress progress; /* of the stream */
    unsigned lenient;         /* towards this region: CONFIG_LENIENT_... */
    bool paused, slowed;      /* the client reads slowly: now, at any time */
    bool late;                /* most of the request's time was gone when it began */
    int64_t started_us;
    int64_t since_ms;  /* start of the phase, or the last progress of a flowing answer */
    int64_t paused_ms; /* when it was */
    struct attempt_answer answer;
    struct coding_reader *coding; /* NULL: the body is not coded */
    struct buf fields_text, held;
    struct http_reply_field *fields;
    struct sse sse;
    struct resume *resume;
    struct attempt_end end;
    struct attempt *next, **prev; /* while lingering */
};

/* ---- attempt.c ---- */

/* Every way an attempt can end comes through here, once.  It only takes notes. */
void attempt_end_later(struct attempt *at, enum outcome o, const char *detail);
/* The same for what we refuse.  code: a string that stays. */
void attempt_unfit_later(struct attempt *at, const char *code, const char *detail);
void attempt_enter(struct attempt *at, enum phase phase); /* and starts its limit */
void attempt_note_progress(struct attempt *at);           /* a flowing answer goes on */
void attempt_need_timer(struct attempt *at);              /* its phases have limits */

/* ---- attempt_answer.c ---- */

extern const struct upstream_ops attempt_call_ops; /* arg: the attempt */

/* ---- attempt_stream.c ---- */

/* From here on the answer is relayed: what was held goes first. */
void attempt_go_ready(struct attempt *at);
/* The stream ended properly within an event: its last one, should it be whole but for its blank
 * line.  Official clients drop such an event; here it may hold the finish reason. */
void attempt_last_event(struct attempt *at);
/* A stream ends with every answer asked for: its own last event, or NULL where that did not come.
 * A rerun must have said all that was delivered. */
void attempt_end_whole(struct attempt *at, const struct dialect_event *last);
/* One event of the stream (the callback of sse_feed); nonzero once the attempt has ended. */
int attempt_on_event(void *arg, const struct sse_event *sse);

#endif
