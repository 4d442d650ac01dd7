/* attempt.h - one try of one target for one request: sends, watches the clock, reads what comes
 * back, and says how it ended.
 *
 * Nothing is shown to the client before it is known to be worth showing: a stream is held until
 * its first content event, a plain answer until it is complete (or larger than is held). */
#ifndef ROUTER_REQUEST_ATTEMPT_H
#define ROUTER_REQUEST_ATTEMPT_H

#include "base/base.h"
#include "base/str.h"
#include "config/config.h"
#include "policy/outcome.h"
#include "dialect/dialect.h"
#include "dialect/resume.h"
#include "http/exchange.h"
#include "http/http_head.h"
#include "upstream/upstream.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct attempt;
struct attempt_env; /* what all attempts of a worker share: URLs and credentials per region */

/* conf and up are borrowed. */
struct attempt_env *attempt_env_new(struct event_base *base, const struct config *conf,
                                    struct upstream *up);
void attempt_env_free(struct attempt_env *env);
/* What a region speaks: its answers and events are in it. */
const struct dialect *attempt_env_dialect(const struct attempt_env *env, size_t region);

struct attempt_ask {
    size_t region;
    enum dialect_path path;       /* one that the region's dialect has */
    struct str body;              /* borrowed until the end; empty for DIALECT_MODELS */
    const struct http_head *from; /* the client's head: what may go on is copied */
    const char *request_id;
    int64_t inputs;  /* vectors asked for; 0: it cannot be told */
    int64_t choices; /* answers asked for: so many finish reasons end a stream */
    bool stream;     /* the client asked for one: the stream limits apply */
    bool usage;      /* and for the usage of the stream: it is not whole without */
    bool hide_usage; /* the usage-only event was our wish, not the client's */
    int64_t left_ms; /* until the request's deadline */
    bool late; /* most of the request's time is gone: a limit that it meets proves little */
    const struct config_timeouts *timeouts; /* the target's; borrowed until the end */
    struct resume *resume; /* notes what is delivered, or is replayed; NULL: neither */
};

#define ATTEMPT_UPSTREAM_ID_MAX 128

struct attempt_answer { /* borrowed for the callback */
    int status;
    char upstream_id[ATTEMPT_UPSTREAM_ID_MAX +
                     1];                   /* the vendor's own of it, a token; "": none */
    const struct http_reply_field *fields; /* those that may pass, vendor's order */
    size_t n_fields;
    struct str body; /* on_end: the whole body of a plain answer, the data of a stream's error
                        event; else empty */
};

struct attempt_end {
    enum outcome outcome;
    const struct attempt_answer *answer; /* NULL when no head came */
    bool relayed;                        /* on_ready was called */
    bool add_done;                       /* a complete stream whose vendor forgot its end */
    bool reused;                         /* ran on a connection that had served before */
    int64_t retry_after_ms;              /* -1: none stated */
    int64_t first_byte_us, total_us;
    struct dialect_usage usage; /* of a stream: as far as it said */
    int64_t content_events;     /* of a stream: about a token each */
    bool showed_key;            /* our key stood in an error, and is masked */
    const char *code;           /* UNFIT: what to call it to a client */
    char detail[160];           /* for the log: no header and no body byte */
};

struct attempt_ops {
    /* From here on the answer is relayed: its head now, the rest as events or bytes. */
    void (*on_ready)(void *arg, const struct attempt_answer *a);
    /* A stream's next event, in the region's dialect.  The first one is what was held: the
     * bytes of all events in front of the first content, as one of kind META. */
    void (*on_event)(void *arg, const struct dialect_event *ev);
    void (*on_bytes)(void *arg, struct str bytes); /* of a plain answer too large to hold */
    /* A plain answer has been silent for its limit: would another target be asked, were this one
     * given up?  false: it is waited for, and asked about again after as long. */
    bool (*may_leave)(void *arg);
    /* Exactly once, from the event loop; the attempt is freed when it returns. */
    void (*on_end)(void *arg, const struct attempt_end *e);
};

struct attempt *attempt_start(struct attempt_env *env, const struct attempt_ask *ask,
                              const struct attempt_ops *ops, void *arg);
void attempt_pause(struct attempt *at); /* the client reads slowly: idle time stands still */
void attempt_resume(struct attempt *at);
/* Frees it; no callback follows.  *so_far: what is to be accounted, outcome ABORTED.  Not
 * inside on_ready, on_event or on_bytes. */
void attempt_cancel(struct attempt *at, struct attempt_end *so_far);

#endif
