/* http1_body.c - body framing; http1_body.h has the contract.
 *
 *   SIZE -> (EXT ->) SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *   SIZE of zero -> ... SIZE_LF -> TRAILER lines -> END
 *
 * REFUSED (RFC 9112; 400 where no status is given)
 *
 *   chunk size empty, signed, not hexadecimal        7.1
 *   over 16 digits: more than 64 bits, or padding    7.1
 *   white space behind the size without ";"          7.1.1  BWS is allowed before ";" only
 *   extension not ";" name [ "=" token / quoted ]    7.1.1
 *   extensions of a chunk over ext_max_bytes         7.1.1  "ought to limit the total length"
 *   bare LF or bare CR anywhere in the framing       2.2
 *   no CRLF behind the chunk data                    7.1
 *   trailer line that is no field line               7.1.2
 *   trailer section over HTTP_TRAILER_MAX_BYTES      431
 *   content over max_bytes, declared or accumulated  RFC 9110 15.5.14  413
 *
 * Trailer fields are dropped, as 7.1.2 allows: nothing here wants one, and merging them would
 * let a body change its own head.
 */
#include "http/http1_body.h"

#include "base/text.h"

#include <assert.h>

enum step {
    STEP_LENGTH, /* Content-Length framing */
    STEP_SIZE,
    STEP_SIZE_SPACE, /* BWS in front of ";" */
    STEP_EXT,        /* behind ";", before the name */
    STEP_EXT_NAME,
    STEP_EXT_NAME_SPACE,
    STEP_EXT_EQUALS, /* behind "=", before the value */
    STEP_EXT_TOKEN,
    STEP_EXT_QUOTED,
    STEP_EXT_ESCAPE,
    STEP_EXT_END, /* behind a value */
    STEP_SIZE_LF,
    STEP_DATA,
    STEP_DATA_CR,
    STEP_DATA_LF,
    STEP_TRAILER, /* start of a line */
    STEP_TRAILER_NAME,
    STEP_TRAILER_VALUE,
    STEP_TRAILER_LF,
    STEP_LAST_LF,
    STEP_END,
    STEP_BAD,
};

void http1_body_init(struct http1_body *b, int64_t content_length, size_t max_bytes,
                     size_t ext_max_bytes)
{
    *b = (struct http1_body){.max_bytes = max_bytes, .ext_max_bytes = ext_max_bytes};
    b->step = STEP_SIZE;
    if (content_length >= 0) {
        b->step = STEP_LENGTH;
        b->left = (uint64_t)content_length;
    }
}

static int refuse(struct http1_body *b, int status, const char *message)
{
    b->verdict = (struct http_verdict){status, message};
    return STEP_BAD;
}

/* What may follow an element of an extension: BWS, the next one, or the end of the line. */
static int after_ext(struct http1_body *b, unsigned char c, int if_space)
{
    if (c == ' ' || c == '\t')
        return if_space;
    if (c == ';')
        return STEP_EXT;
    if (c == '\r')
        return STEP_SIZE_LF;
    return refuse(b, 400, "a chunk extension is malformed");
}

static int read_size(struct http1_body *b, unsigned char c)
{
    int digit = text_hex_digit((char)c);

    if (digit < 0) {
        if (b->digits == 0)
            return refuse(b, 400, "a chunk size is not a hexadecimal number");
        if (c != ';' && c != ' ' && c != '\t' && c != '\r')
            return refuse(b, 400, "a chunk size is not a hexadecimal number");
        b->line_bytes = c != '\r';
        if (b->line_bytes > b->ext_max_bytes)
            return refuse(b, 400, "the extensions of a chunk are larger than the limit");
        return after_ext(b, c, STEP_SIZE_SPACE);
    }
    if (++b->digits > 16)
        return refuse(b, 400, "a chunk size has more than 16 digits");
    b->left = b->left << 4 | (uint64_t)digit;
    return STEP_SIZE;
}

