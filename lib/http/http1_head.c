/* http1_head.c - HTTP/1.x request head; http1_head.h has the contract.
 *
 * The verdict is a function of the bytes alone: the request line is judged byte by byte, a
 * field when its line is complete, a cap where it is passed.  However the bytes are split,
 * the same byte decides.  tests/fuzz/fuzz_http1_head.c holds it to that.
 *
 * REFUSED, and why (RFC 9112 unless said otherwise; 400 where no status is given)
 *
 *   more than one empty line in front           2.2   one is what old clients sent; ignored
 *   LF without CR, CR without LF                2.2   two readers would split lines differently
 *   method not a token                          3.1   501 when it has more than 24 bytes (3)
 *   white space other than one SP               3     "lenient" splitting moves the target
 *   target not in a form its method takes       3.2   CONNECT in good form: 501, no tunnels
 *   target over target_max_bytes                3     414
 *   malformed version                           2.3   1.2 to 1.9 are read as 1.1 (RFC 9110 2.5)
 *   major version other than 1                  2.3   505 (RFC 9110 15.6.6)
 *   no, two, empty or invalid Host              3.2   in HTTP/1.0 none is allowed
 *   absolute-form of a host other than Host     3.2.2 we serve no foreign origin
 *   field name empty or not a token,            5.1
 *   white space before the colon                5.1
 *   line that starts with SP or HTAB            5.2   obs-fold
 *   control byte in a value                     RFC 9110 5.5
 *   head over head_max_bytes, fields_max        5     431 (RFC 6585 5)
 *   Transfer-Encoding with Content-Length       6.3   the classic smuggling pair
 *   Transfer-Encoding in HTTP/1.0               6.1
 *   Transfer-Encoding twice, empty, not ending
 *   in chunked, or with chunked before the end  6.3
 *   unknown codings before a final chunked      6.1   501
 *   Content-Length twice, a list, a sign, a
 *   space, no digits, over INT64_MAX            6.3
 *   Expect other than 100-continue              RFC 9110 10.1.1  417
 */
#include "http/http1_head.h"

#include "base/text.h"
#include "http/target.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define METHOD_MAX   24
#define FIELDS_FIRST 16

enum step {
    STEP_EMPTY,
    STEP_METHOD,
    STEP_TARGET,
    STEP_VERSION,
    STEP_FIELDS,
    STEP_DONE,
    STEP_BAD
};

void http1_head_parser_init(struct http1_head_parser *p, const struct http1_head_limits *limits)
{
    assert(limits->fields_max <= HTTP_FIELDS_MAX);
    p->limits = *limits;
    p->head.to_loopback = false;
    p->head.fields = NULL;
    p->fields_cap = 0;
    buf_init(&p->path, limits->target_max_bytes);
    http1_head_parser_reset(p);
}

void http1_head_parser_reset(struct http1_head_parser *p)
{
    struct http_head *h = &p->head;

    /* The field table stays: only its first n_fields rows are ever read. */
    h->method = HTTP_OTHER;
    h->target = h->path = h->query = h->host = (struct str){NULL, 0};
    h->n_fields = 0;
    p->wire = (struct http1_head_wire){.minor = 1, .content_length = -1};
    p->verdict = (struct http_verdict){0, NULL};
    p->used = p->at = p->start = p->target_at = 0;
    p->base = 0;
    p->step = STEP_EMPTY;
    p->major = 1;
    p->host_seen = p->te_seen = p->te_other = p->close_seen = p->keep_alive_seen = false;
}

void http1_head_parser_release(struct http1_head_parser *p)
{
    buf_release(&p->path);
    free(p->head.fields);
    p->head.fields = NULL;
    p->fields_cap = 0;
}

static enum http_parse refuse(struct http1_head_parser *p, int status, const char *message)
{
    p->step = STEP_BAD;
    p->verdict = (struct http_verdict){status, message};
    return HTTP_PARSE_REFUSED;
}

static void move(struct str *s, uintptr_t from, const char *to)
{
    if (s->ptr != NULL)
        s->ptr = to + ((uintptr_t)s->ptr - from);
}

