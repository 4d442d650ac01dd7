/* resume.c - goes on with a cut stream from another run; resume.h has the contract.
 *
 * Within a choice the order counts: nothing new of it may come before all of it that was
 * delivered, and nothing new at all once its finish reason was.  So a run that thinks longer
 * before it says the same words is another answer.
 *
 * REJECTED  Letting channels of one choice go on for themselves: a client that has read on
 * could not be told any more that the rest differs. */
#include "dialect/resume.h"

#include "base/json_scan.h"

#include <string.h>

void resume_init(struct resume *r, const struct dialect *d, size_t said_max_bytes,
                 size_t event_max_bytes)
{
    memset(r, 0, sizeof(*r));
    r->dialect = d;
    transcript_init(&r->said, said_max_bytes);
    buf_init_charged(&r->rewrite, event_max_bytes);
    buf_init_charged(&r->instead, event_max_bytes);
}

void resume_release(struct resume *r)
{
    transcript_release(&r->said);
    buf_release(&r->rewrite);
    buf_release(&r->instead);
}

void resume_give_up(struct resume *r)
{
    r->final = true;
    if (!r->rerun) /* else this run is still held against it */
        transcript_release(&r->said);
}

/* Notes what was delivered of a piece for the first time.  Too much of it: this run goes on, no
 * other one can. */
static void note(struct resume *r, const struct dialect_piece *p)
{
    if (p->choice != DIALECT_NO_CHOICE)
        choices_set(&r->begun, p->choice);
    if (!r->final && transcript_add(&r->said, p) < 0)
        r->final = true;
}

/* ---- the first run ---- */

static enum dialect_sift note_piece(void *arg, const struct dialect_piece *p,
                                    struct str *instead)
{
    struct resume *r = arg;
    const struct transcript_channel *c;

    (void)instead;
    switch (p->kind) {
    case DIALECT_TEXT:
    case DIALECT_ITEM:
        note(r, p);
        break;
    case DIALECT_NAME:
    case DIALECT_MARK:
    case DIALECT_FINISH:
        c = transcript_find(&r->said, p);
        if (p->kind == DIALECT_FINISH)
            choices_set(&r->finished, p->choice);
        if (c == NULL)
            note(r, p);
        else if (p->choice != DIALECT_NO_CHOICE && !str_eq(buf_str(&c->said), p->value))
            r->final = true; /* two calls at one place: nobody can tell them apart */
        break;
    case DIALECT_USAGE:
        break;
    }
    return r->final ? DIALECT_SIFT_STOP : DIALECT_SIFT_ALONG;
}

void resume_note(struct resume *r, struct str data)
{
    struct dialect_sieve s = {.on_piece = note_piece, .arg = r};

    if (!r->final && r->dialect->sift_event(data, &s) < 0)
        resume_give_up(r);
}

/* ---- another run ---- */

bool resume_begin(struct resume *r)
{
    if (r->final)
        return false;
    r->rerun = true;
    r->ended = (struct choices){{0}};
    transcript_rewind(&r->said);
    r->replaying = !transcript_is_matched(&r->said);
    return true;
}

/* Something that goes on, unless this run may not say it yet, or no more. */
static enum dialect_sift feed_news(struct resume *r, const struct dialect_piece *p)
{
    if (choices_has(&r->finished, p->choice) && !choices_has(&r->ended, p->choice))
        return DIALECT_SIFT_STOP;
    choices_set(&r->news, p->choice);
    note(r, p);
    return DIALECT_SIFT_NEW;
}

static enum dialect_sift feed_content(struct resume *r, const struct dialect_piece *p,
                                      struct str *instead)
{
    struct transcript_channel *c = transcript_find(&r->said, p);
    struct dialect_piece more = *p;
    struct str rest;

