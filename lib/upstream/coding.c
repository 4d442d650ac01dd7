/* coding.c - gzip and deflate, decoded with zlib; coding.h has the contract.
 *
 * "deflate" means the zlib format (RFC 9110 section 8.4.1.2), but servers exist that send the
 * bare deflate stream; the first byte tells them apart, as browsers do it.  A gzip body may have
 * several members, one behind the other (RFC 1952 section 2.2).
 *
 * REJECTED  curl's own decoding: it names no bound of growth, and what it cannot decode it fails
 * only after the head is out. */
#include "upstream/coding.h"

#include "base/str.h"

#include <stdlib.h>
#define ZLIB_CONST /* its input is not written to */
#include <zlib.h>

#define PIECE_BYTES    16384
#define GZIP_WINDOW    (15 + 16) /* in zlib's words */
#define ZLIB_WINDOW    15
#define DEFLATE_WINDOW (-15)

struct coding_reader {
    z_stream z;
    enum coding coding;
    bool begun, ended; /* ended: a member is over, and no further one has begun */
    size_t in, out;
};

enum coding coding_of(const struct upstream_head *h)
{
    enum coding found = CODING_IDENTITY;

    for (size_t i = 0; i < h->n_fields; i++) {
        struct str rest = h->fields[i].value;

        if (!str_ieqz(h->fields[i].name, "content-encoding"))
            continue;
        while (rest.ptr != NULL) {
            struct str one = str_trim(str_split(rest, ',', &rest));

            if (one.len == 0 || str_ieqz(one, "identity"))
                continue;
            found = found != CODING_IDENTITY                           ? CODING_OTHER
                    : str_ieqz(one, "gzip") || str_ieqz(one, "x-gzip") ? CODING_GZIP
                    : str_ieqz(one, "deflate")                         ? CODING_DEFLATE
                                                                       : CODING_OTHER;
        }
    }
    return found;
}

struct coding_reader *coding_reader_new(enum coding c)
{
    struct coding_reader *r = xcalloc(1, sizeof(*r));

    r->coding = c;
    return r;
}

void coding_reader_free(struct coding_reader *r)
{
    if (r != NULL && r->begun)
        inflateEnd(&r->z);
    free(r);
}

static bool begin(struct coding_reader *r, unsigned char first)
{
    bool zlib = (first & 0x0f) == Z_DEFLATED && first >> 4 <= 7;
    int window = r->coding == CODING_GZIP ? GZIP_WINDOW : zlib ? ZLIB_WINDOW : DEFLATE_WINDOW;

    r->begun = inflateInit2(&r->z, window) == Z_OK;
    return r->begun;
}

/* Bytes behind the end: another member of a gzip body, or nothing that belongs here. */
static bool begin_again(struct coding_reader *r)
{
    r->ended = false;
    return r->coding == CODING_GZIP && inflateReset(&r->z) == Z_OK;
}

enum coding_verdict coding_read(struct coding_reader *r, const char *data, size_t len,
                                int (*give)(void *arg, const char *data, size_t len), void *arg)
{
    char piece[PIECE_BYTES];

    if (len == 0)
        return CODING_FINE;
    if (!r->begun && !begin(r, (unsigned char)data[0]))
        return CODING_BROKEN;
    r->in += len;
    r->z.next_in = (const Bytef *)data;
    r->z.avail_in = (uInt)len; /* a piece of what curl reads at once */
    do {
        if (r->ended && r->z.avail_in == 0)
            return CODING_FINE;
        if (r->ended && !begin_again(r))
            return CODING_BROKEN;
        r->z.next_out = (Bytef *)piece;
        r->z.avail_out = sizeof(piece);
        int rc = inflate(&r->z, Z_SYNC_FLUSH);
        size_t n = sizeof(piece) - r->z.avail_out;

        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) /* the last: no more now */
            return CODING_BROKEN;
        r->ended = rc == Z_STREAM_END;
        r->out += n;
        if (r->out > CODING_GROWTH_FREE && r->out / CODING_GROWTH_MAX > r->in)
            return CODING_TOO_LARGE;
        if (n > 0 && give(arg, piece, n) != 0)
            return CODING_FINE;
    } while (r->z.avail_in > 0 || r->z.avail_out == 0);
    return CODING_FINE;
}

bool coding_is_whole(const struct coding_reader *r)
{
    return r->ended || !r->begun;
}