void http1_head_rebase(struct http1_head_parser *p, const char *data)
{
    struct http_head *h = &p->head;
    uintptr_t from = p->base;

    p->base = (uintptr_t)data;
    if (from == 0 || from == (uintptr_t)data)
        return;
    if (h->path.ptr != p->path.data) /* else it lies in our own memory */
        move(&h->path, from, data);
    move(&h->target, from, data);
    move(&h->query, from, data);
    move(&h->host, from, data);
    for (size_t i = 0; i < h->n_fields; i++) {
        move(&h->fields[i].name, from, data);
        move(&h->fields[i].value, from, data);
    }
}

static enum http_parse read_method(struct http1_head_parser *p, const char *data, size_t len)
{
    for (; p->at < len && data[p->at] != ' '; p->at++) {
        if (!text_is_token_byte(data[p->at]))
            return refuse(p, 400, "the method holds a byte that is not allowed there");
        if (p->at - p->start == METHOD_MAX)
            return refuse(p, 501, "the method is longer than any known one");
    }
    if (p->at == len)
        return HTTP_PARSE_MORE;
    if (p->at == p->start)
        return refuse(p, 400, "the request line has no method");
    p->head.method = http_method_of((struct str){data + p->start, p->at - p->start});
    p->target_at = ++p->at;
    p->step = STEP_TARGET;
    return HTTP_PARSE_MORE;
}

static enum http_parse read_target(struct http1_head_parser *p, const char *data, size_t len)
{
    for (; p->at < len && data[p->at] != ' '; p->at++) {
        if (p->at - p->target_at == p->limits.target_max_bytes)
            return refuse(p, 414, "the request target is longer than the limit");
        if (!http_target_has((unsigned char)data[p->at]))
            return refuse(p, 400,
                          "the request target holds a byte that must be percent-encoded, "
                          "or the line ends without a version");
    }
    if (p->at == len)
        return HTTP_PARSE_MORE;
    p->head.target = (struct str){data + p->target_at, p->at - p->target_at};
    p->at++;
    p->step = STEP_VERSION;
    return HTTP_PARSE_MORE;
}

/* The whole request line is there: which resource it names. */
static enum http_parse judge_line(struct http1_head_parser *p, const char *data)
{
    struct http_head *h = &p->head;
    struct str method = {data + p->start, p->target_at - 1 - p->start};
    bool connect = str_eqz(method, "CONNECT");
    struct http_target t;

    if (p->major != 1)
        return refuse(p, 505, "only HTTP/1.1 and HTTP/1.0 are spoken here");
    if (http_target_split(h->target, connect, h->method == HTTP_OPTIONS, &t) < 0)
        return refuse(p, 400, "the request target is not in a form that the method takes");
    if (connect)
        return refuse(p, 501, "CONNECT is not served: this is not a proxy");
    if (http_target_canonical(t.path, &p->path, &h->path) < 0)
        return refuse(p, 400,
                      "the path holds an encoded control byte or climbs above the root");
    if (h->path.len == 0) { /* RFC 9110 4.2.3: "http://host" means "/" */
        buf_clear(&p->path);
        if (buf_append(&p->path, "/", 1) < 0)
            return refuse(p, 414, "the request target is longer than the limit");
        h->path = buf_str(&p->path);
    }
    h->query = t.query;
    h->host = t.authority; /* until the Host field is compared with it */
    p->start = p->at;
    p->step = STEP_FIELDS;
    return HTTP_PARSE_MORE;
}

static enum http_parse read_version(struct http1_head_parser *p, const char *data, size_t len)
{
    static const char form[] = "HTTP/d.d\r\n"; /* d: any digit */
    size_t from = p->target_at + p->head.target.len + 1;

    for (; p->at < len; p->at++) {
        size_t i = p->at - from;
        bool digit = text_is_digit(data[p->at]);

        if (form[i] == 'd' ? !digit : data[p->at] != form[i])
            return refuse(p, 400,
                          i == 8 && data[p->at] == '\n'
                              ? "the request line ends in a bare LF"
                              : "the request line has no valid version");
        if (i == 5)
            p->major = data[p->at] - '0';
        if (i == 7)
            p->wire.minor = data[p->at] > '0';
        if (i == sizeof(form) - 2) {
            p->at++;
            return judge_line(p, data);
        }
    }
    return HTTP_PARSE_MORE;
}

