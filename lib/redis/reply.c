/* reply.c - bytes from a server become replies, within caps.
 *
 * A small scanner walks over RESP2 (https://redis.io/docs/reference/protocol-spec/) and finds
 * where one reply ends; only a complete and checked reply is handed to hiredis' reader, in one
 * piece.  The reader therefore never holds a part of a reply.
 *
 *           '+' '-' ':'                          '$' n               '*' n
 *   TYPE ---------------> LINE --> (item done)  TYPE --> LINE --> BULK --> (item done)
 *     ^                                          LINE --> push n on the stack --> TYPE
 *     +---- next item of the innermost array; the stack empty: the reply is complete
 *
 * WHY NOT FEED THE READER AS BYTES COME  hiredis 0.14 allocates an array's pointers by the
 * length announced (up to 2^31 of them: 16 GiB for 13 bytes), buffers a bulk string of any
 * length, and looks again at an incomplete line from its start with every packet.  1.x has
 * maxelements, but counts each array alone and allows 2^32 by default.  With the scanner in
 * front, what is allocated is bounded by bytes that came, and both versions behave the same.
 *
 * RESP3 types are refused: nobody sent HELLO.
 */
#include "redis/reply.h"

#include "base/buf.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* One bulk or line is limited by the whole's limit, so offsets fit easily. */
_Static_assert(REDIS_REPLY_BYTES_MAX < INT_MAX / 2, "hiredis 0.14 counts in int");

enum scan { SCAN_TYPE, SCAN_LINE, SCAN_BULK };

struct redis_reply {
    redisReader *reader;
    struct buf partial; /* the bytes of the reply that is not complete yet */
    size_t size;        /* scanned bytes of this reply */
    enum scan scan;
    char type;
    size_t line;    /* bytes of the line so far, its CR included */
    bool cr;        /* the line's last byte was CR */
    int64_t number; /* of ':' '$' '*', as far as it was read */
    int digits;
    bool negative;
    size_t bulk;     /* bytes of the bulk string to come, its CRLF included */
    size_t elements; /* announced by all arrays of this reply */
    size_t left[REDIS_REPLY_DEPTH_MAX]; /* items missing in each open array */
    int depth;
    const char *why;
};

static const char too_large[] = "a reply larger than the limit";
static const char not_resp[] = "bytes that are no Redis protocol";

struct redis_reply *redis_reply_new(void)
{
    struct redis_reply *d = xcalloc(1, sizeof(*d));

    buf_init(&d->partial, REDIS_REPLY_BYTES_MAX);
    d->reader = redisReaderCreate();
    if (d->reader == NULL)
        base_out_of_memory("a reader of Redis replies", 0);
    return d;
}

void redis_reply_free(struct redis_reply *d)
{
    if (d == NULL)
        return;
    redisReaderFree(d->reader);
    buf_release(&d->partial);
    free(d);
}

static int bad(struct redis_reply *d, const char *why)
{
    d->why = why;
    return -1;
}

static bool has_number(char type)
{
    return type == ':' || type == '$' || type == '*';
}

/* An item is complete: so may be the arrays it is the last of.  True: so is the reply. */
static bool end_item(struct redis_reply *d)
{
    d->scan = SCAN_TYPE;
    while (d->depth > 0 && --d->left[d->depth - 1] == 0)
        d->depth--;
    return d->depth == 0;
}

static int begin_array(struct redis_reply *d, bool *complete)
{
    if (d->number < -1)
        return bad(d, not_resp);
    if (d->number > REDIS_REPLY_ELEMENTS_MAX ||
        d->elements + (size_t)(d->number + 1) > REDIS_REPLY_ELEMENTS_MAX + 1)
        return bad(d, too_large);
    if (d->number <= 0) {
        *complete = end_item(d);
        return 0;
    }
    if (d->depth == REDIS_REPLY_DEPTH_MAX)
        return bad(d, "a reply nested deeper than the limit");
    d->elements += (size_t)d->number;
    d->left[d->depth++] = (size_t)d->number;
    d->scan = SCAN_TYPE;
    return 0;
}

/* The line after a type byte is complete. */
static int end_line(struct redis_reply *d, bool *complete)
{
    if (has_number(d->type)) {
        if (d->digits == 0)
            return bad(d, not_resp);
        if (d->negative)
            d->number = -d->number;
    }
    if (d->type == '*')
        return begin_array(d, complete);
    if (d->type != '$' || d->number == -1) {
        *complete = end_item(d);
        return 0;
    }
    if (d->number < 0)
        return bad(d, not_resp);
    if (d->number > REDIS_REPLY_BYTES_MAX)
        return bad(d, too_large);
    d->bulk = (size_t)d->number + 2;
    d->scan = SCAN_BULK;
    return 0;
}

