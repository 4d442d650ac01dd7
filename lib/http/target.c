/* target.c - request target and host; target.h has the contract.
 *
 * CANONICAL PATH  One pass, never repeated: "%2541" becomes "%2541", not "A".
 *
 *   %XX of an unreserved character   decoded (RFC 3986 6.2.2.2): equal by definition
 *   any other %XX                    kept, hex digits in upper case: "%2F" is not "/"
 *   %00-%1F, %7F                     refused: nothing here has such a name
 *   "." and ".." segments            removed (RFC 3986 5.2.4), encoded dots included
 *   ".." above the root              refused: RFC 3986 drops it, but a server behind us may
 *                                    not, and no honest client sends it
 *   "//"                             kept: an empty segment is a segment (RFC 3986 3.3), so
 *                                    "//v1/models" is another path than "/v1/models"
 *   "%" without two hex digits       refused (RFC 3986 2.1)
 */
#include "http/target.h"

#include "base/text.h"

#include <string.h>

enum { /* what a byte may be part of */
       UNRESERVED = 1,
       SUB_DELIM = 2,
       PATH_MARK = 4,  /* ":" "@" "/" */
       QUERY_MARK = 8, /* "?" */
       MARK = 16,      /* "%" "[" "]": allowed in their places only */
};

static int class_of(unsigned char c)
{
    if (text_is_alnum((char)c))
        return UNRESERVED;
    if (c == '\0')
        return 0;
    if (strchr("-._~", c) != NULL)
        return UNRESERVED;
    if (strchr("!$&'()*+,;=", c) != NULL)
        return SUB_DELIM;
    if (strchr(":@/", c) != NULL)
        return PATH_MARK;
    if (c == '?')
        return QUERY_MARK;
    return strchr("%[]", c) != NULL ? MARK : 0;
}

bool http_target_has(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || c == '/' || class_of(c) != 0;
}

/* Every byte is of the mask, or a whole "%XX". */
static bool is_made_of(struct str s, int mask)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '%') {
            if (text_percent(s, i) < 0)
                return false;
            i += 2;
        } else if ((class_of((unsigned char)s.ptr[i]) & mask) == 0) {
            return false;
        }
    }
    return true;
}

/* "[" IPv6 or future address "]": the characters, not the address; nothing is looked up. */
static bool is_ip_literal(struct str s)
{
    if (s.len < 4 || s.ptr[0] != '[' || s.ptr[s.len - 1] != ']')
        return false;
    for (size_t i = 1; i < s.len - 1; i++)
        if (text_hex_digit(s.ptr[i]) < 0 && s.ptr[i] != ':' && s.ptr[i] != '.')
            return false;
    return true;
}

bool http_target_is_host(struct str text)
{
    struct str host = text, port;
    const char *from = text.len > 0 ? memrchr(text.ptr, ']', text.len) : NULL;
    size_t skip = from != NULL ? (size_t)(from - text.ptr) : 0;
    const char *colon = text.len > 0 ? memchr(text.ptr + skip, ':', text.len - skip) : NULL;

    if (colon != NULL) {
        uint64_t n;

        host.len = (size_t)(colon - text.ptr);
        port = (struct str){colon + 1, text.len - host.len - 1};
        /* RFC 3986 3.2.3 allows an empty port; a number must be one that exists. */
        if (port.len > 0 && (port.len > 5 || !str_to_u64(port, &n) || n > 65535))
            return false;
    }
    if (host.len == 0)
        return false;
    return host.ptr[0] == '[' ? is_ip_literal(host) : is_made_of(host, UNRESERVED | SUB_DELIM);
}

/* The path and the query of text, which starts at the path. */
static int split_path(struct str text, struct http_target *out)
{
    const int pchar = UNRESERVED | SUB_DELIM | PATH_MARK; /* and '/' */

    out->path = str_split(text, '?', &out->query);
    return is_made_of(out->path, pchar) && is_made_of(out->query, pchar | QUERY_MARK) ? 0 : -1;
}