/* "gzip, chunked": tokens only, none of them chunked, before a final chunked. */
static bool is_unknown_before_chunked(struct str list)
{
    struct str one;
    bool last_is_chunked = false;

    while (text_next_item(&list, &one)) {
        if (last_is_chunked || !text_is_token(one))
            return false;
        last_is_chunked = str_ieqz(one, "chunked");
    }
    return last_is_chunked;
}

static enum http_parse take_transfer_encoding(struct http1_head_parser *p, struct str value)
{
    if (p->te_seen)
        return refuse(p, 400, "Transfer-Encoding stands twice");
    p->te_seen = true;
    if (str_ieqz(value, "chunked")) {
        p->wire.chunked = true;
        return HTTP_PARSE_MORE;
    }
    if (!is_unknown_before_chunked(value))
        return refuse(p, 400, "Transfer-Encoding is not exactly 'chunked'");
    p->te_other = true; /* 501, unless the rest of the head is worse */
    return HTTP_PARSE_MORE;
}

static enum http_parse take_content_length(struct http1_head_parser *p, struct str value)
{
    uint64_t n;

    if (p->wire.content_length >= 0)
        return refuse(p, 400, "Content-Length stands twice");
    if (!str_to_u64(value, &n) || n > INT64_MAX)
        return refuse(p, 400, "Content-Length is not a plain number");
    p->wire.content_length = (int64_t)n;
    return HTTP_PARSE_MORE;
}

static enum http_parse take_host(struct http1_head_parser *p, struct str value)
{
    if (p->host_seen)
        return refuse(p, 400, "Host stands twice");
    p->host_seen = true;
    if (!http_target_is_host(value))
        return refuse(p, 400, "Host is empty or not a host name with an optional port");
    if (p->head.host.ptr != NULL && !str_ieq(p->head.host, value))
        return refuse(p, 400, "the request target names another host than Host");
    p->head.host = value;
    return HTTP_PARSE_MORE;
}

static void take_connection(struct http1_head_parser *p, struct str value)
{
    p->close_seen |= text_list_has(value, STR("close"));
    p->keep_alive_seen |= text_list_has(value, STR("keep-alive"));
}

/* A field that the connection itself acts upon; the others are the owner's. */
static enum http_parse take_field(struct http1_head_parser *p, const struct http_field *f)
{
    switch (f->name.len) {
    case 4:
        if (str_ieqz(f->name, "host"))
            return take_host(p, f->value);
        break;
    case 6:
        if (!str_ieqz(f->name, "expect"))
            break;
        if (!str_ieqz(f->value, "100-continue"))
            return refuse(p, 417, "the only expectation that is met is 100-continue");
        p->wire.expect_continue = p->wire.minor >= 1; /* 1.0: ignored, RFC 9110 10.1.1 */
        break;
    case 10:
        if (str_ieqz(f->name, "connection"))
            take_connection(p, f->value);
        break;
    case 14:
        if (str_ieqz(f->name, "content-length"))
            return take_content_length(p, f->value);
        break;
    case 17:
        if (str_ieqz(f->name, "transfer-encoding"))
            return take_transfer_encoding(p, f->value);
        break;
    }
    return HTTP_PARSE_MORE;
}

/* Room for one more row.  Most heads have few: a table of the limit's size in each connection
 * would be most of what an idle one costs. */
static struct http_field *next_field(struct http1_head_parser *p)
{
    if (p->head.n_fields == p->fields_cap) {
        p->fields_cap = p->fields_cap == 0 ? FIELDS_FIRST : 2 * p->fields_cap;
        p->head.fields = xrealloc(p->head.fields, p->fields_cap * sizeof(*p->head.fields));
    }
    return &p->head.fields[p->head.n_fields];
}

/* One line without its CRLF. */
static enum http_parse read_field(struct http1_head_parser *p, struct str line)
{
    struct http_field *f;
    size_t n = 0;

