/* request.c - the spine of the router as a state table.
 *
 *   identify -> admit ... body -> admit -> read -> choose -> attempt ... judge -> done
 *                                                    ^                     |
 *                                                    +------ pause <-------+---> degrade -> done
 *                                                               ^-----------------+
 *
 * It begins with the head: who is not admitted is told so before a byte of the body is read.
 *
 * A step does its work, for which most have a file of their own, and returns the next state, or
 * WAIT to go back to the event loop; the body, attempts, timers and the client's leave wake it
 * up again.  No step calls another: what they have to tell each other stands in struct request.
 */
#include "router/request/request.h"

#include "base/clock.h"
#include "base/loop.h"
#include "base/memory.h"
#include "policy/retry.h"
#include "router/request/admit.h"
#include "router/request/no_region.h"
#include "router/request/request_impl.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define PAUSE_SLACK_MS        50   /* that a wait may end early by */
#define ROOM_WAIT_MS          1000 /* for a last resort, at most */
#define ROOM_LOOK_MS          20
#define OWN_BYTES             (8u << 10)   /* that a request takes beside its buffers */
#define SPARE_PART            4            /* of http.memory: with less left, no rescue */
#define RESUME_SAID_MAX_BYTES (256u << 10) /* a longer answer cannot be resumed */
#define RESUME_ROOM_BYTES     (64u << 10)  /* that an event may grow by when it is rewritten */

static void request_free(struct request *req)
{
    memory_give(OWN_BYTES);
    relay_stop(&req->relay);
    if (req->timer != NULL)
        event_free(req->timer);
    if (req->resume != NULL)
        resume_release(req->resume);
    free(req->resume);
    request_tries_release(req);
    refusal_release(&req->said);
    free(req->choice.tried);
    *req->prev = req->next;
    if (req->next != NULL)
        req->next->prev = req->prev;
    free(req);
}

/* ---- the steps ---- */

static enum state step_identify(struct request *req)
{
    identify_request_id(req->head, &req->w->rand, req->id);
    str_copy(req->log.id, sizeof(req->log.id), req->id);
    return ST_ADMIT;
}

/* Twice: with the head, so that nobody uploads a body only to be refused, and with the body,
 * from where on it is in flight.  An upload takes no place: whoever is slow at it keeps nobody
 * else out. */
static enum state step_admit(struct request *req)
{
    struct reply_error e;

    if (!admit_request(req->w, &e))
        return request_refuse(req, &e);
    if (!req->has_body)
        return ST_BODY;
    req->in_flight = true;
    req->w->slot->inflight++;
    budget_earn(&req->w->retries);
    budget_earn(&req->w->hedges);
    return ST_READ;
}

static enum state step_body(struct request *req)
{
    (void)req;
    return WAIT; /* for on_client_body */
}

/* stream.recover: off, only where the client asked for a repeatable answer, or always. */
static bool may_recover(const struct request *req)
{
    switch (req->w->conf->stream.recover) {
    case CONFIG_RECOVER_ALWAYS:
        return true;
    case CONFIG_RECOVER_AUTO:
        return req->ask.has_seed || (req->ask.has_temperature && req->ask.temperature <= 0);
    case CONFIG_RECOVER_OFF:
        break;
    }
    return false;
}

static void prepare_stream(struct request *req)
{
    relay_start(&req->relay, req->w->base, req->ex, req->dialect, &req->w->conf->stream,
                req->id);
    if (!may_recover(req) || !memory_fits(memory_budget_bytes() / SPARE_PART))
        return;
    req->resume = xcalloc(1, sizeof(*req->resume));
    resume_init(req->resume, req->dialect, RESUME_SAID_MAX_BYTES,
                req->w->conf->stream.event_max_bytes + RESUME_ROOM_BYTES);
}

static enum state step_read(struct request *req)
{
    struct chat_request_error bad;

    if (req->path != DIALECT_MODELS &&
        req->dialect->read_request(&req->ask, req->path, req->body,
                                   req->w->conf->http.json_depth_max, &bad) < 0)
        return request_refuse_body(req, &bad);
    req->plan = choose_find(req->w->choose, req->ask.model);
    if (req->plan == NULL)
        return request_refuse_model(req);
    req->deadline_ms = req->started_us / 1000 + req->plan->total_ms;
    req->choice.log = &req->log;
    req->choice.tried = xcalloc(req->plan->n + 1, sizeof(*req->choice.tried));
    if (req->ask.stream)
        prepare_stream(req);
    return ST_CHOOSE;
}

