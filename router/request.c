/* request.c - the spine of the router as a state table.
 *
 *   identify -> admit -> read -> choose -> attempt ... judge -> done
 *                                  ^                     |
 *                                  +------ pause <-------+---> degrade -> done
 *
 * Each step is its own file and no step calls another: what they have to tell each other
 * stands in struct request.  A step returns the next state, or WAIT to go back to the event
 * loop; attempts, timers and the client wake it up again. */
#include "router/request.h"

#include "base/clock.h"
#include "base/log.h"
#include "policy/retry.h"
#include "provider/ask.h"
#include "router/admit.h"
#include "router/choose.h"
#include "router/degrade.h"
#include "router/fleet.h"
#include "router/identify.h"
#include "router/record.h"
#include "router/relay.h"
#include "router/reply.h"

#include <assert.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWING_MS 5000 /* a stream that flowed this long counts as a success now */

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
    int refs;
    struct log_ctx log;
    char id[IDENTIFY_ID_MAX + 1];
    int64_t started_us, deadline_ms, ready_ms, upstream_us;

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
    struct event *timer; /* of ST_PAUSE */
    struct record_request result;
    struct request *next, **prev; /* the worker's list */
};

static void request_run(struct request *req);
static void go(struct request *req, enum state to);

static void request_hold(struct request *req)
{
    req->refs++;
}

static void request_drop(struct request *req)
{
    if (--req->refs > 0)
        return;
    relay_stop(&req->relay);
    if (req->timer != NULL)
        event_free(req->timer);
    buf_release(&req->spliced);
    free(req->choice.tried);
    *req->prev = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    free(req);
}

static const char *region_name(const struct request *req)
{
    return req->target != NULL ? req->w->conf->regions[req->target->region].name : "-";
}

/* ---- answers that end a request ---- */

static enum state refuse(struct request *req, struct reply_error *e)
{
    req->result.result = e->status >= 500 ? METRICS_REQ_FAILED : METRICS_REQ_REFUSED;
    req->result.status = e->status;
    if (req->relay.head_out)
        relay_fail(&req->relay, e);
    else
        reply_error(req->conn, e, req->id);
    return ST_DONE;
}

/* What the router says beside the vendor's own fields. */
static size_t own_fields(struct request *req, struct http_reply_field *f, char numbers[2][24])
{
    int64_t overhead_us = clock_mono_us() - req->started_us - req->upstream_us;

    req->result.overhead_us = overhead_us;
    snprintf(numbers[0], sizeof(numbers[0]), "%d", req->attempts);
    snprintf(numbers[1], sizeof(numbers[1]), "%" PRId64, overhead_us);
    f[0] = (struct http_reply_field){"x-request-id", str_of(req->id)};
    f[1] = (struct http_reply_field){"x-sluice-region", str_of(region_name(req))};
    f[2] = (struct http_reply_field){"x-sluice-attempts", str_of(numbers[0])};
    f[3] = (struct http_reply_field){"x-sluice-overhead-us", str_of(numbers[1])};
    return 4;
}

static size_t all_fields(struct request *req, const struct attempt_answer *a,
                         struct http_reply_field *f, char numbers[2][24])
{
    size_t n = a->n_fields < UPSTREAM_FIELDS_MAX ? a->n_fields : UPSTREAM_FIELDS_MAX;

    memcpy(f, a->fields, n * sizeof(*f));
    return n + own_fields(req, f + n, numbers);
}

/* The vendor's whole answer, as it is. */
static enum state pass_answer(struct request *req, const struct attempt_answer *a)
{
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n = all_fields(req, a, f, numbers);

    req->result.status = a->status;
    req->result.bytes = a->body.len;
    http_conn_reply(req->conn, a->status, f, n, a->body);
    return ST_DONE;
}

/* The vendor's refusal.  An error that came inside a 200 goes out as the 400 it is. */
static enum state pass_refusal(struct request *req)
{
    const struct attempt_answer *a = req->end->answer;
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n;

    req->result.result = METRICS_REQ_VENDOR_4XX;
    if (req->relay.head_out) {
        struct reply_error e = {.status = a->status,
                                .type = "invalid_request_error",
                                .code = "vendor_refused",
                                .message =
                                    "the region refused the request after the stream was "
                                    "opened",
                                .retry_after_ms = -1};

        req->result.status = 200;
        relay_fail(&req->relay, &e);
        return ST_DONE;
    }
    if (a->status >= 400)
        return pass_answer(req, a);
    f[0] = (struct http_reply_field){"Content-Type", STR("application/json")};
    n = 1 + own_fields(req, f + 1, numbers);
    req->result.status = 400;
    http_conn_reply(req->conn, 400, f, n, a->body);
    return ST_DONE;
}

/* ---- the steps ---- */