    if (p->head.n_fields == p->limits.fields_max)
        return refuse(p, 431, "there are more fields than the limit");
    while (n < line.len && text_is_token_byte(line.ptr[n]))
        n++;
    if (n == 0 && (line.ptr[0] == ' ' || line.ptr[0] == '\t'))
        return refuse(p, 400, "a field is continued on a second line");
    if (n < line.len && line.ptr[n] != ':' && memchr(line.ptr + n, ':', line.len - n) != NULL)
        return refuse(p, 400, "a field name holds a byte that is not allowed there");
    if (n == 0 || n == line.len || line.ptr[n] != ':')
        return refuse(p, 400, "a field has no name or no colon");
    f = next_field(p);
    f->name = (struct str){line.ptr, n};
    f->value = str_trim((struct str){line.ptr + n + 1, line.len - n - 1});
    if (!text_is_field_value(f->value))
        return refuse(p, 400, "a field value holds a control byte");
    p->head.n_fields++;
    return take_field(p, f);
}

/* The empty line: what only the whole head can say. */
static enum http_parse judge_head(struct http1_head_parser *p)
{
    struct http1_head_wire *w = &p->wire;

    if (!p->host_seen && (w->minor >= 1 || p->head.host.ptr != NULL))
        return refuse(p, 400, "Host is missing");
    if (p->te_seen && w->minor == 0)
        return refuse(p, 400, "Transfer-Encoding in an HTTP/1.0 request");
    if (p->te_seen && w->content_length >= 0)
        return refuse(p, 400, "Transfer-Encoding together with Content-Length");
    if (p->te_other)
        return refuse(p, 501, "the only transfer coding known here is chunked");
    /* RFC 9112 9.3; in HTTP/1.0 only on request. */
    w->keep_alive = !p->close_seen && (w->minor >= 1 || p->keep_alive_seen);
    p->used = p->at;
    p->step = STEP_DONE;
    return HTTP_PARSE_DONE;
}

static enum http_parse read_fields(struct http1_head_parser *p, const char *data, size_t len)
{
    enum http_parse r = HTTP_PARSE_MORE;

    /* p->at is where the search for LF goes on, p->start where the line starts. */
    while (r == HTTP_PARSE_MORE && p->at < len) {
        const char *lf = memchr(data + p->at, '\n', len - p->at);
        size_t end = lf != NULL ? (size_t)(lf - data) : len;

        if (end + (lf != NULL) > p->limits.head_max_bytes)
            return refuse(p, 431, "the head is larger than the limit");
        p->at = end;
        if (lf == NULL)
            break;
        if (end == p->start || data[end - 1] != '\r')
            return refuse(p, 400, "a line of the head ends in a bare LF");
        struct str line = {data + p->start, end - 1 - p->start};

        p->start = p->at = end + 1;
        r = line.len == 0 ? judge_head(p) : read_field(p, line);
    }
    return r;
}

/* RFC 9112 2.2: one empty line in front of the request line is ignored. */
static enum http_parse read_empty(struct http1_head_parser *p, const char *data, size_t len)
{
    if (p->at == 0 && data[0] == '\r')
        p->at = 1;
    if (p->at == len)
        return HTTP_PARSE_MORE;
    if (p->at == 1 && data[1] != '\n')
        return refuse(p, 400, "a CR without LF");
    if (p->at == 1)
        p->at = 2;
    p->start = p->at;
    p->step = STEP_METHOD;
    return HTTP_PARSE_MORE;
}

static enum http_parse run(struct http1_head_parser *p, const char *data, size_t len)
{
    switch ((enum step)p->step) {
    case STEP_EMPTY:
        return read_empty(p, data, len);
    case STEP_METHOD:
        return read_method(p, data, len);
    case STEP_TARGET:
        return read_target(p, data, len);
    case STEP_VERSION:
        return read_version(p, data, len);
    case STEP_FIELDS:
        return read_fields(p, data, len);
    case STEP_DONE:
        return HTTP_PARSE_DONE;
    case STEP_BAD:
        break;
    }
    return HTTP_PARSE_REFUSED;
}

enum http_parse http1_head_parse(struct http1_head_parser *p, const char *data, size_t len)
{
    enum http_parse r = p->step == STEP_DONE  ? HTTP_PARSE_DONE
                        : p->step == STEP_BAD ? HTTP_PARSE_REFUSED
                                              : HTTP_PARSE_MORE;

    http1_head_rebase(p, data);
    while (r == HTTP_PARSE_MORE && p->at < len) /* each step ends, or takes every byte */
        r = run(p, data, len);
    return r;
}