static enum state step_choose(struct request *req)
{
    int at = choose_pick(req->plan, &req->choice, -1, req->w->fleet, req->w->conf->last_resort,
                         clock_mono_ms(), &req->last_resort);

    if (at < 0)
        return ST_DEGRADE;
    req->target = &req->plan->targets[at];
    req->same_retries = 0;
    return ST_ATTEMPT;
}

static enum state step_attempt(struct request *req)
{
    return request_try(req) ? WAIT : ST_DEGRADE;
}

/* Who would be asked next instead; -1: nobody. */
static int next_other(struct request *req, bool allow_last_resort)
{
    int at = (int)(req->target - req->plan->targets);
    bool last_resort;

    return choose_pick(req->plan, &req->choice, at, req->w->fleet, allow_last_resort,
                       clock_mono_ms(), &last_resort);
}

static bool is_well(const struct request *req, int at)
{
    return permit_is_well(req->w->fleet, req->plan->targets[at].slot);
}

/* Another target may have a further attempt: on credit where it failed nobody, else for one of
 * the budget.  Once that is spent only the former are left. */
static bool afford_other(struct request *req)
{
    int at = next_other(req, req->w->conf->last_resort);

    if (at >= 0 && !is_well(req, at) && !budget_spend(&req->w->retries)) {
        req->choice.well_only = true;
        at = next_other(req, false);
    }
    req->on_credit = at >= 0 && is_well(req, at);
    return at >= 0;
}

/* retry.budget: when everything fails, do not double the load. */
static enum retry_verdict afford(struct request *req, enum retry_verdict wanted, bool others)
{
    if (wanted == RETRY_STOP || (wanted == RETRY_SAME && budget_spend(&req->w->retries)) ||
        (wanted == RETRY_OTHER && afford_other(req)))
        return wanted;
    if (wanted == RETRY_SAME && others && afford_other(req))
        return RETRY_OTHER;
    req->w->slot->retries_refused++;
    return RETRY_STOP;
}

static int64_t left_ms(const struct request *req)
{
    return req->deadline_ms - REQUEST_TRY_MIN_MS - clock_mono_ms();
}

/* A target that is open is no better than one that is silent. */
bool request_may_leave(struct request *req)
{
    struct retry_facts facts = {
        .outcome = OUTCOME_TIMEOUT,
        .attempts = req->attempts,
        .retry_after_ms = -1,
        .left_ms = left_ms(req),
    };
    int at = next_other(req, false);

    facts.others_left = at >= 0;
    return at >= 0 && (is_well(req, at) || budget_has(&req->w->retries)) &&
           retry_plan(&req->w->conf->retry, &facts, 0).verdict == RETRY_OTHER;
}

/* After a failure nobody saw, or that another run may mend: again, elsewhere, or enough. */
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
        .left_ms = left_ms(req),
    };
    struct retry_plan plan;

    if (e->outcome == OUTCOME_TOO_LONG) {
        int64_t window = req->target->context_window > 0 ? req->target->context_window : 1;

        if (window > req->choice.window_over)
            req->choice.window_over = window;
    }
    if (req->on_credit)
        budget_bill(&req->w->retries);
    req->on_credit = false;
    facts.others_left = next_other(req, req->w->conf->last_resort) >= 0;
    plan = retry_plan(&req->w->conf->retry, &facts, rand_jitter(&req->w->rand));
    enum retry_verdict verdict = afford(req, plan.verdict, facts.others_left);

    if (verdict == RETRY_SAME) {
        req->same_retries++;
        req->pause_ms = plan.delay_ms;
        return ST_PAUSE;
    }
    if (verdict == RETRY_OTHER) {
        req->choice.tried[req->target - req->plan->targets] = true;
        req->pause_ms = plan.verdict == RETRY_OTHER ? plan.delay_ms : 0;
        return req->pause_ms > 0 ? ST_PAUSE : ST_CHOOSE;
    }
    if (req->relay.any_bytes)
        return request_fail_relayed(req);
    return e->outcome == OUTCOME_TOO_LONG ? request_pass_refusal(req) : ST_DEGRADE;
}

/* Whose stream it was that broke: no later run's, which said nothing or something else. */
static void note_break(struct request *req)
{
    if (!req->end->relayed || (req->broke.region != NULL && req->last == OUTCOME_ABORTED))
        return;
    req->broke.region = request_region(req);
    req->broke.outcome = req->last;
    req->broke.unfit = req->unfit;
}