static enum state step_identify(struct request *req)
{
    identify_request_id(req->head, &req->w->rand, req->id);
    str_copy(req->log.id, sizeof(req->log.id), req->id);
    return ST_ADMIT;
}

static enum state step_admit(struct request *req)
{
    struct reply_error e;

    return admit_request(req->w, &e) ? ST_READ : refuse(req, &e);
}

static enum state refuse_body(struct request *req, const struct ask_error *bad)
{
    struct reply_error e = {.status = 400,
                            .type = "invalid_request_error",
                            .code = bad->code,
                            .param = bad->param,
                            .message = bad->message,
                            .retry_after_ms = -1,
                            .no_retry = true};

    return refuse(req, &e);
}

static enum state refuse_model(struct request *req)
{
    char text[ASK_MODEL_MAX + 96];
    struct reply_error e = {.status = 404,
                            .type = "invalid_request_error",
                            .code = "model_not_found",
                            .param = "model",
                            .message = text,
                            .retry_after_ms = -1,
                            .no_retry = true};

    snprintf(text, sizeof(text),
             "the model '%s' is not served here; GET /v1/models lists those that are",
             req->ask.model);
    return refuse(req, &e);
}

static enum state step_read(struct request *req)
{
    static const enum ask_kind kinds[N_ATTEMPT_PATHS] = {[ATTEMPT_CHAT] = ASK_CHAT,
                                                         [ATTEMPT_COMPLETIONS] = ASK_COMPLETION,
                                                         [ATTEMPT_EMBEDDINGS] = ASK_EMBEDDING};
    struct ask_error bad;

    if (req->path != ATTEMPT_MODELS && ask_read(&req->ask, kinds[req->path], req->body,
                                                req->w->conf->http.json_depth_max, &bad) < 0)
        return refuse_body(req, &bad);
    req->plan = choose_find(req->w->choose, req->ask.model);
    if (req->plan == NULL)
        return refuse_model(req);
    req->choice.tried = xcalloc(req->plan->n + 1, sizeof(*req->choice.tried));
    if (req->ask.stream)
        relay_start(&req->relay, req->w->base, req->conn, &req->w->conf->stream, req->id);
    return ST_CHOOSE;
}

static enum state step_choose(struct request *req)
{
    int at = choose_pick(req->plan, &req->choice, req->w->fleet, req->w->conf->last_resort,
                         clock_mono_ms(), &req->last_resort);

    if (at < 0)
        return ST_DEGRADE;
    req->target = &req->plan->targets[at];
    req->same_retries = 0;
    return ST_ATTEMPT;
}

static const struct attempt_ops attempt_callbacks;

static enum state step_attempt(struct request *req)
{
    int64_t now_ms = clock_mono_ms();
    bool usage = req->w->conf->stream.usage;
    struct attempt_ask a = {
        .region = req->target->region,
        .path = req->path,
        .from = req->head,
        .request_id = req->id,
        .stream = req->ask.stream,
        .hide_usage = usage && !req->ask.wants_usage,
        .left_ms = req->deadline_ms - now_ms,
    };

    if (a.left_ms <= 0)
        return ST_DEGRADE;
    if (req->path != ATTEMPT_MODELS &&
        ask_splice(&req->ask, req->target->model, usage, &req->spliced, &a.body) < 0)
        return ST_DEGRADE; /* cannot be: the cap leaves room for both splices */
    fleet_begin(req->w->fleet, req->target->region, req->last_resort, now_ms, &req->pass);
    req->attempts++;
    req->attempt = attempt_start(req->w->attempts, &a, &attempt_callbacks, req);
    return WAIT;
}

static bool others_left(struct request *req)
{
    size_t at = (size_t)(req->target - req->plan->targets);
    bool was = req->choice.tried[at], last_resort, any;

    req->choice.tried[at] = true;
    any = choose_pick(req->plan, &req->choice, req->w->fleet, req->w->conf->last_resort,
                      clock_mono_ms(), &last_resort) >= 0;
    req->choice.tried[at] = was;
    return any;
}

/* After a failure nobody saw: again, elsewhere, or enough. */
static enum state judge_retry(struct request *req)
{
    const struct attempt_end *e = req->end;
    struct retry_facts facts = {
        .outcome = e->outcome,
        .status = e->answer != NULL ? e->answer->status : 0,
        .attempts = req->attempts,
        .same_retries = req->same_retries,
        .reused = e->reused,
        .retry_after_ms = e->retry_after_ms,
        .left_ms = req->deadline_ms - clock_mono_ms(),
    };
    struct retry_plan plan;

