/* request_impl.h - what the files of a request share; private to request*.c. */
#ifndef ROUTER_REQUEST_REQUEST_IMPL_H
#define ROUTER_REQUEST_REQUEST_IMPL_H

#include "base/log.h"
#include "dialect/chat_request.h"
#include "dialect/resume.h"
#include "router/request/attempt.h"
#include "router/request/choose.h"
#include "fleet/permit.h"
#include "router/request/identify.h"
#include "router/request/refusal.h"
#include "router/access_log.h"
#include "router/request/relay.h"
#include "router/request/reply.h"
#include "router/worker.h"

struct event;

/* Less time than this is none: a region would be blamed for it. */
#define REQUEST_TRY_MIN_MS 5

enum state {
    ST_IDENTIFY,
    ST_ADMIT,
    ST_BODY,
    ST_READ,
    ST_CHOOSE,
    ST_ATTEMPT,
    ST_JUDGE,
    ST_PAUSE,
    ST_DEGRADE,
    ST_DONE,
    N_STATES,
    WAIT /* not a state: back to the event loop */
};

struct request_try { /* one attempt of a request; two of them run while it hedges */
    struct request *req;
    const struct choose_target *target;
    struct attempt *attempt; /* NULL: not running */
    struct permit pass;
    struct buf spliced; /* the body for this target, where it differs from the client's */
    int64_t started_us;
    int number; /* 1 for the first of the request */
};

struct request {
    struct worker *w;
    struct exchange *ex; /* NULL once it is over */
    const struct http_head *head;
    struct str body;               /* empty until has_body */
    bool has_body;                 /* it has come, if only an empty one */
    bool in_flight;                /* and is counted */
    const struct dialect *dialect; /* the client's */
    enum dialect_path path;
    enum state state;
    struct log_ctx log;
    char id[IDENTIFY_ID_MAX + 1];
    int64_t started_us; /* its head, then its whole body: an upload is the client's time */
    int64_t deadline_ms, ready_ms;
    int64_t upstream_us; /* during which an attempt ran, those that ended */

    struct chat_request ask;
    struct choose_state choice;
    const struct choose_plan *plan;
    const struct choose_target *target; /* of the first running, the winning or the last try */
    bool last_resort;
    int attempts, same_retries;
    bool on_credit; /* the running one, of the budget for retries */
    int64_t pause_ms;
    int64_t room_until_ms; /* how long it waits for a last resort; 0: it has not had to */

    struct request_try tries[2];   /* the second only for a hedge */
    struct request_try *winner;    /* whose answer is relayed; NULL: none yet */
    struct event *hedge;           /* fires when the first has been silent for too long */
    const struct attempt_end *end; /* set while judging */
    enum outcome last;
    const char *unfit; /* the code of the last attempt that ended so */
    struct {           /* the last run whose failure the client must see, unless it is mended */
        const char *region; /* NULL: there is none */
        enum outcome outcome;
        const char *unfit;
    } broke;
    struct refusal said; /* by the targets that would not serve it */
    struct relay relay;
    struct resume *resume; /* NULL: a cut stream is not run again */
    struct event *timer;   /* of ST_PAUSE */
    struct access_log_request result;
    struct request *next, **prev; /* the worker's list */
};

/* ---- request.c ---- */

void request_go(struct request *req, enum state to); /* the only writer of req->state */
/* The last line of every callback: req may be gone after it. */
void request_run(struct request *req);
/* Would an attempt that is given up for its silence now be followed by one elsewhere? */
bool request_may_leave(struct request *req);

/* ---- request_try.c: the attempts of a request, and the race of two ---- */

/* Starts an attempt at req->target.  false: there is no time left for one. */
bool request_try(struct request *req);
bool request_is_trying(const struct request *req);
/* Ends what runs, as aborted. */
void request_abandon(struct request *req);
void request_resume(struct request *req); /* the client reads again */
void request_tries_release(struct request *req);

/* ---- request_end.c: the answers that end a request; each names ST_DONE as the next state ----
 */

const char *request_region(const struct request *req); /* of the running or last attempt; "-" */

/* Our own refusal: an answer, or in-band when the stream's head is out. */
enum state request_refuse(struct request *req, const struct reply_error *e);
enum state request_refuse_body(struct request *req,
                               const struct chat_request_error *bad); /* 400 */
enum state request_refuse_model(struct request *req);                 /* 404 */
/* The vendor's whole answer, as it is. */
enum state request_pass(struct request *req, const struct attempt_answer *a);
/* What all targets said alike, in the words that req->said keeps, with e's status and fields. */
enum state request_pass_said(struct request *req, const struct reply_error *e);
/* The vendor's refusal.  An error that came inside a 200 goes out as the 400 it is. */
enum state request_pass_refusal(struct request *req);
/* A failure the client has already seen a part of: it must see the failure too. */
enum state request_fail_relayed(struct request *req);
/* A whole plain answer to a stream request: the client gets the stream it asked for. */
enum state request_play(struct request *req, const struct attempt_answer *a);
/* The head of an answer that is relayed from now on. */
void request_open(struct request *req, const struct attempt_answer *a);

#endif
