/* request_try.c - the attempts of a request, and the race of two.
 *
 * Usually one attempt runs at a time.  As hedge.after says, a second target is asked when the
 * first has shown no content by then.  The first CONTENT wins and the other is cancelled; an error
 * never wins while the other still runs.  Both are accounted, the loser as aborted, or as timed
 * out where it was asked first and had its patience. */
#include "router/request/request.h"
#include "router/request/request_impl.h"

#include "base/clock.h"
#include "base/loop.h"
#include "policy/hedge.h"

#include <assert.h>
#include <event2/event.h>
#include <string.h>

#define FLOWING_MS 5000 /* a stream that flowed this long counts as a success now */

/* One timer for all: most requests are answered long before their patience ends. */
static const struct timeval silence_tick = {0, 500 * 1000};

static struct request_try *other_running(struct request_try *t)
{
    struct request_try *other = &t->req->tries[t == &t->req->tries[0]];

    return other->attempt != NULL ? other : NULL;
}

bool request_is_trying(const struct request *req)
{
    return req->tries[0].attempt != NULL || req->tries[1].attempt != NULL;
}

/* Who asks, as far as that can be told: clients without a key are one.  FNV-1a. */
static uint64_t client_of(const struct request *req)
{
    static const char *const names[] = {"authorization", "x-api-key"};
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct str value = http_field_get(req->head->fields, req->head->n_fields, names[i]);

        for (size_t k = 0; k < value.len; k++)
            h = (h ^ (unsigned char)value.ptr[k]) * 0x100000001b3;
    }
    return h > PERMIT_CLIENT_CHECK ? h : ~h;
}

/* May the client have brought it about, by what it asked for or by another request of its own? */
static bool may_be_provoked(const struct attempt_end *e)
{
    int status = e->answer != NULL ? e->answer->status : 0;

    return (e->outcome == OUTCOME_AUTH && status == 403) ||
           (e->outcome == OUTCOME_SERVER_ERROR && status == 409);
}

/* Ends the pass and the attempt's record; the attempt itself is gone or about to be. */
static void close_try(struct request_try *t, const struct attempt_end *e)
{
    struct request *req = t->req;
    struct access_log_attempt rec = {
        .region = t->target->region, .number = t->number, .end = e};

    t->attempt = NULL;
    if (t->pass.took_ms == 0)
        t->pass.took_ms = (clock_mono_us() - t->started_us) / 1000;
    if (!request_is_trying(req)) /* two at once take the time of one */
        req->upstream_us += clock_mono_us() - req->tries[0].started_us;
    t->pass.client = may_be_provoked(e) ? client_of(req) : 0;
    permit_end(req->w->fleet, &t->pass, e->outcome, e->retry_after_ms);
    access_log_attempt(req->w, &req->log, &rec);
}

static void abandon(struct request_try *t)
{
    struct attempt_end so_far;

    attempt_cancel(t->attempt, &so_far);
    close_try(t, &so_far);
}

void request_abandon(struct request *req)
{
    for (size_t i = 0; i < ARRAY_LEN(req->tries); i++)
        if (req->tries[i].attempt != NULL)
            abandon(&req->tries[i]);
}

static struct latency *times(const struct request_try *t)
{
    return &t->req->w->latency[t->target->region][t->req->ask.stream];
}

static int64_t silent_ms(const struct request_try *t)
{
    return (clock_mono_us() - t->started_us) / 1000;
}

static struct hedge_facts facts_of(const struct request_try *t, int64_t now_ms)
{
    const struct worker *w = t->req->w;
    struct latency *of_region = times(t);

    return (struct hedge_facts){
        .silent_ms = silent_ms(t),
        .region_silent_ms = now_ms - of_region->last_ms,
        .p95_ms = latency_p95_ms(of_region),
        .typical_ms = fleet_typical_ms(w->fleet, t->target->region, t->req->ask.stream),
        .is_probe = t->pass.is_probe,
        .is_doubted = permit_is_doubted(w->fleet, t->target->slot),
        .budget = budget_has(&w->hedges),
    };
}

