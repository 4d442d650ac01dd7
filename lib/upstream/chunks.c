/* chunks.c - chunked framing of answers; chunks.h says why.
 *
 *   SIZE -> SIZE_LF -> DATA -> DATA_LF -> SIZE ...
 *   SIZE of zero -> SIZE_LF -> TRAILER lines -> END
 *
 * As lenient as curl, so that the two never disagree about where the answer ends: up to 16
 * digits, whatever stands between them and the LF, lines that end in LF alone.  REJECTED:
 * http1_body of lib/http, which is strict as a server must be; curl is the only other reader
 * here, and a vendor that was served so far would be refused.
 */
#include "upstream/chunks.h"

#include "base/text.h"

#define DIGITS_MAX     16
#define LINE_MAX_BYTES 4093 /* of a trailer line; curl ends the transfer at the next one */

enum step {
    STEP_SIZE,
    STEP_SIZE_LF,
    STEP_DATA,
    STEP_DATA_LF,
    STEP_LINE,    /* at the start of a trailer line, or of the empty one */
    STEP_TRAILER, /* within one */
    STEP_TRAILER_LF,
    STEP_LAST_LF,
    STEP_END,
    STEP_BAD,
};

void upstream_chunks_init(struct upstream_chunks *c)
{
    *c = (struct upstream_chunks){.step = STEP_SIZE};
}

static enum step take_size(struct upstream_chunks *c, char byte)
{
    int digit = text_hex_digit(byte);

    if (digit >= 0) {
        if (c->digits == DIGITS_MAX)
            return STEP_BAD;
        c->digits++;
        c->left = c->left << 4 | (unsigned)digit;
        return STEP_SIZE;
    }
    if (c->digits == 0 || c->left > INT64_MAX)
        return STEP_BAD;
    if (byte != '\n')
        return STEP_SIZE_LF;
    return c->left > 0 ? STEP_DATA : STEP_LINE;
}

static enum step take_trailer(struct upstream_chunks *c, char byte)
{
    c->trailer_bytes++;
    if (byte == '\r' || byte == '\n') {
        if (!c->colon) /* a line that is no field */
            return STEP_BAD;
        c->colon = false;
        c->line_bytes = 0;
        return byte == '\n' ? STEP_LINE : STEP_TRAILER_LF;
    }
    c->colon |= byte == ':';
    return ++c->line_bytes > LINE_MAX_BYTES ? STEP_BAD : STEP_TRAILER;
}

/* Where one byte of the framing leads. */
static enum step take(struct upstream_chunks *c, char byte)
{
    switch ((enum step)c->step) {
    case STEP_SIZE:
        return take_size(c, byte);
    case STEP_SIZE_LF: /* extensions: nobody's */
        return byte != '\n' ? STEP_SIZE_LF : c->left > 0 ? STEP_DATA : STEP_LINE;
    case STEP_DATA_LF:
        c->digits = 0;
        return byte == '\n' ? STEP_SIZE : byte == '\r' ? STEP_DATA_LF : STEP_BAD;
    case STEP_LINE:
        return byte == '\r' ? STEP_LAST_LF : byte == '\n' ? STEP_END : take_trailer(c, byte);
    case STEP_TRAILER:
        return take_trailer(c, byte);
    case STEP_TRAILER_LF:
        return byte == '\n' ? STEP_LINE : STEP_BAD;
    case STEP_LAST_LF:
        return byte == '\n' ? STEP_END : STEP_BAD;
    case STEP_DATA:
    case STEP_END:
    case STEP_BAD:
        break;
    }
    return (enum step)c->step;
}

static struct str cut_data(struct upstream_chunks *c, struct str *in)
{
    size_t n = in->len < c->left ? in->len : (size_t)c->left;
    struct str data = {in->ptr, n};

    *in = (struct str){in->ptr + n, in->len - n};
    c->left -= n;
    if (c->left == 0)
        c->step = STEP_DATA_LF;
    return data;
}

enum upstream_chunk upstream_chunks_next(struct upstream_chunks *c, struct str *in,
                                         struct str *data)
{
    while (in->len > 0 && c->step != STEP_END && c->step != STEP_BAD) {
        if (c->step == STEP_DATA) {
            *data = cut_data(c, in);
            return UPSTREAM_CHUNK_DATA;
        }
        c->step = (int)take(c, in->ptr[0]);
        *in = (struct str){in->ptr + 1, in->len - 1};
    }
    return c->step == STEP_BAD   ? UPSTREAM_CHUNK_BAD
           : c->step == STEP_END ? UPSTREAM_CHUNK_END
                                 : UPSTREAM_CHUNK_MORE;
}
