/* play.c - the steps of one answer; play.h has the contract.
 *
 *   START -- hang, reset before --> end; hold: until it may go on
 *     | delay_head_ms
 *   HEAD  -- wrong framing: everything at once, misframe.c --> end
 *     | delay_first_event_ms
 *   BODY  -- one event, or the plain body; cuts, resets, holds, delay_event_ms --> end
 *     |
 *   TAIL  -- last chunk
 */
#include "tests/region/play.h"

#include "tests/region/misframe.h"
#include "tests/region/quote.h"

#include <string.h>

#define BODY_MAX (64u << 20)

/* Without a fault every question below has the answer "no". */
static bool is_at(int64_t n, size_t events)
{
    return n != FAULT_NONE && (size_t)n == events;
}

void play_start(struct play *p, struct fault *fault, const char *name, uint64_t n)
{
    bool old = p->old, keep = p->keep;

    *p = (struct play){.fault = fault, .name = name, .n = n, .old = old, .keep = keep};
    p->status = 200;
    buf_init(&p->body, BODY_MAX);
}

void play_plain(struct play *p, int status, struct str body)
{
    p->status = status;
    quote_add(&p->body, body.ptr, body.len);
}

void play_stream(struct play *p, const struct answer *answer, bool include_usage)
{
    p->stream = true;
    p->answer = *answer;
    p->answer.n = p->n;
    p->include_usage = include_usage;
    p->chunked = !p->old;
    if (p->old)
        p->keep = false;
    if (p->fault != NULL && p->fault->endless)
        p->answer.speech.n = SIZE_MAX;
}

void play_release(struct play *p)
{
    fault_drop(p->fault);
    answer_release(&p->answer);
    buf_release(&p->body);
    p->fault = NULL;
}

/* A header the fault brings along replaces the one the region would have sent. */
static bool brings(const struct play *p, const char *field)
{
    return p->fault != NULL && p->fault->headers != NULL &&
           strcasestr(p->fault->headers, field) != NULL;
}

void play_head(struct buf *out, const struct play *p, const char *extra)
{
    quote_addf(out, "HTTP/1.1 %d %s\r\nx-request-id: req-%s-%llu\r\nx-region: %s\r\n",
               p->status, answer_reason(p->status), p->name, (unsigned long long)p->n, p->name);
    if (!brings(p, "content-type:"))
        quote_addf(out, "content-type: %s\r\n",
                   p->stream ? "text/event-stream; charset=utf-8" : "application/json");
    if (p->fault != NULL && p->fault->headers != NULL)
        quote_add(out, p->fault->headers, strlen(p->fault->headers));
    if (extra != NULL)
        quote_add(out, extra, strlen(extra));
    else if (p->stream && p->chunked)
        quote_addf(out, "transfer-encoding: chunked\r\n");
    else if (!p->stream && !brings(p, "content-length:"))
        quote_addf(out, "content-length: %zu\r\n", p->body.len);
    if (!p->keep)
        quote_addf(out, "connection: close\r\n");
    else if (p->old)
        quote_addf(out, "connection: keep-alive\r\n");
    quote_addf(out, "\r\n");
}

/* Data of the next event into out; false when the stream has no more. */
static bool next_data(struct play *p, struct buf *out)
{
    const struct fault *f = p->fault;

    for (;;) {
        switch (p->part) {
        case PART_ROLE:
            answer_role(&p->answer, out);
            p->part = PART_CONTENT;
            return true;
        case PART_CONTENT:
            if (answer_content(&p->answer, out))
                return true;
            p->part = PART_FINISH;
            break;
        case PART_FINISH:
            p->part = p->include_usage && p->answer.usage ? PART_USAGE : PART_DONE;
            if (f != NULL && f->no_finish)
                break;
            answer_finish(&p->answer, out);
            return true;
        case PART_USAGE:
            p->part = PART_DONE;
            answer_usage(&p->answer, out);
            return true;
        case PART_DONE:
            p->part = PART_NONE;
            if (f != NULL && f->no_done)
                break;
            quote_addf(out, "[DONE]");
            return true;
        case PART_NONE:
            return false;
        }
    }
}

static void error_data(const struct fault *f, struct buf *out)
{
    if (f->error == NULL) {
        answer_status(out, 500);
        return;
    }
    quote_addf(out, "{\"error\":");
    quote_add(out, f->error, strlen(f->error));
    quote_addf(out, "}");
}

/* One whole event, as the fault wants it, into out. */
bool play_event(struct play *p, struct buf *out)
{
    static const char *const ends[] = {
        [FAULT_LF] = "\n", [FAULT_CRLF] = "\r\n", [FAULT_CR] = "\r"};
    const struct fault *f = p->fault;
    const char *end = ends[f != NULL ? f->line_end : FAULT_LF];
    size_t from = out->len;

    quote_addf(out, "data: ");
    size_t data = out->len;

    if (!next_data(p, out)) {
        out->len = from;
        return false;
    }
    if (f != NULL && is_at(f->malformed_event, p->events)) {
        out->len = data;
        quote_addf(out, "{\"id\":\"broken\",\"choices\":[{\"delta\":{\"con");
    }
    if (f != NULL && is_at(f->error_event, p->events)) {
        out->len = data;
        error_data(f, out);
        p->part = PART_NONE;
    }
    quote_addf(out, "%s%s", end, end);
    p->events++;
    return true;
}

