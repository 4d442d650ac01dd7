/* transcript.c - what a client has of a streamed answer; transcript.h has the contract.
 *
 * An item lies between two NULs, which stand in no text, so that no text can be
 * taken for it: a comparison of bytes compares both. */
#include "dialect/transcript.h"

#include "base/json_scan.h"

#include <stdlib.h>
#include <string.h>

#define CHANNEL_BYTES   128         /* that a channel costs beside what it holds */
#define PIECE_MAX_BYTES (64u << 20) /* the largest stream.event_max */

void transcript_init(struct transcript *t, size_t bytes_max)
{
    *t = (struct transcript){.bytes_max = bytes_max};
    buf_init_charged(&t->piece, PIECE_MAX_BYTES);
}

void transcript_release(struct transcript *t)
{
    for (size_t i = 0; i < t->n; i++) {
        buf_release(&t->channels[i].place);
        buf_release(&t->channels[i].said);
    }
    free(t->channels);
    buf_release(&t->piece);
    t->channels = NULL;
    t->n = t->cap = t->bytes = 0;
}

static bool is_content(enum dialect_piece_kind kind)
{
    return kind == DIALECT_TEXT || kind == DIALECT_ITEM;
}

struct transcript_channel *transcript_find(const struct transcript *t,
                                           const struct dialect_piece *p)
{
    for (size_t i = 0; i < t->n; i++) {
        struct transcript_channel *c = &t->channels[i];

        if (c->choice == p->choice && str_eq(buf_str(&c->place), p->place))
            return c;
    }
    return NULL;
}

static struct transcript_channel *new_channel(struct transcript *t,
                                              const struct dialect_piece *p)
{
    struct transcript_channel *c;

    if (t->bytes_max - t->bytes < CHANNEL_BYTES + p->place.len)
        return NULL;
    if (t->n == t->cap) {
        t->cap = t->cap > 0 ? 2 * t->cap : 4;
        t->channels = xrealloc(t->channels, t->cap * sizeof(*t->channels));
    }
    c = &t->channels[t->n];
    *c = (struct transcript_channel){.choice = p->choice, .kind = p->kind};
    buf_init(&c->place, p->place.len);
    buf_init_charged(&c->said, t->bytes_max);
    if (buf_append_str(&c->place, p->place) < 0)
        return NULL;
    t->n++;
    t->bytes += CHANNEL_BYTES + p->place.len;
    return c;
}

/* Without the white space between its tokens, which means nothing. */
static void drop_space(struct buf *b, size_t from)
{
    size_t to = from;
    bool quoted = false;

    for (size_t i = from; i < b->len; i++) {
        char c = b->data[i];

        if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
            continue;
        b->data[to++] = c;
        if (c == '"')
            quoted = !quoted;
        else if (c == '\\' && quoted && i + 1 < b->len)
            b->data[to++] = b->data[++i];
    }
    b->len = to;
}

/* Appends a piece as channels hold it. */
static int put(struct buf *out, const struct dialect_piece *p)
{
    size_t from = out->len;

    if (p->kind == DIALECT_TEXT) {
        if (buf_reserve(out, p->value.len) < 0 ||
            json_scan_string(p->value, out->data + from, p->value.len + 1) < 0)
            return -1;
        out->len += strlen(out->data + from);
        return 0;
    }
    if (!is_content(p->kind))
        return buf_append_str(out, p->value);
    if (buf_append(out, "", 1) < 0 || buf_append_str(out, p->value) < 0)
        return -1;
    drop_space(out, from);
    return buf_append(out, "", 1);
}

int transcript_add(struct transcript *t, const struct dialect_piece *p)
{
    struct transcript_channel *c = transcript_find(t, p);

    if (c == NULL && (c = new_channel(t, p)) == NULL)
        return -1;
    size_t from = c->said.len;

    if (p->value.len + 2 > t->bytes_max - t->bytes || put(&c->said, p) < 0)
        return -1;
    t->bytes += c->said.len - from;
    c->matched = c->said.len;
    return 0;
}

int transcript_match(struct transcript *t, struct transcript_channel *c,
                     const struct dialect_piece *p, struct str *rest)
{
    size_t left = c->said.len - c->matched;

    buf_clear(&t->piece);
    if (put(&t->piece, p) < 0)
        return -1;
    size_t common = t->piece.len < left ? t->piece.len : left;

    if (memcmp(t->piece.data, c->said.data + c->matched, common) != 0 ||
        (common < t->piece.len && p->kind != DIALECT_TEXT))
        return -1;
    c->matched += common;
    *rest = (struct str){t->piece.data + common, t->piece.len - common};
    return 0;
}

void transcript_rewind(struct transcript *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->channels[i].matched = 0;
}

static bool is_matched(const struct transcript_channel *c)
{
    return !is_content(c->kind) || c->matched == c->said.len;
}

bool transcript_is_matched(const struct transcript *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!is_matched(&t->channels[i]))
            return false;
    return true;
}

bool transcript_are_matched(const struct transcript *t, const struct choices *which)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct transcript_channel *c = &t->channels[i];

        if (c->choice >= 0 && choices_has(which, c->choice) && !is_matched(c))
            return false;
    }
    return true;
}