    if (c == NULL || c->matched == c->said.len)
        return feed_news(r, p);
    if (transcript_match(&r->said, c, p, &rest) < 0)
        return DIALECT_SIFT_STOP;
    if (rest.len == 0)
        return DIALECT_SIFT_OLD;
    buf_clear(&r->instead);
    if (json_scan_quote(&r->instead, rest) < 0)
        return DIALECT_SIFT_STOP;
    more.value = *instead = buf_str(&r->instead);
    return feed_news(r, &more) == DIALECT_SIFT_NEW ? DIALECT_SIFT_CUT : DIALECT_SIFT_STOP;
}

static enum dialect_sift feed_name(struct resume *r, const struct dialect_piece *p,
                                   struct str *instead)
{
    const struct transcript_channel *c = transcript_find(&r->said, p);

    if (p->choice != DIALECT_NO_CHOICE) /* a call's: one that has begun keeps its own */
        return c == NULL ? feed_news(r, p) : DIALECT_SIFT_OLD;
    if (c == NULL)
        note(r, p);
    if (c == NULL || str_eq(buf_str(&c->said), p->value))
        return DIALECT_SIFT_ALONG;
    *instead = buf_str(&c->said);
    return DIALECT_SIFT_RENAME;
}

/* A run that says it for the first time, with what was delivered long ago, adds nothing. */
static enum dialect_sift feed_mark(struct resume *r, const struct dialect_piece *p)
{
    const struct transcript_channel *c = transcript_find(&r->said, p);

    if (c == NULL) {
        note(r, p);
        return DIALECT_SIFT_ALONG;
    }
    return str_eq(buf_str(&c->said), p->value) ? DIALECT_SIFT_OLD : DIALECT_SIFT_STOP;
}

static enum dialect_sift feed_finish(struct resume *r, const struct dialect_piece *p)
{
    const struct transcript_channel *c = transcript_find(&r->said, p);

    choices_set(&r->ending, p->choice);
    if (c == NULL)
        return feed_news(r, p);
    return str_eq(buf_str(&c->said), p->value) ? DIALECT_SIFT_OLD : DIALECT_SIFT_STOP;
}

/* News only behind the end of every answer: before it the numbers are of a part. */
static enum dialect_sift feed_usage(const struct resume *r)
{
    struct choices ended = r->ended;

    choices_add(&ended, &r->ending);
    return choices_within(&r->begun, &ended) ? DIALECT_SIFT_NEW : DIALECT_SIFT_ALONG;
}

static enum dialect_sift feed_piece(void *arg, const struct dialect_piece *p,
                                    struct str *instead)
{
    struct resume *r = arg;

    switch (p->kind) {
    case DIALECT_TEXT:
    case DIALECT_ITEM:
        return feed_content(r, p, instead);
    case DIALECT_NAME:
        return feed_name(r, p, instead);
    case DIALECT_MARK:
        return feed_mark(r, p);
    case DIALECT_FINISH:
        return feed_finish(r, p);
    case DIALECT_USAGE:
        return feed_usage(r);
    }
    return DIALECT_SIFT_STOP;
}

enum resume_verdict resume_feed(struct resume *r, struct str data, struct str *out)
{
    struct dialect_sieve s = {
        .on_piece = feed_piece, .arg = r, .calm = !r->replaying, .out = &r->rewrite};

    buf_clear(&r->rewrite);
    r->news = r->ending = (struct choices){{0}};
    if (r->dialect->sift_event(data, &s) < 0)
        return RESUME_DIFFERS;
    choices_add(&r->news, &r->ending);
    if (!transcript_are_matched(&r->said, &r->news))
        return RESUME_DIFFERS;
    choices_add(&r->ended, &r->ending);
    choices_add(&r->finished, &r->ending);
    r->replaying = r->replaying && !transcript_is_matched(&r->said);
    if (!s.kept)
        return RESUME_HOLD;
    if (!s.changed)
        return RESUME_PASS;
    *out = buf_str(&r->rewrite);
    return RESUME_REWRITE;
}

bool resume_is_level(const struct resume *r)
{
    return !r->rerun || transcript_is_matched(&r->said);
}
