/* request_impl.h - what the files of a request share; private to request*.c. */
#ifndef ROUTER_REQUEST_IMPL_H
#define ROUTER_REQUEST_IMPL_H

#include "base/log.h"
#include "provider/ask.h"
#include "provider/resume.h"
#include "router/attempt.h"
#include "router/choose.h"
#include "router/fleet.h"
#include "router/identify.h"
#include "router/record.h"
#include "router/relay.h"
#include "router/reply.h"
#include "router/worker.h"

struct event;

enum state {
    ST_IDENTIFY,
    ST_ADMIT,
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

struct request {
    struct worker *w;
    struct http_conn *conn; /* NULL once the client is gone */
    const struct http_head *head;
    struct str body;
    enum attempt_path path;
    enum state state;
    struct log_ctx log;
    char id[IDENTIFY_ID_MAX + 1];
    int64_t started_us, deadline_ms, ready_ms;
    int64_t upstream_us,
        attempt_us; /* spent in attempts that ended; start of the running one */

    struct ask ask;
    struct choose_state choice;
    const struct choose_plan *plan;
    const struct choose_target *target; /* of the running or last attempt */
    bool last_resort;
    int attempts, same_retries;
    int64_t pause_ms;

    struct attempt *attempt;       /* running */
    const struct attempt_end *end; /* set while judging */
    enum outcome last;
    struct fleet_pass pass;
    struct buf spliced;
    struct relay relay;
    struct resume *resume; /* NULL: a cut stream is not run again */
    struct event *timer;   /* of ST_PAUSE */
    struct record_request result;
    struct request *next, **prev; /* the worker's list */
};

/* ---- request_end.c: the answers that end a request; each names ST_DONE as the next state ----
 */

const char *request_region(const struct request *req); /* of the running or last attempt; "-" */

/* Our own refusal: an answer, or in-band when the stream's head is out. */
enum state request_refuse(struct request *req, const struct reply_error *e);
enum state request_refuse_body(struct request *req, const struct ask_error *bad); /* 400 */
enum state request_refuse_model(struct request *req);                             /* 404 */
/* The vendor's whole answer, as it is. */
enum state request_pass(struct request *req, const struct attempt_answer *a);
/* The vendor's refusal.  An error that came inside a 200 goes out as the 400 it is. */
enum state request_pass_refusal(struct request *req);
/* A failure the client has already seen a part of: it must see the failure too. */
enum state request_fail_relayed(struct request *req);
/* A plain JSON answer to a stream whose head is already out as an event stream. */
enum state request_fail_not_a_stream(struct request *req);
/* The head of an answer that is relayed from now on. */
void request_open(struct request *req, const struct attempt_answer *a);

#endif
