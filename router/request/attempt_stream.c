/* attempt_stream.c - the events of a streamed answer: which are held, relayed, replayed, and
 * which end it. */
#include "router/request/attempt_impl.h"

#include <stdio.h>
#include <stdlib.h>

static void show(struct attempt *at, const struct dialect_event *ev)
{
    at->ops->on_event(at->arg, ev);
}

static int note_held(void *arg, const struct sse_event *sse)
{
    if (sse->has_data)
        resume_note(arg, sse->data);
    return 0;
}

/* Only now the client has it: who is given up before has delivered nothing. */
static void show_held(struct attempt *at)
{
    struct sse sse;

    show(at, &(struct dialect_event){.kind = DIALECT_META, .raw = buf_str(&at->held)});
    if (at->resume == NULL)
        return;
    sse_init(&sse, at->held.len);
    if (sse_feed(&sse, at->held.data, at->held.len, note_held, at->resume) < 0)
        resume_give_up(at->resume);
    sse_release(&sse);
}

void attempt_go_ready(struct attempt *at)
{
    if (at->ready)
        return;
    at->ready = true;
    at->ops->on_ready(at->arg, &at->answer);
    if (at->held.len > 0 && at->sse_on)
        show_held(at);
    else if (at->held.len > 0)
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

/* Less than that is no progress: comments and empty deltas are what vendors send in order to say
 * nothing. */
static bool says_something(const struct dialect_event *ev)
{
    return ev->kind == DIALECT_CONTENT || ev->finish || ev->usage_only;
}

/* Passes one whole event on, or keeps it until the stream has shown content. */
static void pass_event(struct attempt *at, const struct dialect_event *ev)
{
    if (at->ready)
        show(at, ev);
    else if (buf_append_str(&at->held, ev->raw) < 0)
        attempt_unfit_later(at, "preamble_too_large", "256 KiB of events without content");
}

/* A stream that is run again for a client that has a part of it: only what is new may pass. */
static bool is_rerun(const struct attempt *at)
{
    return at->resume != NULL && at->resume->rerun;
}

/* The same of a comment, which is no content however many there are: what is not held is lost. */
static void pass_comment(struct attempt *at, const struct dialect_event *ev)
{
    if (!at->ready && is_rerun(at))
        return;
    if (!at->ready && buf_append_str(&at->held, ev->raw) < 0)
        return;
    if (at->ready)
        show(at, ev);
}

/* Nobody's fault: the region just says something else. */
static void differ(struct attempt *at)
{
    attempt_end_later(at, OUTCOME_ABORTED, "the new run differs from what was delivered");
}

void attempt_end_whole(struct attempt *at, const struct dialect_event *last)
{
    if (at->resume != NULL && !resume_is_level(at->resume)) {
        differ(at);
        return;
    }
    if (is_rerun(at)) /* it may have had nothing to add but its end */
        attempt_go_ready(at);
    if (last != NULL)
        pass_event(at, last);
    at->end.add_done = last == NULL;
    attempt_end_later(at, OUTCOME_OK, "");
}

/* Of another run: cuts an event to what is new.  false: nothing is, or it is not the same. */
static bool replay_event(struct attempt *at, struct dialect_event *ev)
{
    struct str cut;

    if (at->phase == PHASE_CONTENT && says_something(ev))
        attempt_enter(at, PHASE_FLOW); /* it answers, though nothing is new yet */
    switch (resume_feed(at->resume, ev->data, &cut)) {
    case RESUME_PASS:
        return true;
    case RESUME_HOLD:
        return false;
    case RESUME_REWRITE:
        ev->raw = (struct str){NULL, 0};
        ev->data = cut;
        return true;
    case RESUME_DIFFERS:
        break;
    }
    differ(at);
    return false;
}

/* What can only end the attempt. */
static bool is_fatal(struct attempt *at, const struct dialect_event *ev)
{
    char text[64];

    switch (ev->kind) {
    case DIALECT_MALFORMED:
        attempt_end_later(at, OUTCOME_BROKEN, "malformed event in the stream");
        return true;
    case DIALECT_ERROR:
        buf_clear(&at->held); /* the vendor's words, should they be for the client */
        if (buf_append_str(&at->held, ev->data) < 0)
            buf_clear(&at->held);
        attempt_end_later(at, ev->error, "error event in the stream");
        return true;
    case DIALECT_DONE:
        if (progress_may_end(&at->progress) ||
            (at->progress.content_events > 0 &&
             (at->lenient & CONFIG_LENIENT_NO_FINISH_REASON) != 0))
            return false;
        snprintf(text, sizeof(text), "%s without a finish reason", at->dialect->end_name);
        if (at->progress.content_events > 0) /* the vendor says that it is whole */
            attempt_unfit_later(at, "no_finish_reason", text);
        else
            attempt_end_later(at, OUTCOME_BROKEN, text);
        return true;
    case DIALECT_META:
    case DIALECT_CONTENT:
        break;
    }
    return false;
}

/* An event that the client may see. */
static void take_event(struct attempt *at, struct dialect_event *ev)
{
    if (ev->usage_only && at->hide_usage)
        return;
    if (is_rerun(at) && !replay_event(at, ev))
        return;
    if (ev->kind == DIALECT_CONTENT || ev->finish || is_rerun(at))
        attempt_go_ready(at);
    if (at->ready && at->resume != NULL && !is_rerun(at))
        resume_note(at->resume, ev->data);
    pass_event(at, ev);
}

int attempt_on_event(void *arg, const struct sse_event *sse)
{
    struct attempt *at = arg;
    struct dialect_event ev = {.kind = DIALECT_META, .raw = sse->raw};

    if (at->ended)
        return 1;
    if (!sse->has_data) {
        pass_comment(at, &ev);
        return 0;
    }
    ev.usage = at->end.usage;
    at->dialect->read_event(sse, &ev);
    at->end.usage = ev.usage;
    if (is_fatal(at, &ev))
        return 1;
    progress_note(&at->progress, &ev);
    if (says_something(&ev))
        attempt_note_progress(at);
    if (ev.kind == DIALECT_DONE) {
        at->done_seen = true;
        attempt_end_whole(at, &ev);
        return 1;
    }
    take_event(at, &ev);
    if (!at->ended && at->phase == PHASE_FLOW && progress_is_whole(&at->progress))
        attempt_enter(at, PHASE_TAIL);
    return at->ended ? 1 : 0;
}

void attempt_last_event(struct attempt *at)
{
    const struct buf *rest = &at->sse.pending;

    if (rest->len == 0)
        return;
    bool line_ended = rest->data[rest->len - 1] == '\n';

    /* what it lacks of a blank line: its own end (of which a CR may be the half), and the empty
     * one */
    if (sse_feed(&at->sse, "\n\n", line_ended ? 1 : 2, attempt_on_event, at) < 0)
        attempt_unfit_later(at, "event_too_large", "an event larger than stream.event_max");
}
