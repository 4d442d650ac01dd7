/* misframe.c - wrong framing; misframe.h has the contract.
 *
 * What RFC 9112 forbids a server to send, sections 2.2 (bare LF), 6.2 (two lengths), 6.3 (both
 * framings, a length that does not fit) and 7.1 (chunk sizes). */
#include "tests/region/misframe.h"

#include "tests/region/quote.h"

#include <stdio.h>
#include <string.h>

#define EVENTS_MAX 10000 /* an endless stream has to end before it can be framed */

static void compose(struct play *p, struct buf *body)
{
    if (!p->stream)
        quote_add(body, p->body.data != NULL ? p->body.data : "", p->body.len);
    else
        while (p->events < EVENTS_MAX && play_event(p, body))
            continue;
}

static void garbage(struct buf *out)
{
    uint64_t x = 88172645463325252u; /* xorshift64 (Marsaglia 2003) */

    for (int i = 0; i < 512; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        quote_add(out, &(char){(char)(x | 0x80)}, 1);
    }
}

static void huge_head(struct play *p, struct buf *out, size_t length)
{
    struct buf extra;
    size_t want = (size_t)p->fault->head_bytes;

    buf_init(&extra, want + 4096);
    quote_addf(&extra, "content-length: %zu\r\n", length);
    for (size_t i = 0; extra.len < want; i++) {
        char fill[512];

        memset(fill, 'f', sizeof(fill));
        quote_addf(&extra, "x-fill-%zu: %.*s\r\n", i, (int)sizeof(fill), fill);
    }
    play_head(out, p, extra.data);
    buf_release(&extra);
}

static void bad_chunk(struct play *p, struct buf *out, struct str body)
{
    size_t half = body.len / 2;

    play_head(out, p, "transfer-encoding: chunked\r\n");
    if (half > 0) {
        quote_addf(out, "%zx\r\n", half);
        quote_add(out, body.ptr, half);
        quote_addf(out, "\r\n");
    }
    quote_addf(out, "zz\r\n");
    quote_add(out, body.ptr + half, body.len - half);
    quote_addf(out, "\r\n0\r\n\r\n");
}

static void lf_only(struct play *p, struct buf *out, const char *length)
{
    struct buf head;

    buf_init(&head, 8u << 20);
    play_head(&head, p, length);
    for (size_t i = 0; i < head.len; i++)
        if (head.data[i] != '\r')
            quote_add(out, &head.data[i], 1);
    buf_release(&head);
}

static enum play_verdict frame(struct play *p, enum fault_framing how, struct str body,
                               struct buf *out)
{
    char extra[128];
    size_t says = how == FAULT_SHORT_LENGTH  ? body.len / 2
                  : how == FAULT_LONG_LENGTH ? body.len + 100
                                             : body.len;

    snprintf(extra, sizeof(extra), "content-length: %zu\r\n", says);
    switch (how) {
    case FAULT_GARBAGE:
        garbage(out);
        return PLAY_CLOSE;
    case FAULT_HTTP09:
        break;
    case FAULT_BAD_CHUNK:
        bad_chunk(p, out, body);
        return PLAY_CLOSE;
    case FAULT_TE_AND_CL:
        snprintf(extra, sizeof(extra), "content-length: %zu\r\ntransfer-encoding: chunked\r\n",
                 says);
        play_head(out, p, extra);
        quote_addf(out, "%zx\r\n", body.len);
        quote_add(out, body.ptr, body.len);
        quote_addf(out, "\r\n0\r\n\r\n");
        return PLAY_CLOSE;
    case FAULT_HUGE_HEAD:
        huge_head(p, out, body.len);
        break;
    case FAULT_LF_ONLY:
        lf_only(p, out, extra);
        break;
    case FAULT_TWO_LENGTHS:
        snprintf(extra, sizeof(extra), "content-length: %zu\r\ncontent-length: %zu\r\n", says,
                 says + 7);
        play_head(out, p, extra);
        break;
    case FAULT_SHORT_LENGTH:
    case FAULT_LONG_LENGTH:
    case FAULT_FRAMING_NONE:
        play_head(out, p, extra);
        break;
    }
    quote_add(out, body.ptr, body.len);
    return how == FAULT_HUGE_HEAD || how == FAULT_LF_ONLY ? PLAY_END : PLAY_CLOSE;
}

enum play_verdict misframe(struct play *p, enum fault_framing how, struct buf *out)
{
    struct buf body;
    enum play_verdict verdict;

    buf_init(&body, out->max);
    compose(p, &body);
    p->body_bytes = body.len;
    verdict = frame(p, how, (struct str){body.data != NULL ? body.data : "", body.len}, out);
    buf_release(&body);
    return verdict;
}