static enum state step_judge(struct request *req)
{
    const struct attempt_end *e = req->end;

    if (e->outcome != OUTCOME_OK)
        note_break(req);
    switch (e->outcome) {
    case OUTCOME_OK:
        req->result.result = METRICS_REQ_OK;
        if (e->relayed) {
            relay_finish(&req->relay, e->add_done);
            return ST_DONE;
        }
        return req->ask.stream ? request_play(req, e->answer) : request_pass(req, e->answer);
    case OUTCOME_CLIENT_FAULT:
        return req->relay.any_bytes ? request_fail_relayed(req) : request_pass_refusal(req);
    default:
        if (e->relayed && (req->resume == NULL || req->resume->final))
            return request_fail_relayed(req);
        return judge_retry(req);
    }
}

/* What is still missing of the wait that was stated; 0: nothing.  Timers may fire some ms
 * early, and the fleet's clock is not ours. */
static int64_t missing_ms(const struct request *req)
{
    int64_t now_ms = clock_mono_ms(), back_ms;

    if (req->same_retries == 0) /* nobody stated one, and perhaps nobody was asked yet */
        return 0;
    back_ms = permit_return_ms(req->w->fleet, req->target->slot, now_ms);
    return back_ms > 0 && back_ms <= PAUSE_SLACK_MS && now_ms < req->deadline_ms ? back_ms : 0;
}

/* Does the fleet still let the target that asked us to wait? */
static bool may_again(const struct request *req)
{
    int64_t now_ms = clock_mono_ms();
    enum picker_why why =
        permit_check(req->w->fleet, req->target->slot, PERMIT_ASKER_BACKED_OFF, now_ms);

    if (why == PICKER_OPEN)
        permit_want(req->w->fleet, req->target->slot, now_ms);
    return picker_may(why);
}

static void on_request_timer(evutil_socket_t fd, short what, void *arg)
{
    struct request *req = arg;
    int64_t more_ms = missing_ms(req);

    (void)fd, (void)what;
    if (more_ms > 0) {
        req->pause_ms = more_ms;
        request_run(req);
        return;
    }
    /* the same target if the fleet still lets it, else whoever may */
    if (req->same_retries > 0 && may_again(req)) {
        request_go(req, ST_ATTEMPT);
    } else {
        if (req->same_retries > 0)
            req->choice.tried[req->target - req->plan->targets] = true;
        request_go(req, ST_CHOOSE);
    }
    request_run(req);
}

static enum state step_pause(struct request *req)
{
    struct timeval tv = {req->pause_ms / 1000, req->pause_ms % 1000 * 1000};

    if (req->timer == NULL)
        req->timer = loop_timer_new(req->w->base, on_request_timer, req);
    loop_event_add(req->timer, &tv);
    return WAIT;
}

/* A region that is open may well be back, and two requests are finding out: those that have nobody
 * else to ask wait for them a little. */
static bool may_await_last_resort(struct request *req, int64_t now_ms)
{
    if (!req->w->conf->last_resort || req->attempts > req->w->conf->retry.num_retries ||
        req->relay.any_bytes || now_ms > req->deadline_ms - REQUEST_TRY_MIN_MS ||
        !choose_awaits_last_resort(req->plan, &req->choice, req->w->fleet))
        return false;
    if (req->room_until_ms == 0 && req->attempts > 0 && !budget_spend(&req->w->retries))
        return false;
    if (req->room_until_ms == 0)
        req->room_until_ms = now_ms + ROOM_WAIT_MS;
    return now_ms < req->room_until_ms;
}

static enum state step_degrade(struct request *req)
{
    char text[256];
    struct reply_error e;
    int64_t now_ms = clock_mono_ms();
    struct no_region_facts d = {
        .plan = req->plan,
        .asked = req->choice.tried,
        .said = &req->said,
        .attempts = req->attempts,
        .last = req->last,
        .region = request_region(req),
        .unfit = req->unfit,
        .out_of_time = now_ms > req->deadline_ms - REQUEST_TRY_MIN_MS,
    };

