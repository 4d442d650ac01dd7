/* head.c - strict reading of a region's answer head; head.h says why.
 *
 * Lines may end in LF alone (RFC 9112 section 2.2 lets a recipient take that): curl is the only
 * parser on the connection, so there is nobody to disagree with.  A CR anywhere else, NUL and
 * the other control bytes are refused, and so is every framing that two readers could
 * understand differently.  The same Content-Length said twice in two fields is not. */
#include "upstream/head.h"

#include "base/text.h"

#include <string.h>

/* Takes the next line off *text, its end removed; false when no LF is left. */
static bool next_line(struct str *text, struct str *line)
{
    const char *lf = text->len == 0 ? NULL : memchr(text->ptr, '\n', text->len);

    if (lf == NULL)
        return false;
    size_t whole = (size_t)(lf - text->ptr) + 1;
    size_t len = whole - 1;
    if (len > 0 && text->ptr[len - 1] == '\r')
        len--;
    *line = (struct str){text->ptr, len};
    *text = (struct str){text->ptr + whole, text->len - whole};
    return true;
}

/* "HTTP/1.0 " or "HTTP/1.1 "; three digits; end or SP.  Returns the minor version, or -1. */
static int parse_status_line(struct str line, int *status)
{
    int version;

    if (str_starts(line, "HTTP/1.1 "))
        version = 1;
    else if (str_starts(line, "HTTP/1.0 "))
        version = 0;
    else
        return -1;
    const char *d = memchr(line.ptr, ' ', line.len); /* there is one */
    struct str rest = {d + 1, line.len - (size_t)(d + 1 - line.ptr)};

    if (rest.len < 3 || (rest.len > 3 && rest.ptr[3] != ' '))
        return -1;
    *status = 0;
    for (size_t i = 0; i < 3; i++) {
        if (!text_is_digit(rest.ptr[i]))
            return -1;
        *status = *status * 10 + (rest.ptr[i] - '0');
    }
    if (*status < 100 || *status > 599 || !text_is_field_value(line)) /* RFC 9110 section 15 */
        return -1;
    return version;
}

struct framing {
    bool chunked, sized;
    uint64_t size;
};

static const char *check_framing(struct framing *f, const struct http_field *field, int version)
{
    uint64_t size;

    if (str_ieq(field->name, STR("content-length"))) {
        if (!str_to_u64(field->value, &size) || size > INT64_MAX)
            return "Content-Length of the answer is not one decimal number";
        if (f->sized && f->size != size)
            return "two different Content-Length fields in the answer";
        f->sized = true;
        f->size = size;
    } else if (str_ieq(field->name, STR("transfer-encoding"))) {
        if (version != 1)
            return "Transfer-Encoding in an answer that is not HTTP/1.1";
        if (f->chunked || !str_ieqz(field->value, "chunked"))
            return "Transfer-Encoding of the answer is not exactly 'chunked'";
        f->chunked = true;
    }
    return f->chunked && f->sized ? "Transfer-Encoding and Content-Length in one answer" : NULL;
}

static const char *parse_field(struct str line, struct http_field *field)
{
    const char *colon = memchr(line.ptr, ':', line.len);

    if (line.ptr[0] == ' ' || line.ptr[0] == '\t')
        return "folded field line in the answer (obs-fold)";
    if (colon == NULL)
        return "field line without a colon in the answer";
    size_t at = (size_t)(colon - line.ptr);
    field->name = (struct str){line.ptr, at};
    field->value = str_trim((struct str){colon + 1, line.len - at - 1});
    if (!text_is_token(field->name))
        return "field name in the answer is not a token";
    if (!text_is_field_value(field->value))
        return "control byte in a field value of the answer";
    return NULL;
}

const char *upstream_head_parse(struct str text, struct http_field *fields,
                                struct upstream_head *head)
{
    struct framing framing = {0};
    struct str line;
    const char *why;
    int version, status;

    if (!next_line(&text, &line) || (version = parse_status_line(line, &status)) < 0)
        return "status line of the answer is not HTTP/1.0 or HTTP/1.1";
    *head = (struct upstream_head){.status = status, .fields = fields};
    while (next_line(&text, &line)) {
        if (line.len == 0) {
            if (text.len > 0)
                return "bytes after the head";
            return status == 101 ? "101 to a request that asked for no upgrade" : NULL;
        }
        if (head->n_fields == UPSTREAM_FIELDS_MAX)
            return "more than 128 fields in the answer";
        struct http_field *field = &fields[head->n_fields];
        if ((why = parse_field(line, field)) != NULL ||
            (why = check_framing(&framing, field, version)) != NULL)
            return why;
        head->n_fields++;
    }
    return "head of the answer without its empty line";
}

const char *upstream_head_check_request(const char *line, struct str *name, struct str *value)
{
    static const struct str ours[] = {
        {"content-length", 14}, {"transfer-encoding", 17},
        {"connection", 10},     {"expect", 6},
        {"upgrade", 7},         {"te", 2},
        {"trailer", 7},         {"keep-alive", 10},
    };
    struct str rest;

    *name = str_split(str_of(line), ':', &rest);
    if (rest.ptr == NULL)
        return "request header without a colon";
    *value = str_trim(rest);
    if (!text_is_token(*name))
        return "request header name is not a token";
    if (!text_is_field_value(*value))
        return "control byte in a request header value";
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        if (str_ieq(*name, ours[i]))
            return "request header that only the HTTP client may write";
    return NULL;
}