/* The other one, which was asked later, answered first. */
static void lose(struct request_try *t)
{
    struct attempt_end so_far;
    struct hedge_facts f = facts_of(t, clock_mono_ms());

    attempt_cancel(t->attempt, &so_far);
    if (t == &t->req->tries[0] && hedge_was_overtaken(&f)) {
        so_far.outcome = OUTCOME_TIMEOUT;
        str_copy(so_far.detail, sizeof(so_far.detail), "overtaken by a target asked later");
    }
    close_try(t, &so_far);
}

/* This try's answer is the request's. */
static void win(struct request_try *t)
{
    struct request *req = t->req;
    struct request_try *loser = other_running(t);

    req->target = t->target;
    if (req->hedge != NULL)
        event_del(req->hedge);
    latency_add(times(t), clock_mono_ms(), silent_ms(t));
    if (loser != NULL)
        lose(loser);
}

static void on_try_ready(void *arg, const struct attempt_answer *a)
{
    struct request_try *t = arg;
    struct request *req = t->req;

    win(t);
    if (req->ask.stream)
        t->pass.took_ms = silent_ms(t);
    req->winner = t;
    req->ready_ms = clock_mono_ms();
    request_open(req, a);
}

/* A part of the answer went to the client; content: and it said something. */
static void went_out(struct request_try *t, bool room, bool content)
{
    struct request *req = t->req;

    if (!room)
        attempt_pause(t->attempt);
    if (content && !t->pass.flowing && req->relay.last_ms - req->ready_ms >= FLOWING_MS)
        permit_flowing(req->w->fleet, &t->pass);
}

static void on_try_event(void *arg, const struct dialect_event *ev)
{
    struct request_try *t = arg;

    went_out(t, relay_event(&t->req->relay, ev), ev->kind == DIALECT_CONTENT);
}

static void on_try_bytes(void *arg, struct str bytes)
{
    struct request_try *t = arg;

    went_out(t, relay_bytes(&t->req->relay, bytes), true);
}

static void on_try_end(void *arg, const struct attempt_end *e)
{
    struct request_try *t = arg;
    struct request *req = t->req;
    const struct request_try *other = other_running(t);

    close_try(t, e);
    req->last = e->outcome;
    req->unfit = e->code;
    if (e->outcome != OUTCOME_OK)
        refusal_note(&req->said, req->dialect, e);
    if (e->outcome != OUTCOME_OK && other != NULL) {
        req->choice.tried[t->target - req->plan->targets] = true;
        req->target = other->target;
        return; /* an error never wins: the other may do better */
    }
    if (e->outcome == OUTCOME_OK && req->winner == NULL)
        win(t);
    req->target = t->target;
    req->winner = NULL;
    req->end = e; /* for ST_JUDGE, which runs inside this call */
    request_go(req, ST_JUDGE);
    request_run(req);
}

/* Another one that runs already is who it is left for. */
static bool may_leave_try(void *arg)
{
    struct request_try *t = arg;

    return t->req->winner == NULL && (other_running(t) != NULL || request_may_leave(t->req));
}

static const struct attempt_ops callbacks = {on_try_ready, on_try_event, on_try_bytes,
                                             may_leave_try, on_try_end};

/* Starts t at target.  false: no time is left, nothing was started. */
static bool start(struct request_try *t, const struct choose_target *target, bool last_resort)
{
    struct request *req = t->req;
    struct worker *w = req->w;
    int64_t now_ms = clock_mono_ms();
    bool usage = w->conf->stream.usage;
    struct attempt_ask a = {
        .region = target->region,
        .path = req->path,
        .from = req->head,
        .request_id = req->id,
        .inputs = req->ask.n_inputs,
        .choices = req->ask.n_choices,
        .stream = req->ask.stream,
        .usage = req->ask.stream && req->ask.wants_usage,
        .hide_usage = usage && !req->ask.wants_usage,
        .left_ms = req->deadline_ms - now_ms,
        .late = req->deadline_ms - now_ms < req->plan->total_ms / 2,
        .timeouts = target->timeouts,
        .resume = req->resume,
    };

    if (a.left_ms < REQUEST_TRY_MIN_MS)
        return false;
    assert(attempt_env_dialect(w->attempts, target->region) == req->dialect);
    if (req->path != DIALECT_MODELS &&
        req->dialect->splice_request(&req->ask, target->model, usage, &t->spliced, &a.body) < 0)
        return false; /* cannot be: the cap leaves room for both splices */
    t->target = target;
    t->number = ++req->attempts;
    t->started_us = clock_mono_us();
    permit_begin(w->fleet, target->slot, last_resort, now_ms, &t->pass);
    t->attempt = attempt_start(w->attempts, &a, &callbacks, t);
    if (w->silence != NULL && !event_pending(w->silence, EV_TIMEOUT, NULL))
        loop_event_add(w->silence, &silence_tick);
    return true;
}

