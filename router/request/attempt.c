/* attempt.c - one try of one target; attempt.h has the contract.
 *
 * Ends are only noted where they are found (inside curl's callbacks, timers) and told from the
 * event loop, so nobody is re-entered.  A stream that said its end ends at once for its owner;
 * the exchange itself may linger a moment unowned, so that its connection can be reused. */
#include "router/request/attempt.h"

#include "base/clock.h"
#include "base/loop.h"
#include "router/request/attempt_impl.h"
#include "router/request/region_headers.h"
#include "router/request/secret.h"

#include <event2/event.h>
#include <stdlib.h>

#define LINGER_MS 1000
#define TAIL_MS   2000 /* for usage and the end of a whole stream */

struct attempt_env *attempt_env_new(struct event_base *base, const struct config *conf,
                                    struct upstream *up)
{
    struct attempt_env *env = xcalloc(1, sizeof(*env));

    env->base = base;
    env->conf = conf;
    env->up = up;
    env->region_headers = region_headers_new(conf);
    return env;
}

const struct dialect *attempt_env_dialect(const struct attempt_env *env, size_t region)
{
    return region_headers_dialect(env->region_headers, region);
}

static void send_request(struct attempt *at, const struct attempt_ask *ask,
                         const struct upstream_ops *ops)
{
    int64_t connect_ms = at->timeouts->connect_ms;
    struct region_headers_lines lines;
    struct upstream_request req;

    region_headers_fill(at->env->region_headers,
                        &(struct region_headers_ask){.region = ask->region,
                                                     .path = ask->path,
                                                     .from = ask->from,
                                                     .request_id = ask->request_id,
                                                     .stream = ask->stream},
                        &lines);
    req = (struct upstream_request){
        .method = ask->path == DIALECT_MODELS ? "GET" : "POST",
        .url = lines.url,
        .proxy = lines.proxy,
        .trust = lines.trust,
        .headers = lines.line,
        .n_headers = lines.n,
        .body = ask->body,
        .connect_ms = connect_ms < ask->left_ms ? connect_ms : ask->left_ms,
        .total_ms = ask->left_ms,
        .lean = ask->stream,
    };
    at->call = upstream_start(at->env->up, &req, ops, at);
    region_headers_lines_release(&lines);
}

/* ---- how it ends ---- */

static void attempt_free(struct attempt *at)
{
    if (at->call != NULL)
        upstream_call_cancel(at->call);
    if (at->prev != NULL) {
        *at->prev = at->next;
        if (at->next != NULL)
            at->next->prev = at->prev;
    }
    if (at->timer != NULL)
        event_free(at->timer);
    event_free(at->finish);
    coding_reader_free(at->coding);
    if (at->sse_on)
        sse_release(&at->sse);
    buf_release(&at->fields_text);
    buf_release(&at->held);
    free(at->fields);
    free(at);
}

void attempt_cancel(struct attempt *at, struct attempt_end *so_far)
{
    *so_far = at->end;
    so_far->content_events = at->progress.content_events;
    so_far->outcome = OUTCOME_ABORTED;
    so_far->total_us = clock_mono_us() - at->started_us;
    attempt_free(at);
}

void attempt_env_free(struct attempt_env *env)
{
    if (env == NULL)
        return;
    for (struct attempt *at = env->lingering, *next; at != NULL; at = next) {
        next = at->next;
        attempt_free(at);
    }
    region_headers_free(env->region_headers);
    free(env);
}

/* Every way an attempt can end comes through here, once.  It only takes notes. */
void attempt_end_later(struct attempt *at, enum outcome o, const char *detail)
{
    if (at->ended)
        return;
    at->ended = true;
    at->end.outcome = o;
    str_copy(at->end.detail, sizeof(at->end.detail), detail);
    if (at->timer != NULL)
        event_del(at->timer);
    event_active(at->finish, 0, 0);
}

void attempt_unfit_later(struct attempt *at, const char *code, const char *detail)
{
    if (!at->ended)
        at->end.code = code;
    attempt_end_later(at, OUTCOME_UNFIT, detail);
}

static void arm(struct attempt *at, int64_t ms)
{
    struct timeval tv = {ms / 1000, ms % 1000 * 1000};

    loop_event_add(at->timer, &tv);
}

/* The vendor said its last word but its framing has not ended: let it, unowned and for a
 * moment. */
static void linger(struct attempt *at)
{
    at->phase = PHASE_LINGER;
    at->next = at->env->lingering;
    at->prev = &at->env->lingering;
    if (at->next != NULL)
        at->next->prev = &at->next;
    at->env->lingering = at;
    if (at->paused)
        attempt_resume(at); /* nobody reads it any more, so nobody is too slow for it */
    arm(at, LINGER_MS);
}

