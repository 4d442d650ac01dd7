/* json_scan_member.c - the members of an object that was found valid, one by one.
 *
 * The grammar is not checked a second time: what follows from it (a string ends at a quote that
 * no odd number of backslashes stands in front of, brackets are balanced) finds each end.  On
 * any other text the members are senseless, but within it. */
#include "base/json_scan.h"

#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t skip_space(struct str s, size_t at)
{
    while (at < s.len && is_space(s.ptr[at]))
        at++;
    return at;
}

/* Behind the string that begins at `at`. */
static size_t string_end(struct str s, size_t at)
{
    const char *p = s.ptr + at + 1, *end = s.ptr + s.len;

    while (p < end && (p = memchr(p, '"', (size_t)(end - p))) != NULL) {
        const char *q = p;

        while (q[-1] == '\\') /* ends at the opening quote */
            q--;
        p++;
        if ((p - 1 - q) % 2 == 0)
            return (size_t)(p - s.ptr);
    }
    return s.len;
}

static bool ends_scalar(char c)
{
    return c == ',' || c == '}' || c == ']' || is_space(c);
}

/* Behind the value that begins at `at`. */
static size_t value_end(struct str s, size_t at)
{
    size_t level = 0;

    if (s.ptr[at] == '"')
        return string_end(s, at);
    if (s.ptr[at] != '{' && s.ptr[at] != '[') {
        while (at < s.len && !ends_scalar(s.ptr[at]))
            at++;
        return at;
    }
    while (at < s.len) {
        char c = s.ptr[at];

        level += c == '{' || c == '[';
        level -= c == '}' || c == ']';
        at = c == '"' ? string_end(s, at) : at + 1;
        if (level == 0)
            break;
    }
    return at;
}

bool json_scan_next_member(struct str object, size_t *at, struct json_member *out)
{
    size_t i = skip_space(object, *at), end;

    if (i >= object.len || object.ptr[i] != (*at == 0 ? '{' : ','))
        return false;
    i = skip_space(object, i + 1);
    if (i >= object.len || object.ptr[i] != '"')
        return false;
    end = string_end(object, i);
    if (end < i + 2)
        return false;
    out->name = (struct str){object.ptr + i + 1, end - i - 2};
    i = skip_space(object, end);
    i = skip_space(object, i < object.len ? i + 1 : i);
    if (i >= object.len)
        return false;
    end = value_end(object, i);
    out->type = json_type_of((unsigned char)object.ptr[i]);
    out->value = (struct str){object.ptr + i, end - i};
    *at = end;
    return true;
}

bool json_scan_is_empty(enum json_type type, struct str value)
{
    switch (type) {
    case JSON_NONE:
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return value.len == 2;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return skip_space(value, 1) + 1 == value.len;
    default:
        return false;
    }
}
