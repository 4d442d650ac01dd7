/* json_out.c - JSON text out; json_out.h has the contract. */
#include "base/json_out.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void put(struct json_out *o, const char *data, size_t len)
{
    if (!o->failed && buf_append(o->to, data, len) < 0)
        o->failed = true;
}

static void new_line(struct json_out *o)
{
    if (!o->indent)
        return;
    put(o, "\n", 1);
    for (unsigned i = 0; i < o->depth; i++)
        put(o, "  ", 2);
}

/* Before every value and every key: the comma and the line it stands on. */
static void next(struct json_out *o)
{
    if (o->keyed) {
        o->keyed = false;
        return;
    }
    if (o->depth == 0)
        return;
    if (o->level[o->depth].filled)
        put(o, ",", 1);
    o->level[o->depth].filled = true;
    new_line(o);
}

static void open_level(struct json_out *o, bool object)
{
    assert(o->depth < JSON_OUT_DEPTH_MAX);
    next(o);
    put(o, object ? "{" : "[", 1);
    o->depth++;
    o->level[o->depth].object = object;
    o->level[o->depth].filled = false;
}

void json_out_init(struct json_out *o, struct buf *to, bool indent)
{
    *o = (struct json_out){.to = to, .indent = indent};
}

void json_out_object(struct json_out *o)
{
    open_level(o, true);
}

void json_out_array(struct json_out *o)
{
    open_level(o, false);
}

void json_out_end(struct json_out *o)
{
    assert(o->depth > 0 && !o->keyed);
    bool object = o->level[o->depth].object, filled = o->level[o->depth].filled;

    o->depth--;
    if (filled)
        new_line(o);
    put(o, object ? "}" : "]", 1);
}

static void put_char(struct json_out *o, const char *s, size_t len)
{
    uint32_t cp = len > 0 ? utf8_get((const unsigned char *)s, len) : 0xFFFD;
    char escaped[8];

    if (cp == '"' || cp == '\\') {
        put(o, (const char[]){'\\', s[0]}, 2);
    } else if (len == 0 || utf8_steers(cp)) { /* none of these is above U+FFFF */
        snprintf(escaped, sizeof(escaped), "\\u%04x", (unsigned)cp & 0xFFFF);
        put(o, escaped, 6);
    } else {
        put(o, s, len);
    }
}

static void put_quoted(struct json_out *o, struct str s)
{
    put(o, "\"", 1);
    for (size_t i = 0; i < s.len && !o->failed;) {
        size_t n = utf8_len((const unsigned char *)s.ptr + i, s.len - i);

        put_char(o, s.ptr + i, n);
        i += n > 0 ? n : 1;
    }
    put(o, "\"", 1);
}

void json_out_key(struct json_out *o, const char *name)
{
    assert(o->depth > 0 && o->level[o->depth].object && !o->keyed);
    next(o);
    put_quoted(o, str_of(name));
    put(o, ": ", o->indent ? 2 : 1);
    o->keyed = true;
}

void json_out_str(struct json_out *o, struct str s)
{
    next(o);
    put_quoted(o, s);
}

void json_out_text(struct json_out *o, const char *z)
{
    if (z == NULL)
        json_out_null(o);
    else
        json_out_str(o, str_of(z));
}

void json_out_int(struct json_out *o, int64_t n)
{
    next(o);
    if (!o->failed && buf_appendf(o->to, "%lld", (long long)n) < 0)
        o->failed = true;
}

void json_out_thousandths(struct json_out *o, int64_t n)
{
    assert(n >= 0);
    next(o);
    if (!o->failed &&
        buf_appendf(o->to, "%lld.%03d", (long long)(n / 1000), (int)(n % 1000)) < 0)
        o->failed = true;
}

void json_out_bool(struct json_out *o, bool b)
{
    next(o);
    put(o, b ? "true" : "false", b ? 4 : 5);
}

void json_out_null(struct json_out *o)
{
    next(o);
    put(o, "null", 4);
}

void json_out_member_text(struct json_out *o, const char *name, const char *z)
{
    json_out_key(o, name);
    json_out_text(o, z);
}

void json_out_member_int(struct json_out *o, const char *name, int64_t n)
{
    json_out_key(o, name);
    json_out_int(o, n);
}

void json_out_member_bool(struct json_out *o, const char *name, bool b)
{
    json_out_key(o, name);
    json_out_bool(o, b);
}

int json_out_finish(struct json_out *o)
{
    assert(o->depth == 0);
    return o->failed ? -1 : 0;
}