static void on_attempt_finish(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *at = arg;
    /* the request's body is its owner's: who has not read all of it is not waited for */
    bool may_linger = at->call != NULL && at->done_seen && at->end.outcome == OUTCOME_OK &&
                      upstream_call_is_sent(at->call);

    (void)fd, (void)what;
    if (at->phase == PHASE_LINGER) {
        attempt_free(at);
        return;
    }
    if (!may_linger && at->call != NULL) {
        upstream_call_cancel(at->call);
        at->call = NULL;
    }
    at->end.relayed = at->ready;
    at->end.answer = at->answer.status != 0 ? &at->answer : NULL;
    at->end.showed_key = at->end.outcome != OUTCOME_OK && at->held.len > 0 &&
                         secret_mask_of_region(at->held.data, at->held.len, at->region);
    at->answer.body = buf_str(&at->held);
    at->end.content_events = at->progress.content_events;
    if (at->end.total_us == 0)
        at->end.total_us = clock_mono_us() - at->started_us;
    at->ops->on_end(at->arg, &at->end);
    if (may_linger)
        linger(at);
    else
        attempt_free(at);
}

/* ---- the clock ---- */

static int64_t limit_ms(const struct attempt *at)
{
    const struct config_timeouts *t = at->timeouts;
    int64_t tail_ms = t->idle_ms < TAIL_MS ? t->idle_ms : TAIL_MS;

    return !at->stream && !at->sse_on   ? t->answer_ms
           : at->phase == PHASE_HEAD    ? t->first_byte_ms
           : at->phase == PHASE_CONTENT ? t->first_content_ms
           : at->phase == PHASE_TAIL    ? tail_ms
                                        : t->idle_ms;
}

void attempt_note_progress(struct attempt *at)
{
    if (at->timer != NULL && at->phase == PHASE_FLOW)
        at->since_ms = clock_mono_ms();
}

static void on_attempt_timer(evutil_socket_t fd, short what, void *arg)
{
    struct attempt *at = arg;
    int64_t now_ms = clock_mono_ms(), left_ms;

    (void)fd, (void)what;
    if (at->phase == PHASE_LINGER) {
        attempt_free(at);
        return;
    }
    if (at->paused) {
        arm(at, limit_ms(at));
        return;
    }
    left_ms = at->since_ms + limit_ms(at) - now_ms;
    if (left_ms > 0) { /* it went on meanwhile: cheaper than re-arming at each event */
        arm(at, left_ms);
        return;
    }
    if (progress_is_whole(&at->progress)) { /* the vendor just does not hang up */
        attempt_end_whole(at, NULL);
        return;
    }
    if (!at->stream && !at->sse_on && !at->ops->may_leave(at->arg)) {
        arm(at, limit_ms(at));
        return;
    }
    attempt_end_later(at, OUTCOME_TIMEOUT,
                      !at->stream && !at->sse_on   ? "silent for timeouts.answer"
                      : at->phase == PHASE_HEAD    ? "no answer within timeouts.first_byte"
                      : at->phase == PHASE_CONTENT ? "no content within timeouts.first_content"
                                                   : "silent for timeouts.idle");
}

void attempt_need_timer(struct attempt *at)
{
    if (at->timer == NULL)
        at->timer = loop_timer_new(at->env->base, on_attempt_timer, at);
}

void attempt_enter(struct attempt *at, enum phase phase)
{
    at->phase = phase;
    at->since_ms = clock_mono_ms();
    if (at->timer != NULL)
        arm(at, limit_ms(at));
}

struct attempt *attempt_start(struct attempt_env *env, const struct attempt_ask *ask,
                              const struct attempt_ops *ops, void *arg)
{
    struct attempt *at = xcalloc(1, sizeof(*at));

    at->env = env;
    at->dialect = attempt_env_dialect(env, ask->region);
    at->timeouts = ask->timeouts;
    at->region = &env->conf->regions[ask->region];
    at->ops = ops;
    at->arg = arg;
    at->stream = ask->stream;
    at->path = ask->path;
    at->lenient = env->conf->regions[ask->region].lenient;
    at->inputs = ask->inputs;
    at->hide_usage = ask->hide_usage;
    at->progress.asked = ask->choices;
    at->progress.usage_asked = ask->usage;
    at->resume = ask->resume;
    at->late = ask->late;
    at->end.retry_after_ms = -1;
    at->started_us = clock_mono_us();
    buf_init(&at->fields_text, UPSTREAM_HEAD_MAX_BYTES * 2);
    buf_init_charged(&at->held, env->conf->upstream.answer_max_bytes);
    at->finish = loop_timer_new(env->base, on_attempt_finish, at);
    if (ask->stream || at->timeouts->answer_ms > 0)
        attempt_need_timer(at);
    attempt_enter(at, PHASE_HEAD);
    send_request(at, ask, &attempt_call_ops);
    return at;
}

/* What was left when it was paused is left again. */
static void go_on_counting(struct attempt *at)
{
    int64_t now_ms = clock_mono_ms(), left_ms = at->since_ms + limit_ms(at) - at->paused_ms;

    at->since_ms += now_ms - at->paused_ms;
    if (at->timer != NULL && !at->ended && at->phase != PHASE_LINGER)
        arm(at, left_ms > 0 ? left_ms : 0);
}

void attempt_pause(struct attempt *at)
{
    if (!at->paused)
        at->paused_ms = clock_mono_ms();
    at->paused = at->slowed = true;
    if (at->call != NULL)
        upstream_call_pause(at->call);
}

void attempt_resume(struct attempt *at)
{
    if (at->paused)
        go_on_counting(at);
    at->paused = false;
    if (at->call != NULL)
        upstream_call_resume(at->call);
}