/* Bytes of the body, in the answer's framing; false when cut_at_byte was reached. */
static bool emit(struct play *p, struct buf *out, struct str text)
{
    const struct fault *f = p->fault;
    size_t len = text.len;
    bool whole = true;

    if (f != NULL && f->cut_at_byte != FAULT_NONE &&
        p->body_bytes + len >= (size_t)f->cut_at_byte) {
        len = (size_t)f->cut_at_byte - p->body_bytes;
        whole = false;
    }
    if (p->chunked && text.len > 0)
        quote_addf(out, "%zx\r\n", text.len);
    quote_add(out, text.ptr, len);
    if (p->chunked && whole && text.len > 0)
        quote_addf(out, "\r\n");
    p->body_bytes += len;
    return whole;
}

static enum play_verdict plain_body(struct play *p, struct buf *out)
{
    struct str body = {p->body.data != NULL ? p->body.data : "", p->body.len};

    if (p->fault != NULL && p->fault->reset == FAULT_RESET_MID) {
        quote_add(out, body.ptr, body.len / 2);
        return PLAY_RESET;
    }
    return emit(p, out, body) ? PLAY_END : PLAY_CLOSE;
}

static enum play_verdict wait_for(int64_t ms, int64_t *wait_ms)
{
    if (ms <= 0)
        return PLAY_MORE;
    *wait_ms = ms;
    return PLAY_WAIT;
}

static enum play_verdict hold(struct play *p)
{
    p->held = true;
    return PLAY_HANG;
}

bool play_go_on(struct play *p)
{
    bool held = p->held;

    p->released = p->released || held;
    p->held = false;
    return held;
}

static enum play_verdict stream_event(struct play *p, struct buf *out, int64_t *wait_ms)
{
    const struct fault *f = p->fault;
    struct buf event;
    bool more;

    if (f != NULL && is_at(f->cut_at_event, p->events))
        return PLAY_CLOSE;
    if (f != NULL && is_at(f->hang_at_event, p->events))
        return PLAY_HANG;
    if (f != NULL && is_at(f->hold_at_event, p->events) && !p->released)
        return hold(p);
    if (f != NULL && f->reset == FAULT_RESET_MID) {
        size_t half = f->endless ? 8 : 1 + p->answer.speech.n / 2;

        if (p->events >= half)
            return PLAY_RESET;
    }
    if (f != NULL && is_at(f->end_at_event, p->events)) {
        p->phase = PHASE_TAIL;
        return PLAY_MORE;
    }
    buf_init(&event, BODY_MAX);
    more = play_event(p, &event);
    if (!more)
        p->phase = PHASE_TAIL;
    else
        more = emit(p, out, buf_str(&event));
    buf_release(&event);
    if (p->phase == PHASE_TAIL)
        return PLAY_MORE;
    if (!more)
        return PLAY_CLOSE;
    return wait_for(f != NULL ? f->delay_event_ms : 0, wait_ms);
}

static enum play_verdict start(struct play *p, int64_t *wait_ms)
{
    const struct fault *f = p->fault;

    p->phase = PHASE_HEAD;
    if (f == NULL)
        return PLAY_MORE;
    if (f->hang)
        return PLAY_HANG;
    if (f->hold)
        return hold(p);
    if (f->reset == FAULT_RESET_BEFORE)
        return PLAY_RESET;
    return wait_for(f->delay_head_ms, wait_ms);
}

static enum play_verdict tail(struct play *p, struct buf *out)
{
    p->phase = PHASE_OVER;
    if (p->chunked)
        quote_addf(out, "0\r\n\r\n");
    return PLAY_END;
}

enum play_verdict play_step(struct play *p, struct buf *out, int64_t *wait_ms)
{
    const struct fault *f = p->fault;

    *wait_ms = 0;
    switch (p->phase) {
    case PHASE_START:
        return start(p, wait_ms);
    case PHASE_HEAD:
        p->phase = PHASE_FIRST;
        if (f != NULL && f->framing != FAULT_FRAMING_NONE)
            return misframe(p, f->framing, out);
        play_head(out, p, NULL);
        return PLAY_MORE;
    case PHASE_FIRST:
        p->phase = PHASE_BODY;
        return wait_for(f != NULL ? f->delay_first_event_ms : 0, wait_ms);
    case PHASE_BODY:
        return p->stream ? stream_event(p, out, wait_ms) : plain_body(p, out);
    case PHASE_TAIL:
        return tail(p, out);
    case PHASE_OVER:
        break;
    }
    return PLAY_END;
}
