/* attempt.c - one try of one target; attempt.h has the contract.
 *
 * Ends are only noted where they are found (inside curl's callbacks, timers) and told from the
 * event loop, so nobody is re-entered.  A stream that said its end ends at once for its owner;
 * the exchange itself may linger a moment unowned, so that its connection can be reused. */
#include "router/request/attempt.h"

#include "base/clock.h"
#include "router/request/attempt_impl.h"
#include "router/request/region_headers.h"
#include "router/request/reply.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINGER_MS      1000
#define TAIL_MS        2000         /* for usage and the end of a whole stream */
#define HOLD_MAX_BYTES (256 * 1024) /* of a stream before its first content event */

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

    event_add(at->timer, &tv);
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

/* Every answer asked for has its finish reason, whatever else the vendor says. */
static bool is_whole(const struct attempt *at)
{
    return progress_is_whole(&at->progress);
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
    if (is_whole(at)) { /* the answer is whole, the vendor just does not hang up */
        at->end.add_done = !at->done_seen;
        attempt_end_later(at, OUTCOME_OK, "");
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

void attempt_enter(struct attempt *at, enum phase phase)
{
    at->phase = phase;
    at->since_ms = clock_mono_ms();
    if (at->timer != NULL)
        arm(at, limit_ms(at));
}

/* ---- what comes back ---- */

static struct str get_field(const void *arg, const char *name)
{
    const struct upstream_head *h = arg;

    return http_field_get(h->fields, h->n_fields, name);
}

/* What is held of a plain answer, read. */
static void classify(const struct attempt *at, bool whole, struct dialect_reading *out)
{
    bool lenient = (at->lenient & CONFIG_LENIENT_NO_FINISH_REASON) != 0;

    at->dialect->classify(&(struct dialect_answer){.path = at->path,
                                                   .status = at->answer.status,
                                                   .body = buf_str(&at->held),
                                                   .whole = whole,
                                                   .as_stream = at->stream && !lenient,
                                                   .inputs = at->inputs},
                          out);
}

/* Nobody asked for a coding.  false: it is one that we do not read, and the attempt ends. */
static bool take_coding(struct attempt *at, const struct upstream_head *h)
{
    enum coding c = coding_of(h);
    struct dialect_reading r;

    if (c == CODING_IDENTITY)
        return true;
    if (c != CODING_OTHER) {
        at->coding = coding_reader_new(c);
        return true;
    }
    classify(at, false, &r);
    if (r.outcome == OUTCOME_OK)
        attempt_unfit_later(at, "unknown_encoding",
                            "a Content-Encoding that nobody asked for and we do not read");
    else /* its status says enough */
        attempt_end_later(at, r.outcome, "error answer in an unknown Content-Encoding");
    return false;
}

static void on_call_head(void *arg, const struct upstream_head *h)
{
    struct attempt *at = arg;
    bool ok = h->status >= 200 && h->status <= 299;

    if (at->ended)
        return;
    at->answer.status = h->status;
    at->end.first_byte_us = clock_mono_us() - at->started_us;
    at->fields = xcalloc(h->n_fields + 1, sizeof(*at->fields));
    at->answer.n_fields = reply_pass_fields(h, at->fields, h->n_fields, &at->fields_text);
    at->answer.fields = at->fields;
    at->end.retry_after_ms =
        ok ? -1 : at->dialect->retry_after_ms(get_field, h, clock_wall_ms());
    if (!take_coding(at, h))
        return;
    if (ok && sse_is_type(http_field_get(h->fields, h->n_fields, "content-type"))) {
        at->sse_on = true;
        sse_init(&at->sse, at->env->conf->stream.event_max_bytes);
        buf_release(&at->held);
        buf_init(&at->held, HOLD_MAX_BYTES);
        if (at->timer == NULL) /* a stream nobody asked for: the stream limits apply too */
            at->timer = event_new(at->env->base, -1, 0, on_attempt_timer, at);
    }
    attempt_enter(at, at->sse_on ? PHASE_CONTENT : PHASE_FLOW);
}

/* A piece of the body, decoded. */
static void take_data(struct attempt *at, const char *data, size_t len)
{
    if (at->sse_on) {
        if (sse_feed(&at->sse, data, len, attempt_on_event, at) < 0)
            attempt_unfit_later(at, "event_too_large", "an event larger than stream.event_max");
        else if (sse_is_under_way(&at->sse))
            attempt_note_progress(at); /* a large one takes its time */
        return;
    }
    attempt_note_progress(at);
    if (!at->ready && buf_append(&at->held, data, len) == 0)
        return;
    if (at->stream && at->answer.status >= 200 && at->answer.status <= 299) {
        attempt_unfit_later(at, "answer_too_large",
                            "no stream, and larger than upstream.max_answer_bytes");
        return;
    }
    if (at->answer.status < 200 || at->answer.status > 299) {
        /* an error's body beyond what is held: what we have must do */
        struct dialect_reading r;

        classify(at, false, &r);
        attempt_end_later(at, r.outcome, "error answer larger than upstream.max_answer_bytes");
        return;
    }
    attempt_go_ready(at); /* too large to hold: from here on it is passed through */
    at->ops->on_bytes(at->arg, (struct str){data, len});
}

static int on_decoded(void *arg, const char *data, size_t len)
{
    struct attempt *at = arg;

    take_data(at, data, len);
    return at->ended;
}

static void on_call_data(void *arg, const char *data, size_t len)
{
    struct attempt *at = arg;

    if (at->ended)
        return;
    if (at->coding == NULL) {
        take_data(at, data, len);
        return;
    }
    switch (coding_read(at->coding, data, len, on_decoded, at)) {
    case CODING_FINE:
        break;
    case CODING_BROKEN:
        attempt_end_later(at, OUTCOME_BROKEN, "the body is not in its Content-Encoding");
        break;
    case CODING_TOO_LARGE:
        attempt_unfit_later(at, "answer_too_large", "the coded body grows too much");
        break;
    }
}

static const enum outcome of_result[] = {
    [UPSTREAM_COMPLETE] = OUTCOME_OK,
    [UPSTREAM_CONNECT] = OUTCOME_CONNECT,
    [UPSTREAM_CONNECT_TIMEOUT] = OUTCOME_TIMEOUT,
    [UPSTREAM_RESET] = OUTCOME_CONNECT,
    [UPSTREAM_CUT] = OUTCOME_BROKEN,
    [UPSTREAM_FRAMING] = OUTCOME_BROKEN,
    [UPSTREAM_TOTAL_TIMEOUT] = OUTCOME_TIMEOUT,
    [UPSTREAM_LIMIT] = OUTCOME_UNFIT,
    [UPSTREAM_INTERNAL] = OUTCOME_ABORTED,
};

/* The exchange of a stream is over before the vendor's last word came. */
static void end_stream(struct attempt *at, const struct upstream_end *e)
{
    if (e->result == UPSTREAM_COMPLETE && !is_whole(at))
        attempt_last_event(at);
    if (at->ended)
        return;
    bool whole = e->result == UPSTREAM_COMPLETE || e->result == UPSTREAM_CUT ||
                 e->result == UPSTREAM_TOTAL_TIMEOUT;

    if (is_whole(at) && whole) { /* a piece of its end or of usage is no loss */
        at->end.add_done = true;
        attempt_end_later(at, OUTCOME_OK, "");
    } else if (e->result == UPSTREAM_COMPLETE) {
        attempt_end_later(at, OUTCOME_BROKEN, "the stream ended without a finish reason");
    } else {
        attempt_end_later(at, of_result[e->result], e->detail);
    }
}

static void end_plain(struct attempt *at, const struct upstream_end *e)
{
    struct dialect_reading r = {.outcome = of_result[e->result]};
    bool refused = at->answer.status > 299 && e->result == UPSTREAM_CUT;

    if ((e->result == UPSTREAM_COMPLETE && !at->ready) || refused) {
        classify(at, !refused, &r); /* a refusal is one, with all of its words or without */
        at->end.usage = r.usage;
    }
    if (r.outcome == OUTCOME_UNFIT) { /* the one way: its head */
        attempt_unfit_later(at, "head_too_large", e->detail);
        return;
    }
    attempt_end_later(at, r.outcome, r.why != NULL ? r.why : e->detail);
}

static void on_call_end(void *arg, const struct upstream_end *e)
{
    struct attempt *at = arg;

    at->call = NULL; /* freed by upstream after this */
    at->end.reused = e->reused;
    if (e->first_byte_us > 0)
        at->end.first_byte_us = e->first_byte_us;
    at->end.total_us = e->total_us;
    if (at->phase == PHASE_LINGER) {
        event_active(at->finish, 0, 0);
        return;
    }
    if (at->ended)
        return;
    if (e->result == UPSTREAM_COMPLETE && at->coding != NULL && !coding_is_whole(at->coding) &&
        !is_whole(at)) {
        attempt_end_later(at, OUTCOME_BROKEN, "the coded body ends early");
        return;
    }
    if (is_whole(at)) /* of a stream: what the time ran out for is not missed */
        end_stream(at, e);
    else if (e->result == UPSTREAM_TOTAL_TIMEOUT && at->slowed)
        attempt_end_later(at, OUTCOME_ABORTED, "the client read too slowly for timeouts.total");
    else if (e->result == UPSTREAM_TOTAL_TIMEOUT && at->late) /* others used its time */
        attempt_end_later(at, OUTCOME_ABORTED, "too little of timeouts.total was left");
    else if (at->sse_on)
        end_stream(at, e);
    else
        end_plain(at, e);
}

static const struct upstream_ops call_ops = {on_call_head, on_call_data, on_call_end};

struct attempt *attempt_start(struct attempt_env *env, const struct attempt_ask *ask,
                              const struct attempt_ops *ops, void *arg)
{
    struct attempt *at = xcalloc(1, sizeof(*at));

    at->env = env;
    at->dialect = attempt_env_dialect(env, ask->region);
    at->timeouts = ask->timeouts;
    at->ops = ops;
    at->arg = arg;
    at->stream = ask->stream;
    at->path = ask->path;
    at->lenient = env->conf->regions[ask->region].lenient;
    at->inputs = ask->inputs;
    at->hide_usage = ask->hide_usage;
    at->progress.asked = ask->choices;
    at->resume = ask->resume;
    at->late = ask->late;
    at->end.retry_after_ms = -1;
    at->started_us = clock_mono_us();
    buf_init(&at->fields_text, UPSTREAM_HEAD_MAX_BYTES * 2);
    buf_init(&at->held, env->conf->upstream.answer_max_bytes);
    at->finish = event_new(env->base, -1, 0, on_attempt_finish, at);
    if (ask->stream || at->timeouts->answer_ms > 0)
        at->timer = event_new(env->base, -1, 0, on_attempt_timer, at);
    attempt_enter(at, PHASE_HEAD);
    send_request(at, ask, &call_ops);
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