    if (req->attempts > 0) /* the last one asked; the others are marked */
        req->choice.tried[req->target - req->plan->targets] = true;
    if (may_await_last_resort(req, now_ms)) {
        req->same_retries = 0;
        req->pause_ms = ROOM_LOOK_MS;
        return ST_PAUSE;
    }
    enum state to = no_region_explain(&d, req->w->fleet, now_ms, text, sizeof(text), &e)
                        ? request_pass_said(req, &e)
                        : request_refuse(req, &e);

    req->result.result = METRICS_REQ_FAILED; /* whatever the status: nobody served it */
    return to;
}

static enum state step_done(struct request *req)
{
    req->result.attempts = req->attempts;
    req->result.region = request_region(req);
    req->result.total_us = clock_mono_us() - req->started_us;
    if (req->relay.bytes > 0) {
        req->result.bytes = req->relay.bytes;
        req->result.status = 200;
    }
    access_log_request(req->w, &req->log, &req->result);
    if (req->in_flight)
        req->w->slot->inflight--;
    req->ex = NULL;
    relay_stop(&req->relay);
    if (req->timer != NULL)
        event_del(req->timer);
    return WAIT; /* request_run frees it */
}

#define BIT(n) (1u << (n))
static const struct {
    const char *name;
    enum state (*step)(struct request *req);
    unsigned may_go; /* legal successors, those by callback included */
} states[N_STATES] = {
    /* clang-format off */
    [ST_IDENTIFY] = {"identify", step_identify, BIT(ST_ADMIT)},
    [ST_ADMIT]    = {"admit",    step_admit,    BIT(ST_BODY) | BIT(ST_READ) | BIT(ST_DONE)},
    [ST_BODY]     = {"body",     step_body,     BIT(ST_ADMIT) | BIT(ST_DONE)},
    [ST_READ]     = {"read",     step_read,     BIT(ST_CHOOSE) | BIT(ST_DONE)},
    [ST_CHOOSE]   = {"choose",   step_choose,   BIT(ST_ATTEMPT) | BIT(ST_DEGRADE)},
    [ST_ATTEMPT]  = {"attempt",  step_attempt,  BIT(ST_JUDGE) | BIT(ST_DEGRADE) | BIT(ST_DONE)},
    [ST_JUDGE]    = {"judge",    step_judge,    BIT(ST_CHOOSE) | BIT(ST_PAUSE) | BIT(ST_DEGRADE) | BIT(ST_DONE)},
    [ST_PAUSE]    = {"pause",    step_pause,    BIT(ST_CHOOSE) | BIT(ST_ATTEMPT) | BIT(ST_DONE)},
    [ST_DEGRADE]  = {"degrade",  step_degrade,  BIT(ST_PAUSE) | BIT(ST_DONE)},
    [ST_DONE]     = {"done",     step_done,     0},
    /* clang-format on */
};

void request_go(struct request *req, enum state to)
{
    assert(states[req->state].may_go & BIT(to));
    req->state = to;
}

void request_run(struct request *req)
{
    enum state to;

    while ((to = states[req->state].step(req)) != WAIT)
        request_go(req, to);
    if (req->state == ST_DONE)
        request_free(req);
}

/* ---- what wakes a request up ---- */

static void on_client_gone(void *arg)
{
    struct request *req = arg;

    request_abandon(req);
    req->result.result = METRICS_REQ_GONE;
    request_go(req, ST_DONE);
    request_run(req);
}

static void on_client_writable(void *arg)
{
    request_resume(arg);
}

/* From here on it is our time that passes, and a place that it takes. */
static void on_client_body(void *arg, struct exchange *ex, struct str body)
{
    struct request *req = arg;

    (void)ex;
    req->body = body;
    req->has_body = true;
    req->started_us = clock_mono_us();
    request_go(req, ST_ADMIT);
    request_run(req);
}

void request_start(struct worker *w, struct exchange *ex, const struct dialect_route *route)
{
    static const struct exchange_taker taker = {.on_body = on_client_body,
                                                .on_gone = on_client_gone,
                                                .on_writable = on_client_writable};
    struct request *req = xcalloc(1, sizeof(*req));

    memory_take(OWN_BYTES);
    req->w = w;
    req->ex = ex;
    req->head = ex->head;
    req->dialect = route->dialect;
    req->path = route->path;
    req->log.where = "request";
    refusal_init(&req->said);
    req->started_us = clock_mono_us();
    req->next = w->requests;
    req->prev = &w->requests;
    if (req->next != NULL)
        req->next->prev = &req->next;
    w->requests = req;
    exchange_take(ex, &taker, req);
    request_run(req);
}