    if (e->outcome == OUTCOME_TOO_LONG) {
        int64_t window = req->target->context_window > 0 ? req->target->context_window : 1;

        if (window > req->choice.window_over)
            req->choice.window_over = window;
    }
    facts.others_left = others_left(req);
    plan = retry_plan(&req->w->conf->retry, &facts, rand_jitter(&req->w->rand));
    if (plan.verdict == RETRY_SAME) {
        req->same_retries++;
        req->pause_ms = plan.delay_ms;
        return ST_PAUSE;
    }
    if (plan.verdict == RETRY_OTHER) {
        req->choice.tried[req->target - req->plan->targets] = true;
        req->pause_ms = plan.delay_ms;
        return plan.delay_ms > 0 ? ST_PAUSE : ST_CHOOSE;
    }
    return e->outcome == OUTCOME_TOO_LONG ? pass_refusal(req) : ST_DEGRADE;
}

/* A failure the client has already seen a part of: it must see the failure too. */
static enum state fail_relayed(struct request *req)
{
    char text[160];
    struct reply_error e = {.status = 502,
                            .type = "server_error",
                            .code = "stream_broken",
                            .message = text,
                            .retry_after_ms = -1};

    snprintf(text, sizeof(text), "the stream from region '%s' broke off: %s", region_name(req),
             outcome_traits(req->end->outcome)->name);
    req->result.result = METRICS_REQ_FAILED;
    if (req->ask.stream)
        relay_fail(&req->relay, &e);
    else
        http_conn_abort(req->conn);
    return ST_DONE;
}

/* A plain JSON answer to a stream whose head is already out as an event stream. */
static enum state fail_not_a_stream(struct request *req)
{
    struct reply_error e = {.status = 502,
                            .type = "server_error",
                            .code = "stream_expected",
                            .message = "the region answered a stream request without a stream",
                            .retry_after_ms = -1};

    return refuse(req, &e);
}

static enum state step_judge(struct request *req)
{
    const struct attempt_end *e = req->end;

    switch (e->outcome) {
    case OUTCOME_OK:
        req->result.result = METRICS_REQ_OK;
        if (e->relayed) {
            relay_finish(&req->relay, e->add_done);
            return ST_DONE;
        }
        return req->relay.head_out ? fail_not_a_stream(req) : pass_answer(req, e->answer);
    case OUTCOME_CLIENT_FAULT:
        return e->relayed ? fail_relayed(req) : pass_refusal(req);
    default:
        return e->relayed ? fail_relayed(req) : judge_retry(req);
    }
}

static void on_request_timer(evutil_socket_t fd, short what, void *arg)
{
    struct request *req = arg;

    (void)fd, (void)what;
    /* the same target if the fleet still lets it, else whoever may */
    if (req->same_retries > 0 &&
        fleet_ask(req->w->fleet, req->target->region, clock_mono_ms()) == PICKER_USABLE) {
        go(req, ST_ATTEMPT);
    } else {
        if (req->same_retries > 0)
            req->choice.tried[req->target - req->plan->targets] = true;
        go(req, ST_CHOOSE);
    }
    request_run(req);
}

static enum state step_pause(struct request *req)
{
    struct timeval tv = {req->pause_ms / 1000, req->pause_ms % 1000 * 1000};

    if (req->timer == NULL)
        req->timer = event_new(req->w->base, -1, 0, on_request_timer, req);
    event_add(req->timer, &tv);
    return WAIT;
}

static enum state step_degrade(struct request *req)
{
    char text[256];
    struct reply_error e;
    int64_t now_ms = clock_mono_ms();
    struct degrade_facts d = {
        .plan = req->plan,
        .attempts = req->attempts,
        .last = req->last,
        .region = region_name(req),
        .out_of_time = now_ms >= req->deadline_ms,
    };

    degrade_explain(&d, req->w->fleet, now_ms, text, sizeof(text), &e);
    return refuse(req, &e);
}

static enum state step_done(struct request *req)
{
    req->result.attempts = req->attempts;
    req->result.region = region_name(req);
    req->result.total_us = clock_mono_us() - req->started_us;
    if (req->relay.bytes > 0) {
        req->result.bytes = req->relay.bytes;
        req->result.status = 200;
    }
    record_request(req->w, &req->log, &req->result);
    req->w->slot->inflight--;
    req->conn = NULL;
    relay_stop(&req->relay);
    if (req->timer != NULL)
        event_del(req->timer);
    request_drop(req); /* the owner's reference; request_run holds another */
    return WAIT;
}

