/* result.c - CURLcode to enum upstream_result, by how far the exchange had come. */
#include "upstream/result.h"

#include <assert.h>

const char *upstream_result_name(enum upstream_result r)
{
    static const char *const names[] = {
        [UPSTREAM_COMPLETE] = "complete",
        [UPSTREAM_CONNECT] = "connect",
        [UPSTREAM_CONNECT_TIMEOUT] = "connect_timeout",
        [UPSTREAM_RESET] = "reset",
        [UPSTREAM_CUT] = "cut",
        [UPSTREAM_FRAMING] = "framing",
        [UPSTREAM_LIMIT] = "limit",
        [UPSTREAM_TOTAL_TIMEOUT] = "total_timeout",
        [UPSTREAM_INTERNAL] = "internal",
    };

    assert((size_t)r < ARRAY_LEN(names));
    return names[r];
}

/* clang-format off */
static const struct {
    CURLcode code;
    enum upstream_result before_connect, before_head, in_body;
} results[] = {
    {CURLE_OK,                      UPSTREAM_INTERNAL, UPSTREAM_RESET,    UPSTREAM_COMPLETE},
    {CURLE_URL_MALFORMAT,           UPSTREAM_INTERNAL, UPSTREAM_INTERNAL, UPSTREAM_INTERNAL},
    /* Before: an option of ours.  After: a line among head or trailers that is no field. */
    {CURLE_BAD_FUNCTION_ARGUMENT,   UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    /* Before: a scheme we do not allow.  After: HTTP/0.9 or a status line beyond HTTP. */
    {CURLE_UNSUPPORTED_PROTOCOL,    UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_LOGIN_DENIED,            UPSTREAM_INTERNAL, UPSTREAM_INTERNAL, UPSTREAM_INTERNAL},
    /* A line over curl's own 100 KiB ends as one of these two. */
    {CURLE_OUT_OF_MEMORY,           UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_INTERNAL},
    {(CURLcode)100 /* TOO_LARGE */, UPSTREAM_INTERNAL, UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_WEIRD_SERVER_REPLY,      UPSTREAM_CONNECT,  UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_BAD_CONTENT_ENCODING,    UPSTREAM_CONNECT,  UPSTREAM_FRAMING,  UPSTREAM_FRAMING},
    {CURLE_GOT_NOTHING,             UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_SEND_ERROR,              UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    /* Also for a chunk that is none, which chunks.c has found before curl. */
    {CURLE_RECV_ERROR,              UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_PARTIAL_FILE,            UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_HTTP2,                   UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_HTTP2_STREAM,            UPSTREAM_CONNECT,  UPSTREAM_RESET,    UPSTREAM_CUT},
    {CURLE_COULDNT_RESOLVE_HOST,    UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_COULDNT_RESOLVE_PROXY,   UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_PROXY,                   UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_COULDNT_CONNECT,         UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CONNECT_ERROR,       UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_PEER_FAILED_VERIFICATION,UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CERTPROBLEM,         UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CIPHER,              UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_SSL_CACERT_BADFILE,      UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
    {CURLE_NO_CONNECTION_AVAILABLE, UPSTREAM_CONNECT,  UPSTREAM_CONNECT,  UPSTREAM_CUT},
};
/* clang-format on */

enum upstream_result upstream_result_of(const struct upstream_ended *e)
{
    if (e->code == CURLE_OPERATION_TIMEDOUT) { /* one code for both; what was reached tells */
        bool total = e->total_ms > 0 && e->total_us >= e->total_ms * 1000;

        return e->sent || total ? UPSTREAM_TOTAL_TIMEOUT : UPSTREAM_CONNECT_TIMEOUT;
    }
    for (size_t i = 0; i < ARRAY_LEN(results); i++)
        if (results[i].code == e->code)
            return e->head_done ? results[i].in_body
                   : e->sent    ? results[i].before_head
                                : results[i].before_connect;
    return UPSTREAM_INTERNAL;
}

void upstream_result_detail(char *out, size_t size, const char *text)
{
    size_t n = 0;

    for (; n + 1 < size && text[n] != '\0'; n++)
        out[n] = text[n] >= 0x20 && text[n] < 0x7f ? text[n] : '?';
    out[n] = '\0';
}