/* Numbers as hiredis reads them: an optional '-', no leading zero, within int64. */
static int add_digit(struct redis_reply *d, char c)
{
    if (c == '-' && d->line == 0) {
        d->negative = true;
        return 0;
    }
    if (c < '0' || c > '9' || (d->digits > 0 && d->number == 0) ||
        (d->negative && d->digits == 0 && c == '0'))
        return bad(d, not_resp);
    if (d->number > (INT64_MAX - (c - '0')) / 10)
        return bad(d, d->type == ':' ? "a number beyond 64 bits" : too_large);
    d->number = d->number * 10 + (c - '0');
    d->digits++;
    return 0;
}

static int scan_type(struct redis_reply *d, char c)
{
    if (strchr("+-:$*", c) == NULL || c == '\0')
        return bad(d, not_resp);
    d->type = c;
    d->line = 0;
    d->cr = false;
    d->number = 0;
    d->digits = 0;
    d->negative = false;
    d->scan = SCAN_LINE;
    return 0;
}

/* A line ends in CRLF.  A CR or LF of its own is refused: hiredis would take it for text, and
 * Redis never sends it. */
static int scan_line(struct redis_reply *d, char c, bool *complete)
{
    if (d->cr)
        return c == '\n' ? end_line(d, complete) : bad(d, not_resp);
    if (c == '\n')
        return bad(d, not_resp);
    if (c == '\r')
        d->cr = true;
    else if (has_number(d->type) && add_digit(d, c) < 0)
        return -1;
    if (++d->line > REDIS_REPLY_LINE_MAX)
        return bad(d, too_large);
    return 0;
}

/* Skips what is text, checks that CRLF follows it.  Returns how many bytes it took. */
static size_t scan_bulk(struct redis_reply *d, const char *data, size_t len, bool *complete)
{
    if (d->bulk > 2) {
        size_t n = d->bulk - 2 < len ? d->bulk - 2 : len;

        d->bulk -= n;
        return n;
    }
    if (data[0] != (d->bulk == 2 ? '\r' : '\n'))
        bad(d, not_resp);
    else if (--d->bulk == 0)
        *complete = end_item(d);
    return 1;
}

/* Walks on to the end of the reply or of the data.  Returns how many bytes it took; d->why is
 * set when they are refused. */
static size_t scan(struct redis_reply *d, const char *data, size_t len, bool *complete)
{
    size_t at = 0;

    while (at < len && !*complete && d->why == NULL) {
        size_t n = 1;

        if (d->scan == SCAN_BULK)
            n = scan_bulk(d, data + at, len - at, complete);
        else if (d->scan == SCAN_TYPE)
            scan_type(d, data[at]);
        else
            scan_line(d, data[at], complete);
        at += n;
        if (n > REDIS_REPLY_BYTES_MAX - d->size)
            bad(d, too_large);
        else
            d->size += n;
    }
    return at;
}

/* Hands one whole reply to hiredis. */
static struct redisReply *read_whole(struct redis_reply *d, const char *data, size_t len)
{
    void *reply = NULL;

    if (redisReaderFeed(d->reader, data, len) != REDIS_OK ||
        redisReaderGetReply(d->reader, &reply) != REDIS_OK || reply == NULL)
        bad(d, "a reply that hiredis refuses");
    return reply;
}

enum redis_reply_verdict redis_reply_feed(struct redis_reply *d, const char *data, size_t len,
                                          size_t *used, struct redisReply **out,
                                          const char **why)
{
    bool complete = false;

    *out = NULL;
    *used = 0;
    if (d->why == NULL)
        *used = scan(d, data, len, &complete);
    if (d->why == NULL && complete && d->partial.len == 0) {
        *out = read_whole(d, data, *used); /* the usual case: no copy of ours */
    } else if (d->why == NULL) {
        if (buf_append(&d->partial, data, *used) < 0)
            bad(d, too_large);
        else if (complete)
            *out = read_whole(d, d->partial.data, d->partial.len);
    }
    if (d->why != NULL) {
        *why = d->why;
        return REDIS_REPLY_BAD;
    }
    if (!complete)
        return REDIS_REPLY_MORE;
    d->size = d->elements = 0;
    if (d->partial.cap > 65536)
        buf_release(&d->partial); /* one large reply must not keep its memory for ever */
    else
        buf_clear(&d->partial);
    return REDIS_REPLY_DONE;
}
