/* attempt_stream.c - the events of a streamed answer: which are held, relayed, replayed, and
 * which end it. */
#include "router/request/attempt_impl.h"

#include "dialect/openai_error.h"
#include "router/request/reply.h"

#include <stdlib.h>

void attempt_go_ready(struct attempt *at)
{
    if (at->ready)
        return;
    at->ready = true;
    at->ops->on_ready(at->arg, &at->answer);
    if (at->held.len > 0)
        at->ops->on_bytes(at->arg, buf_str(&at->held));
    buf_release(&at->held);
    at->answer.n_fields = 0; /* the head is out: a stream may go on for minutes */
    at->answer.fields = NULL;
    buf_release(&at->fields_text);
    free(at->fields);
    at->fields = NULL;
    if (at->sse_on)
        attempt_enter(at, PHASE_FLOW);
}

/* Every answer that has begun has its finish reason, and one at least has: less than that is
 * cut off whatever the vendor says.  A vendor that ignores n says [DONE] after the only one. */
static bool may_be_done(const struct attempt *at)
{
    return openai_choices_count(&at->finished) > 0 &&
           openai_choices_within(&at->content, &at->finished);
}

/* Every answer asked for has its finish reason: whole, [DONE] or not. */
bool attempt_is_finished(const struct attempt *at)
{
    return may_be_done(at) && openai_choices_count(&at->finished) >= at->choices;
}

/* Some vendors name the event "error" and shape its data in their own way. */
static void read_event(const struct sse_event *ev, struct openai_chunk *c)
{
    openai_read_chunk(ev->data, c);
    if (!str_eqz(ev->name, "error") || c->kind == OPENAI_EV_ERROR)
        return;
    c->kind = OPENAI_EV_ERROR;
    c->error = openai_error_outcome(200, ev->data);
}

/* Passes one whole event on, or keeps it until the stream has shown content. */
static void pass_event(struct attempt *at, const struct sse_event *ev)
{
    if (!at->ready && buf_append_str(&at->held, ev->raw) == 0)
        return;
    attempt_go_ready(at); /* content, or more preamble than is held */
    at->ops->on_bytes(at->arg, ev->raw);
}

/* A stream is run again for a client that has a part of it: only what is new may pass. */
static void replay_event(struct attempt *at, const struct sse_event *ev, bool finish)
{
    struct str cut;

    if (at->phase == PHASE_CONTENT)
        attempt_enter(at, PHASE_FLOW); /* it answers, though nothing is new yet */
    switch (resume_feed(at->resume, ev->data, finish, &cut)) {
    case RESUME_HOLD:
        return;
    case RESUME_PASS:
        attempt_go_ready(at);
        at->ops->on_bytes(at->arg, ev->raw);
        return;
    case RESUME_REWRITE:
        attempt_go_ready(at);
        at->ops->on_bytes(at->arg, STR("data: "));
        at->ops->on_bytes(at->arg, cut);
        at->ops->on_bytes(at->arg, STR("\n\n"));
        return;
    case RESUME_DIFFERS: /* nobody's fault: the region just says it in other words */
        attempt_end_later(at, OUTCOME_ABORTED,
                          "the new run's text differs from what was delivered");
    }
}

int attempt_on_event(void *arg, const struct sse_event *ev)
{
    struct attempt *at = arg;
    struct openai_chunk c;

    if (at->ended)
        return 1;
    if (!ev->has_data) {
        if (at->resume == NULL || !at->resume->replaying)
            pass_event(at, ev);
        return 0;
    }
    read_event(ev, &c);
    if (c.usage.known)
        at->end.usage = c.usage;
    if (c.kind == OPENAI_EV_MALFORMED) {
        attempt_end_later(at, OUTCOME_BROKEN, "malformed event in the stream");
        return 1;
    }
    if (c.kind == OPENAI_EV_ERROR) {
        buf_clear(&at->held); /* the vendor's words, should they be for the client */
        if (buf_append_str(&at->held, ev->data) < 0)
            buf_clear(&at->held);
        attempt_end_later(at, c.error, "error event in the stream");
        return 1;
    }
    if (c.kind == OPENAI_EV_DONE && !may_be_done(at)) {
        attempt_end_later(at, OUTCOME_BROKEN, "[DONE] without a finish reason");
        return 1;
    }
    at->end.content_events += c.kind == OPENAI_EV_CONTENT;
    openai_choices_add(&at->content, &c.content);
    openai_choices_add(&at->finished, &c.finished);
    if (c.usage_only && at->hide_usage)
        return 0;
    if (at->resume != NULL && at->resume->replaying) {
        replay_event(at, ev, c.finish);
    } else {
        if (c.kind == OPENAI_EV_CONTENT || c.finish)
            attempt_go_ready(at);
        if (at->resume != NULL)
            resume_note(at->resume, ev->data);
        pass_event(at, ev);
    }
    if (at->ended)
        return 1;
    if (c.kind == OPENAI_EV_DONE) {
        at->done_seen = true;
        attempt_end_later(at, OUTCOME_OK, "");
    }
    return at->ended ? 1 : 0;
}
