/* attempt_answer.c - what comes back of an attempt: its head, its body, its end. */
#include "router/request/attempt_impl.h"

#include "base/clock.h"
#include "base/text.h"
#include "router/request/reply.h"
#include "router/request/secret.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_MAX_BYTES (256 * 1024) /* of a stream before its first content event */

/* Everything asked for has come, whatever else the vendor says. */
static bool is_whole(const struct attempt *at)
{
    return progress_is_whole(&at->progress);
}

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

static size_t without_secrets(struct http_reply_field *f, size_t n,
                              const struct config_region *region)
{
    size_t kept = 0;

    for (size_t i = 0; i < n; i++)
        if (!secret_of_region_is_shown(f[i].value, region))
            f[kept++] = f[i];
    return kept;
}

/* What the vendor calls this request, so that an operator can ask about it there.  It goes into
 * the log and to the client: a token of a sane length, and no key. */
static void take_id(struct attempt *at, const struct upstream_head *h)
{
    char *out = at->answer.upstream_id;

    for (const char *const *name = at->dialect->ids; *name != NULL && out[0] == '\0'; name++) {
        struct str id = get_field(h, *name);

        if (id.len <= ATTEMPT_UPSTREAM_ID_MAX && text_is_token(id) &&
            !secret_of_region_is_shown(id, at->region)) {
            memcpy(out, id.ptr, id.len);
            out[id.len] = '\0';
        }
    }
}

static void on_call_head(void *arg, const struct upstream_head *h)
{
    struct attempt *at = arg;
    bool ok = h->status >= 200 && h->status <= 299;
    int64_t n;

    if (at->ended)
        return;
    at->answer.status = h->status;
    at->end.first_byte_us = clock_mono_us() - at->started_us;
    at->fields = xcalloc(h->n_fields + 1, sizeof(*at->fields));
    n = reply_pass_fields(at->dialect, h, at->fields, h->n_fields, &at->fields_text);
    if (n < 0) {
        attempt_unfit_later(at, "overloaded", "no memory for the fields of the answer");
        return;
    }
    at->answer.n_fields = without_secrets(at->fields, (size_t)n, at->region);
    at->answer.fields = at->fields;
    take_id(at, h);
    at->end.retry_after_ms =
        ok ? -1 : at->dialect->retry_after_ms(get_field, h, clock_wall_ms());
    if (!take_coding(at, h))
        return;
    if (ok && sse_is_type(http_field_get(h->fields, h->n_fields, "content-type"))) {
        at->sse_on = true;
        sse_init(&at->sse, at->env->conf->stream.event_max_bytes);
        buf_release(&at->held);
        buf_init_charged(&at->held, HOLD_MAX_BYTES);
        attempt_need_timer(at); /* of a stream nobody asked for, too */
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
    bool stopped = e->result == UPSTREAM_CUT || e->result == UPSTREAM_TOTAL_TIMEOUT;

    /* cut: only a piece of its end is no loss; not cut: some vendors say no usage */
    if ((stopped && is_whole(at)) ||
        (e->result == UPSTREAM_COMPLETE && progress_is_finished(&at->progress)))
        attempt_end_whole(at, NULL);
    else if (e->result == UPSTREAM_COMPLETE)
        attempt_end_later(at, OUTCOME_BROKEN, "the stream ended without a finish reason");
    else
        attempt_end_later(at, of_result[e->result], e->detail);
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

const struct upstream_ops attempt_call_ops = {on_call_head, on_call_data, on_call_end};