/* ---- the hedge ---- */

/* Is there one attempt whose content is awaited, and may there be another? */
static bool may_hedge(const struct request *req)
{
    return req->tries[0].attempt != NULL && req->tries[1].attempt == NULL &&
           req->winner == NULL && !req->relay.any_bytes &&
           req->attempts <= req->w->conf->retry.num_retries; /* one budget of attempts */
}

/* unpaid: also without a hedge in hand, where the second target failed nobody. */
static void hedge(struct request *req, bool unpaid)
{
    int first = (int)(req->tries[0].target - req->plan->targets);
    bool last_resort;
    int at = choose_pick(req->plan, &req->choice, first, req->w->fleet, false, clock_mono_ms(),
                         &last_resort);

    if (at < 0 || !(budget_spend(&req->w->hedges) ||
                    (unpaid && permit_is_well(req->w->fleet, req->plan->targets[at].slot))))
        return;
    if (start(&req->tries[1], &req->plan->targets[at], false))
        req->w->slot->hedges++;
}

static void on_hedge(evutil_socket_t fd, short what, void *arg)
{
    struct request *req = arg;

    (void)fd, (void)what;
    if (may_hedge(req))
        hedge(req, false);
}

/* When hedge.after says that a second target should be asked; -1: never. */
static int64_t hedge_ms(const struct request *req)
{
    int64_t after_ms = req->w->hedge_after_ms;

    if (after_ms == CONFIG_HEDGE_P95)
        after_ms = latency_p95_ms(times(&req->tries[0]));
    return may_hedge(req) ? after_ms : -1;
}

static void seek_silence(struct request *req, int64_t now_ms)
{
    struct hedge_facts f = facts_of(&req->tries[0], now_ms);

    if (hedge_is_due(&f))
        hedge(req, f.is_probe || !f.budget);
}

void request_seek_silence(struct worker *w)
{
    int64_t now_ms = clock_mono_ms();

    for (struct request *req = w->requests; req != NULL; req = req->next)
        if (may_hedge(req))
            seek_silence(req, now_ms);
    if (w->requests != NULL)
        loop_event_add(w->silence, &silence_tick);
}

static void arm_hedge(struct request *req)
{
    int64_t ms = hedge_ms(req);
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    if (ms < 0 && req->hedge != NULL)
        event_del(req->hedge); /* an earlier attempt's: this one has no hedge */
    if (ms < 0)
        return;
    if (req->hedge == NULL)
        req->hedge = loop_timer_new(req->w->base, on_hedge, req);
    loop_event_add(req->hedge, &tv);
}

bool request_try(struct request *req)
{
    size_t body_max = req->w->conf->http.body_max_bytes + 6 * CHAT_REQUEST_MODEL_MAX + 256;

    req->end = NULL;
    for (size_t i = 0; i < ARRAY_LEN(req->tries); i++) {
        req->tries[i].req = req;
        req->tries[i].spliced.max = body_max;
        req->tries[i].spliced.charged = true;
    }
    if (req->relay.any_bytes) {
        (void)resume_begin(req->resume); /* judged possible, or we were not here */
        relay_join(&req->relay);
    }
    if (!start(&req->tries[0], req->target, req->last_resort))
        return false;
    arm_hedge(req);
    return true;
}

void request_resume(struct request *req)
{
    if (req->winner != NULL && req->winner->attempt != NULL)
        attempt_resume(req->winner->attempt);
}

void request_tries_release(struct request *req)
{
    if (req->hedge != NULL)
        event_free(req->hedge);
    for (size_t i = 0; i < ARRAY_LEN(req->tries); i++)
        buf_release(&req->tries[i].spliced);
}