static int split_absolute(struct str text, struct http_target *out)
{
    size_t skip = str_istarts(text, "http://") ? 7 : str_istarts(text, "https://") ? 8 : 0;

    if (skip == 0)
        return -1;
    text = (struct str){text.ptr + skip, text.len - skip};
    size_t n = 0;

    while (n < text.len && text.ptr[n] != '/' && text.ptr[n] != '?')
        n++;
    out->form = HTTP_FORM_ABSOLUTE;
    out->authority = (struct str){text.ptr, n};
    if (!http_target_is_host(out->authority))
        return -1;
    return split_path((struct str){text.ptr + n, text.len - n}, out);
}

int http_target_split(struct str text, bool connect, bool options, struct http_target *out)
{
    *out = (struct http_target){.form = HTTP_FORM_ORIGIN};
    if (connect) { /* RFC 9112 3.2.3: only authority-form, with a port */
        out->form = HTTP_FORM_AUTHORITY;
        out->authority = out->path = text;
        return http_target_is_host(text) && text.ptr[text.len - 1] != ']' &&
                       memchr(text.ptr, ':', text.len) != NULL && text.ptr[text.len - 1] != ':'
                   ? 0
                   : -1;
    }
    if (str_eqz(text, "*")) { /* RFC 9112 3.2.4: only for OPTIONS */
        out->form = HTTP_FORM_ASTERISK;
        out->path = text;
        return options ? 0 : -1;
    }
    if (text.len > 0 && text.ptr[0] == '/')
        return split_path(text, out);
    return split_absolute(text, out);
}

/* Nothing to decode and no segment that starts with a dot: the path is canonical as it is. */
static bool is_canonical(struct str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] == '%' || (path.ptr[i] == '.' && path.ptr[i - 1] == '/'))
            return false;
    return true;
}

/* A segment was written behind its '/': removes it when it is "." or "..".  The '/' that ended
 * it is still to come, or nothing is (then the '/' before it stays: "/a/.." is "/"). */
static int fold_dots(char *out, size_t *len)
{
    size_t start = *len;

    while (out[start - 1] != '/')
        start--;
    struct str seg = {out + start, *len - start};

    if (str_eqz(seg, ".")) {
        *len = start;
    } else if (str_eqz(seg, "..")) {
        if (start == 1)
            return -1;
        do
            start--;
        while (out[start - 1] != '/');
        *len = start;
    }
    return 0;
}

/* Decodes the %XX at path[i] to to[*n]: as itself when unreserved, else again as %XX, in
 * capitals (RFC 3986 6.2.2).  -1 for a control byte, or when no two hex digits follow. */
static int put_decoded(struct str path, size_t i, char *to, size_t *n)
{
    static const char digits[] = "0123456789ABCDEF";
    int byte = text_percent(path, i);

    if (byte < 0x20 || byte == 0x7f)
        return -1;
    if (class_of((unsigned char)byte) == UNRESERVED) {
        to[(*n)++] = (char)byte;
        return 0;
    }
    to[(*n)++] = '%';
    to[(*n)++] = digits[byte >> 4];
    to[(*n)++] = digits[byte & 15];
    return 0;
}

int http_target_canonical(struct str path, struct buf *scratch, struct str *out)
{
    size_t n = 0;

    *out = path;
    if (path.len == 0 || path.ptr[0] != '/' || is_canonical(path))
        return 0;
    buf_clear(scratch);
    if (buf_reserve(scratch, path.len) < 0) /* the canonical form is never longer */
        return -1;
    char *to = scratch->data;

    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];

        if (c == '%') {
            if (put_decoded(path, i, to, &n) < 0)
                return -1;
            i += 2;
            continue;
        }
        if (c == '/' && n > 0) {
            size_t before = n;

            if (fold_dots(to, &n) < 0)
                return -1;
            if (n != before) /* the '/' in front of the removed segment serves */
                continue;
        }
        to[n++] = c;
    }
    if (fold_dots(to, &n) < 0)
        return -1;
    to[n] = '\0';
    scratch->len = n;
    *out = buf_str(scratch);
    return 0;
}
