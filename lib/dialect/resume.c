/* resume.c - goes on with a cut stream from another run; resume.h has the contract. */
#include "dialect/resume.h"

#include "base/json_scan.h"
#include "dialect/sse.h"

#include <string.h>

#define EVENT_MAX_BYTES (1u << 20) /* of the one event that is rewritten */

void resume_init(struct resume *r, const struct dialect *d, size_t text_max_bytes)
{
    memset(r, 0, sizeof(*r));
    r->dialect = d;
    buf_init(&r->text, text_max_bytes);
    buf_init(&r->rewrite, EVENT_MAX_BYTES);
}

void resume_release(struct resume *r)
{
    buf_release(&r->text);
    buf_release(&r->rewrite);
}

/* Decodes the span behind what out holds.  -1: no text we could mean, or no room. */
static int decode(struct str span, struct buf *out)
{
    if (buf_reserve(out, span.len) < 0 ||
        json_scan_string(span, out->data + out->len, span.len + 1) < 0)
        return -1;
    out->len += strlen(out->data + out->len);
    return 0;
}

void resume_note(struct resume *r, struct str data)
{
    struct str text;
    enum dialect_text kind;

    if (r->final)
        return;
    kind = r->dialect->read_text(data, &text);
    if (kind == DIALECT_TEXT_OTHER ||
        (kind == DIALECT_TEXT_ONLY && decode(text, &r->text) < 0)) {
        r->final = true;
        buf_release(&r->text);
    }
}

bool resume_begin(struct resume *r)
{
    r->replaying = !r->final;
    r->matched = 0;
    return r->replaying;
}

/* The event's data, on one line, with its text cut to what is new. */
static int cut_event(struct resume *r, struct str data, struct str span, struct str rest)
{
    size_t front = (size_t)(span.ptr - data.ptr);

    buf_clear(&r->rewrite);
    if (buf_append(&r->rewrite, data.ptr, front) < 0 ||
        json_scan_quote(&r->rewrite, rest) < 0 ||
        buf_append(&r->rewrite, span.ptr + span.len, data.len - front - span.len) < 0)
        return -1;
    sse_one_line(&r->rewrite, 0);
    return 0;
}

/* Holds an event's text against the delivered text at the matched place. */
static enum resume_verdict compare(struct resume *r, struct str data, struct str span,
                                   struct str *out)
{
    struct buf text;
    size_t left = r->text.len - r->matched;
    enum resume_verdict v = RESUME_DIFFERS;

    buf_init(&text, EVENT_MAX_BYTES);
    if (decode(span, &text) < 0)
        goto out;
    size_t common = text.len < left ? text.len : left;

    if (common > 0 && memcmp(text.data, r->text.data + r->matched, common) != 0)
        goto out;
    r->matched += common;
    if (text.len <= left) {
        v = RESUME_HOLD;
        goto out;
    }
    struct str rest = {text.data + common, text.len - common};

    r->replaying = false;
    if (common > 0) {
        if (cut_event(r, data, span, rest) < 0)
            goto out;
        *out = buf_str(&r->rewrite);
    }
    if (buf_append_str(&r->text, rest) < 0)
        r->final = true; /* rescued once, too long to be rescued again */
    v = common > 0 ? RESUME_REWRITE : RESUME_PASS;
out:
    buf_release(&text);
    return v;
}

enum resume_verdict resume_feed(struct resume *r, struct str data, bool finish, struct str *out)
{
    struct str span;
    enum dialect_text kind;

    kind = r->dialect->read_text(data, &span);
    if (kind == DIALECT_TEXT_END)
        return r->matched == r->text.len ? RESUME_PASS : RESUME_DIFFERS;
    if (kind == DIALECT_TEXT_OTHER)
        return RESUME_DIFFERS;
    if (kind == DIALECT_TEXT_ONLY && !finish)
        return compare(r, data, span, out);
    if (kind == DIALECT_TEXT_ONLY) { /* last words and finish reason in one event */
        enum resume_verdict v = compare(r, data, span, out);

        if (v != RESUME_HOLD)
            return v;
        /* every word of it was delivered: only its end is news */
        if (r->matched < r->text.len || cut_event(r, data, span, STR("")) < 0)
            return RESUME_DIFFERS;
        r->replaying = false;
        *out = buf_str(&r->rewrite);
        return RESUME_REWRITE;
    }
    if (finish) {
        if (r->matched < r->text.len)
            return RESUME_DIFFERS;
        r->replaying = false;
        return RESUME_PASS;
    }
    return RESUME_HOLD;
}