static int read_ext(struct http1_body *b, unsigned char c)
{
    bool space = c == ' ' || c == '\t';

    if (c != '\r' && ++b->line_bytes > b->ext_max_bytes)
        return refuse(b, 400, "the extensions of a chunk are larger than the limit");
    switch (b->step) {
    case STEP_SIZE_SPACE:
        if (space || c == ';')
            return space ? STEP_SIZE_SPACE : STEP_EXT;
        break;
    case STEP_EXT:
        if (space || text_is_token_byte((char)c))
            return space ? STEP_EXT : STEP_EXT_NAME;
        break;
    case STEP_EXT_NAME:
        if (text_is_token_byte((char)c) || c == '=')
            return c == '=' ? STEP_EXT_EQUALS : STEP_EXT_NAME;
        return after_ext(b, c, STEP_EXT_NAME_SPACE);
    case STEP_EXT_NAME_SPACE: /* BWS before "=" or ";", not before the end of the line */
        if (space || c == '=' || c == ';')
            return space ? STEP_EXT_NAME_SPACE : c == '=' ? STEP_EXT_EQUALS : STEP_EXT;
        break;
    case STEP_EXT_EQUALS:
        if (space || c == '"' || text_is_token_byte((char)c))
            return space ? STEP_EXT_EQUALS : c == '"' ? STEP_EXT_QUOTED : STEP_EXT_TOKEN;
        break;
    case STEP_EXT_TOKEN:
        return text_is_token_byte((char)c) ? STEP_EXT_TOKEN : after_ext(b, c, STEP_SIZE_SPACE);
    case STEP_EXT_QUOTED: /* RFC 9110 5.6.4 */
        if (text_is_field_byte((char)c))
            return c == '"' ? STEP_EXT_END : c == '\\' ? STEP_EXT_ESCAPE : STEP_EXT_QUOTED;
        break;
    case STEP_EXT_ESCAPE:
        if (text_is_field_byte((char)c))
            return STEP_EXT_QUOTED;
        break;
    case STEP_EXT_END:
        return after_ext(b, c, STEP_SIZE_SPACE);
    }
    return refuse(b, 400, "a chunk extension is malformed");
}

static int read_trailer(struct http1_body *b, unsigned char c)
{
    if (++b->line_bytes > HTTP_TRAILER_MAX_BYTES)
        return refuse(b, 431, "the trailer section is larger than the limit");
    switch (b->step) {
    case STEP_TRAILER:
        if (c == '\r' || text_is_token_byte((char)c))
            return c == '\r' ? STEP_LAST_LF : STEP_TRAILER_NAME;
        break;
    case STEP_TRAILER_NAME:
        if (c == ':' || text_is_token_byte((char)c))
            return c == ':' ? STEP_TRAILER_VALUE : STEP_TRAILER_NAME;
        break;
    case STEP_TRAILER_VALUE:
        if (c == '\r' || text_is_field_byte((char)c))
            return c == '\r' ? STEP_TRAILER_LF : STEP_TRAILER_VALUE;
        break;
    case STEP_TRAILER_LF:
        if (c == '\n')
            return STEP_TRAILER;
        break;
    case STEP_LAST_LF:
        if (c == '\n')
            return STEP_END;
        break;
    }
    return refuse(b, 400, "the trailer section is malformed");
}

static int end_size_line(struct http1_body *b, unsigned char c, size_t taken)
{
    if (c != '\n')
        return refuse(b, 400, "the line of a chunk size does not end in CRLF");
    b->digits = 0;
    b->line_bytes = 0;
    if (b->left > b->max_bytes - taken)
        return refuse(b, 413, "the body is larger than the limit");
    return b->left > 0 ? STEP_DATA : STEP_TRAILER;
}

/* One byte of framing around the content. */
static int read_frame(struct http1_body *b, unsigned char c, size_t taken)
{
    switch (b->step) {
    case STEP_SIZE:
        return read_size(b, c);
    case STEP_SIZE_LF:
        return end_size_line(b, c, taken);
    case STEP_DATA_CR:
    case STEP_DATA_LF:
        if (c == (b->step == STEP_DATA_CR ? '\r' : '\n'))
            return b->step == STEP_DATA_CR ? STEP_DATA_LF : STEP_SIZE;
        return refuse(b, 400, "no CRLF behind the data of a chunk");
    default:
        return b->step < STEP_SIZE_LF ? read_ext(b, c) : read_trailer(b, c);
    }
}

/* Copies content; b->left counts down. */
static size_t read_content(struct http1_body *b, const char *data, size_t len, struct buf *out)
{
    size_t n = len < b->left ? len : (size_t)b->left;

    if (buf_append(out, data, n) < 0) {
        b->step = n > out->max - out->len
                      ? refuse(b, 413, "the body is larger than the limit")
                      : refuse(b, 503, "there is no memory left for the body");
        return 0;
    }
    b->left -= n;
    if (b->left == 0)
        b->step = b->step == STEP_LENGTH ? STEP_END : STEP_DATA_CR;
    return n;
}

enum http_parse http1_body_read(struct http1_body *b, const char *data, size_t len,
                                size_t *used, struct buf *out)
{
    size_t i = 0;

    assert(out->max >= b->max_bytes);
    if (b->step == STEP_LENGTH && b->left > b->max_bytes)
        b->step = refuse(b, 413, "the body is larger than the limit");
    if (b->step == STEP_LENGTH && b->left == 0)
        b->step = STEP_END;
    while (i < len && b->step < STEP_END) {
        if (b->step == STEP_DATA || b->step == STEP_LENGTH)
            i += read_content(b, data + i, len - i, out);
        else
            b->step = read_frame(b, (unsigned char)data[i++], out->len);
    }
    *used = i;
    if (b->step < STEP_END)
        return HTTP_PARSE_MORE;
    return b->step == STEP_END ? HTTP_PARSE_DONE : HTTP_PARSE_REFUSED;
}
