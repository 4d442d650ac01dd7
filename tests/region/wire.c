/* wire.c - lenient HTTP/1 request reading; wire.h has the contract. */
#include "tests/region/wire.h"

#include <string.h>

size_t wire_head_len(struct str text)
{
    const char *at = text.ptr, *end = text.ptr + text.len;

    while (at != NULL && at < end && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
        at++;
        if (at < end && at[0] == '\n')
            return (size_t)(at + 1 - text.ptr);
        if (end - at >= 2 && at[0] == '\r' && at[1] == '\n')
            return (size_t)(at + 2 - text.ptr);
    }
    return 0;
}

static struct str next_line(struct str *text)
{
    struct str line = str_split(*text, '\n', text);

    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return line;
}

static int parse_first(struct str line, struct wire_request *req, const char **why)
{
    struct str rest, query;

    req->method = str_split(line, ' ', &rest);
    req->target = str_split(rest, ' ', &rest);
    req->path = str_split(req->target, '?', &query);
    *why = "the request line is not METHOD TARGET HTTP/1.x";
    if (req->method.len == 0 || req->target.len == 0 || !str_starts(rest, "HTTP/1."))
        return -1;
    req->old = str_eqz(rest, "HTTP/1.0");
    req->keep = !req->old;
    return 0;
}

static int note_field(struct wire_request *req, struct wire_field f, const char **why)
{
    *why = "Content-Length is not a number";
    if (str_ieqz(f.name, "content-length") && !str_to_u64(f.value, &req->length))
        return -1;
    if (str_ieqz(f.name, "transfer-encoding") && str_ieqz(f.value, "chunked"))
        req->chunked = true;
    if (str_ieqz(f.name, "expect") && str_ieqz(f.value, "100-continue"))
        req->expects = true;
    if (str_ieqz(f.name, "connection") && str_ieqz(f.value, "close"))
        req->keep = false;
    if (str_ieqz(f.name, "connection") && str_ieqz(f.value, "keep-alive"))
        req->keep = true;
    return 0;
}

int wire_parse(struct str head, struct wire_request *req, const char **why)
{
    struct str rest = head;

    req->n_fields = 0;
    req->length = 0;
    req->chunked = req->expects = false;
    if (parse_first(next_line(&rest), req, why) < 0)
        return -1;
    while (rest.len > 0) {
        struct str line = next_line(&rest);
        struct wire_field f;

        if (line.len == 0)
            break;
        *why = "more header fields than this region reads";
        if (req->n_fields == WIRE_FIELDS_MAX)
            return -1;
        f.name = str_split(line, ':', &f.value);
        f.value = str_trim(f.value);
        if (note_field(req, f, why) < 0)
            return -1;
        req->fields[req->n_fields++] = f;
    }
    *why = "the body is larger than this region reads";
    return req->length > WIRE_BODY_MAX ? -1 : 0;
}

struct str wire_field(const struct wire_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_fields; i++)
        if (str_ieqz(req->fields[i].name, name))
            return req->fields[i].value;
    return (struct str){NULL, 0};
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int chunk_size(struct str line, size_t *out)
{
    size_t n = 0, digits = 0;

    for (size_t i = 0; i < line.len && hex_digit(line.ptr[i]) >= 0; i++, digits++) {
        n = n * 16 + (size_t)hex_digit(line.ptr[i]);
        if (n > WIRE_BODY_MAX)
            return -1;
    }
    *out = n;
    return digits > 0 ? 0 : -1;
}

int wire_dechunk(struct str text, size_t *used, struct buf *body)
{
    *used = 0;
    for (;;) {
        struct str rest = {text.ptr + *used, text.len - *used};
        const char *nl = rest.len > 0 ? memchr(rest.ptr, '\n', rest.len) : NULL;
        size_t size;

        if (nl == NULL)
            return 0;
        size_t line = (size_t)(nl + 1 - rest.ptr);

        if (chunk_size(rest, &size) < 0)
            return -1;
        if (size == 0) { /* trailers are not read: the empty line has to follow */
            if (rest.len < line + 2)
                return 0;
            *used += line + 2;
            return memcmp(nl + 1, "\r\n", 2) == 0 ? 1 : -1;
        }
        if (rest.len < line + size + 2)
            return 0;
        if (memcmp(nl + 1 + size, "\r\n", 2) != 0 || buf_append(body, nl + 1, size) < 0)
            return -1;
        *used += line + size + 2;
    }
}