#define BIT(n) (1u << (n))
static const struct {
    const char *name;
    enum state (*step)(struct request *req);
    unsigned may_go; /* legal successors, those by callback included */
} states[N_STATES] = {
    /* clang-format off */
    [ST_IDENTIFY] = {"identify", step_identify, BIT(ST_ADMIT)},
    [ST_ADMIT]    = {"admit",    step_admit,    BIT(ST_READ) | BIT(ST_DONE)},
    [ST_READ]     = {"read",     step_read,     BIT(ST_CHOOSE) | BIT(ST_DONE)},
    [ST_CHOOSE]   = {"choose",   step_choose,   BIT(ST_ATTEMPT) | BIT(ST_DEGRADE)},
    [ST_ATTEMPT]  = {"attempt",  step_attempt,  BIT(ST_JUDGE) | BIT(ST_DEGRADE) | BIT(ST_DONE)},
    [ST_JUDGE]    = {"judge",    step_judge,    BIT(ST_CHOOSE) | BIT(ST_PAUSE) | BIT(ST_DEGRADE) | BIT(ST_DONE)},
    [ST_PAUSE]    = {"pause",    step_pause,    BIT(ST_CHOOSE) | BIT(ST_ATTEMPT) | BIT(ST_DONE)},
    [ST_DEGRADE]  = {"degrade",  step_degrade,  BIT(ST_DONE)},
    [ST_DONE]     = {"done",     step_done,     0},
    /* clang-format on */
};

static void go(struct request *req, enum state to) /* the only writer of req->state */
{
    assert(states[req->state].may_go & BIT(to));
    req->state = to;
}

static void request_run(struct request *req)
{
    enum state to;

    request_hold(req); /* step_done drops the owner's reference */
    while ((to = states[req->state].step(req)) != WAIT)
        go(req, to);
    request_drop(req);
}

/* ---- what wakes a request up ---- */

static void on_attempt_ready(void *arg, const struct attempt_answer *a)
{
    struct request *req = arg;
    struct http_reply_field f[REPLY_FIELDS_MAX];
    char numbers[2][24];
    size_t n = all_fields(req, a, f, numbers);

    req->ready_ms = clock_mono_ms();
    req->result.status = a->status;
    if (!req->ask.stream) /* not prepared for one: too large to hold, or nobody asked */
        req->relay = (struct relay){.conn = req->conn, .conf = &req->w->conf->stream};
    relay_open(&req->relay, a->status, f, n, -1);
}

static void on_attempt_bytes(void *arg, struct str bytes)
{
    struct request *req = arg;

    if (!relay_bytes(&req->relay, bytes))
        attempt_pause(req->attempt);
    if (!req->pass.flowing && req->relay.last_ms - req->ready_ms >= FLOWING_MS)
        fleet_flowing(req->w->fleet, &req->pass);
}

/* Ends the pass and the attempt's record; the attempt itself is gone or about to be. */
static void close_attempt(struct request *req, const struct attempt_end *e)
{
    struct record_attempt rec = {
        .region = req->target->region, .number = req->attempts, .end = e};

    req->attempt = NULL;
    req->last = e->outcome;
    req->upstream_us += e->total_us;
    fleet_end(req->w->fleet, &req->pass, e->outcome, e->retry_after_ms);
    record_attempt(req->w, &req->log, &rec);
}

static void on_attempt_end(void *arg, const struct attempt_end *e)
{
    struct request *req = arg;

    request_hold(req);
    close_attempt(req, e);
    req->end = e;
    go(req, ST_JUDGE);
    request_run(req);
    req->end = NULL;
    request_drop(req);
}

static const struct attempt_ops attempt_callbacks = {on_attempt_ready, on_attempt_bytes,
                                                     on_attempt_end};

static void on_client_gone(void *arg)
{
    struct request *req = arg;

    if (req->attempt != NULL) {
        struct attempt_end e = {.outcome = OUTCOME_ABORTED, .retry_after_ms = -1};

        attempt_cancel(req->attempt);
        close_attempt(req, &e);
    }
    req->result.result = METRICS_REQ_GONE;
    go(req, ST_DONE);
    request_run(req);
}

static void on_client_writable(void *arg)
{
    struct request *req = arg;

    if (req->attempt != NULL)
        attempt_resume(req->attempt);
}

void request_start(struct worker *w, struct http_conn *conn, const struct http_head *head,
                   struct str body, enum attempt_path path)
{
    struct request *req = xcalloc(1, sizeof(*req));
    struct http_exchange ex = {req, on_client_gone, on_client_writable};

    req->w = w;
    req->conn = conn;
    req->head = head;
    req->body = body;
    req->path = path;
    req->refs = 1;
    req->log.where = "request";
    req->started_us = clock_mono_us();
    req->deadline_ms = req->started_us / 1000 + w->conf->timeouts.total_ms;
    buf_init(&req->spliced, w->conf->http.body_max_bytes + 6 * ASK_MODEL_MAX + 256);
    req->next = w->requests;
    req->prev = &w->requests;
    if (req->next != NULL)
        req->next->prev = &req->next;
    w->requests = req;
    http_conn_set_exchange(conn, &ex);
    w->slot->inflight++;
    request_run(req);
}
