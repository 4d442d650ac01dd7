/* json_scan.c - one pass over a JSON text: is it valid, and where are the wanted members?
 *
 * The grammar is RFC 8259 to the letter, UTF-8 included.  Nesting is a level number and one bit
 * per level (object or array), so a hostile text costs neither stack nor heap.  Inside strings,
 * where nearly all bytes of a chat are, eight bytes are checked at a time.
 *
 * Lone surrogate escapes ("\ud800") are valid by the grammar and pass here, because the text is
 * relayed and not read; json_scan_string() refuses them where we need the meaning.
 *
 * REJECTED  Decoding into a tree: many times the memory of the text, numbers and duplicate
 * names changed on the way through, and a 4 MiB body would hold the event loop for 100 ms.
 */
#include "base/json_scan.h"

#include "base/utf8.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

struct scanner {
    const unsigned char *text;
    size_t len, at;
    bool lax;         /* as json_scan_lax() says */
    const char *what; /* set by fail(): what was expected at `at` */
};

/* Containers open within the value being skipped. */
struct nest {
    uint64_t objects[JSON_SCAN_DEPTH_MAX / 64]; /* bit per level: an object, not an array */
    size_t level, level_max;
    size_t count; /* elements or members of the outermost container */
};

enum { SPACE = 1, DIGIT = 2, HEX = 4, ESCAPED = 8 /* may follow a backslash, with u */ };

/* clang-format off */
static const unsigned char classes[256] = {
    ['\t'] = SPACE, ['\n'] = SPACE, ['\r'] = SPACE, [' '] = SPACE,
    ['0'] = DIGIT | HEX, ['1'] = DIGIT | HEX, ['2'] = DIGIT | HEX, ['3'] = DIGIT | HEX,
    ['4'] = DIGIT | HEX, ['5'] = DIGIT | HEX, ['6'] = DIGIT | HEX, ['7'] = DIGIT | HEX,
    ['8'] = DIGIT | HEX, ['9'] = DIGIT | HEX,
    ['a'] = HEX, ['b'] = HEX | ESCAPED, ['c'] = HEX, ['d'] = HEX, ['e'] = HEX, ['f'] = HEX | ESCAPED,
    ['"'] = ESCAPED, ['\\'] = ESCAPED, ['/'] = ESCAPED, ['n'] = ESCAPED, ['r'] = ESCAPED,
    ['t'] = ESCAPED,
    ['A'] = HEX, ['B'] = HEX, ['C'] = HEX, ['D'] = HEX, ['E'] = HEX, ['F'] = HEX,
};
/* clang-format on */

static bool fail(struct scanner *s, const char *what)
{
    s->what = what;
    return false;
}

/* The next byte; 0 at the end, which no rule of the grammar accepts either. */
static unsigned char peek(const struct scanner *s)
{
    return s->at < s->len ? s->text[s->at] : 0;
}

static void skip_space(struct scanner *s)
{
    while (s->at < s->len && (classes[s->text[s->at]] & SPACE) != 0)
        s->at++;
}

#define EACH_BYTE(c) (0x0101010101010101ULL * (c))

/* Steps over bytes that stand for themselves in a string: ASCII, no control, quote, backslash.
 * A subtraction borrows into a byte's top bit only from the first special byte upwards, so the
 * lowest bit set is exact. */
static void skip_plain(struct scanner *s)
{
    while (s->len - s->at >= 8) {
        uint64_t w;

        memcpy(&w, s->text + s->at, 8);
        w = le64toh(w);
        uint64_t special = (w | (w - EACH_BYTE(0x20)) | ((w ^ EACH_BYTE('"')) - EACH_BYTE(1)) |
                            ((w ^ EACH_BYTE('\\')) - EACH_BYTE(1))) &
                           EACH_BYTE(0x80);
        if (special != 0) {
            s->at += (size_t)__builtin_ctzll(special) / 8;
            return;
        }
        s->at += 8;
    }
}

static bool skip_escape(struct scanner *s)
{
    s->at++;
    unsigned char c = peek(s);

    if (c == 'u') {
        for (int i = 0; i < 4; i++) {
            s->at++;
            if ((classes[peek(s)] & HEX) == 0)
                return fail(s, "expected four hex digits behind \\u");
        }
    } else if ((classes[c] & ESCAPED) == 0) {
        return fail(s, "expected one of \"\\/bfnrtu behind a backslash");
    }
    s->at++;
    return true;
}

/* Characters of many scripts come in long runs: stay here until ASCII returns. */
static bool skip_beyond_ascii(struct scanner *s)
{
    const unsigned char *p = s->text + s->at, *end = s->text + s->len;

    while (p < end && *p >= 0x80) {
        size_t n = utf8_len(p, (size_t)(end - p));

        if (n == 0)
            break;
        p += n;
    }
    s->at = (size_t)(p - s->text);
    return p == end || *p < 0x80 || fail(s, "the string is not valid UTF-8");
}

/* at stands on the opening quote. *escaped: a backslash was seen. */
static bool skip_string(struct scanner *s, bool *escaped)
{
    *escaped = false;
    s->at++;
    for (;;) {
        skip_plain(s);
        if (s->at >= s->len)
            return fail(s, "expected the string's closing '\"'");
        unsigned char c = s->text[s->at];

        if (c == '"') {
            s->at++;
            return true;
        }
        if (c == '\\') {
            *escaped = true;
            if (!skip_escape(s))
                return false;
        } else if (c >= 0x80) {
            if (!skip_beyond_ascii(s))
                return false;
        } else if (c < 0x20) {
            return fail(s, "a control byte in a string must be escaped");
        } else {
            s->at++; /* plain, among the last seven bytes of the text */
        }
    }
}

static bool skip_digits(struct scanner *s, const char *what)
{
    size_t from = s->at;

    while ((classes[peek(s)] & DIGIT) != 0)
        s->at++;
    return s->at > from || fail(s, what);
}

static bool skip_word(struct scanner *s, struct str word)
{
    if (s->len - s->at < word.len || memcmp(s->text + s->at, word.ptr, word.len) != 0)
        return fail(s, "expected a value");
    s->at += word.len;
    return true;
}

static bool skip_number(struct scanner *s)
{
    if (peek(s) == '-')
        s->at++;
    if (s->lax && peek(s) == 'I')
        return skip_word(s, STR("Infinity"));
    if (peek(s) == '0') {
        s->at++;
        if ((classes[peek(s)] & DIGIT) != 0)
            return fail(s, "a number must not start with 0");
    } else if (!skip_digits(s, "expected a digit")) {
        return false;
    }
    if (peek(s) == '.') {
        s->at++;
        if (!skip_digits(s, "expected a digit behind the decimal point"))
            return false;
    }
    if (peek(s) == 'e' || peek(s) == 'E') {
        s->at++;
        if (peek(s) == '+' || peek(s) == '-')
            s->at++;
        return skip_digits(s, "expected a digit in the exponent");
    }
    return true;
}

static bool skip_scalar(struct scanner *s)
{
    unsigned char c = peek(s);
    bool escaped;

    if (c == '"')
        return skip_string(s, &escaped);
    if (c == '-' || (classes[c] & DIGIT) != 0 || (s->lax && c == 'I'))
        return skip_number(s);
    if (s->lax && c == 'N')
        return skip_word(s, STR("NaN"));
    if (c == 't')
        return skip_word(s, STR("true"));
    if (c == 'f')
        return skip_word(s, STR("false"));
    return skip_word(s, STR("null"));
}

/* A member's name and colon; at comes to stand on its value. */
static bool skip_name(struct scanner *s, struct str *name, bool *escaped)
{
    size_t from = s->at;

    if (peek(s) != '"')
        return fail(s, "expected a member name in double quotes");
    if (!skip_string(s, escaped))
        return false;
    *name = (struct str){(const char *)s->text + from, s->at - from};
    skip_space(s);
    if (peek(s) != ':')
        return fail(s, "expected ':'");
    s->at++;
    skip_space(s);
    return true;
}

static bool in_object(const struct nest *n)
{
    return (n->objects[(n->level - 1) / 64] >> ((n->level - 1) % 64) & 1) != 0;
}

/* Opens the container at `at` and goes to its first value.  An empty one is stepped over as a
 * whole and leaves *opened false. */
static bool enter(struct scanner *s, struct nest *n, bool *opened)
{
    bool object = peek(s) == '{', escaped;
    struct str name;

    if (n->level == n->level_max)
        return fail(s, "nested too deep");
    s->at++;
    skip_space(s);
    *opened = peek(s) != (object ? '}' : ']');
    if (!*opened) {
        s->at++;
        return true;
    }
    uint64_t bit = 1ULL << (n->level % 64);
    uint64_t *word = &n->objects[n->level / 64];

    *word = object ? *word | bit : *word & ~bit;
    n->level++;
    return !object || skip_name(s, &name, &escaped);
}

/* Behind a value: closes every container that ends here, then goes to the next value. */
static bool leave(struct scanner *s, struct nest *n)
{
    while (n->level > 0) {
        bool object = in_object(n), escaped;
        struct str name;

        n->count += n->level == 1;
        skip_space(s);
        if (peek(s) == ',') {
            s->at++;
            skip_space(s);
            return !object || skip_name(s, &name, &escaped);
        }
        if (peek(s) != (object ? '}' : ']'))
            return fail(s, object ? "expected ',' or '}'" : "expected ',' or ']'");
        s->at++;
        n->level--;
    }
    return true;
}

/* Steps over the value at `at`, which may hold level_max levels of containers. *count: elements
 * or members of its own. */
static bool skip_value(struct scanner *s, size_t level_max, size_t *count)
{
    struct nest n = {.level_max = level_max};

    do {
        unsigned char c = peek(s);
        bool opened = false;

        if (c == '{' || c == '[') {
            if (!enter(s, &n, &opened))
                return false;
        } else if (!skip_scalar(s)) {
            return false;
        }
        if (!opened && !leave(s, &n))
            return false;
    } while (n.level > 0);
    *count = n.count;
    return true;
}

enum json_type json_type_of(unsigned char first)
{
    switch (first) {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case 'n':
        return JSON_NULL;
    default:
        return JSON_NUMBER;
    }
}

/* The want that a valid member name (quotes included) names.  Names are compared decoded, or
 * "m\u006fdel" would slip past us and mean "model" to the next reader. */
static struct json_want *find_want(struct json_want *wants, size_t n, struct str name,
                                   bool escaped)
{
    char decoded[64];
    struct str text = {name.ptr + 1, name.len - 2};

    if (escaped) {
        if (json_scan_string(name, decoded, sizeof(decoded)) < 0)
            return NULL;
        text = str_of(decoded);
    }
    for (size_t i = 0; i < n; i++) {
        const char *z = wants[i].name;

        if (text.len > 0 && text.ptr[0] == z[0] && str_eqz(text, z))
            return &wants[i];
    }
    return NULL;
}

/* at stands on the '{' of the whole text. */
static bool scan_members(struct scanner *s, size_t depth_max, struct json_want *wants, size_t n)
{
    if (depth_max == 0)
        return fail(s, "nested too deep");
    s->at++;
    skip_space(s);
    if (peek(s) == '}') {
        s->at++;
        return true;
    }
    for (;;) {
        size_t from = s->at, count;
        struct str name;
        bool escaped;

        if (!skip_name(s, &name, &escaped))
            return false;
        struct json_want *want = find_want(wants, n, name, escaped);

        if (want != NULL && want->type != JSON_NONE && !s->lax) {
            s->at = from;
            return fail(s, "this member name stands twice");
        }
        enum json_type type = json_type_of(peek(s));

        from = s->at;
        if (!skip_value(s, depth_max - 1, &count))
            return false;
        if (want != NULL) {
            want->type = type;
            want->span = (struct str){(const char *)s->text + from, s->at - from};
            want->count = count;
        }
        skip_space(s);
        unsigned char c = peek(s);

        if (c != ',' && c != '}')
            return fail(s, "expected ',' or '}'");
        s->at++;
        if (c == '}')
            return true;
        skip_space(s);
    }
}

static bool scan_text(struct scanner *s, size_t depth_max, struct json_want *wants, size_t n)
{
    if (s->len >= 3 && memcmp(s->text, "\xEF\xBB\xBF", 3) == 0) {
        if (!s->lax)
            return fail(s, "a byte order mark is not allowed");
        s->at = 3;
    }
    skip_space(s);
    if (peek(s) != '{')
        return fail(s, "expected '{': the text must be a JSON object");
    if (!scan_members(s, depth_max, wants, n))
        return false;
    skip_space(s);
    return s->at == s->len || fail(s, "expected nothing behind the object");
}

static void explain(const struct scanner *s, struct json_scan_error *err)
{
    *err = (struct json_scan_error){.offset = s->at, .line = 1, .column = 1};
    for (size_t i = 0; i < s->at; i++) {
        err->column++;
        if (s->text[i] == '\n') {
            err->line++;
            err->column = 1;
        }
    }
    if (s->len == 0)
        snprintf(err->what, sizeof(err->what), "the text is empty");
    else
        snprintf(err->what, sizeof(err->what), "%s%s", s->at == s->len ? "the text ends: " : "",
                 s->what);
}

int json_scan_lax(struct str text, struct json_want *wants, size_t n)
{
    struct scanner s = {.text = (const unsigned char *)text.ptr, .len = text.len, .lax = true};

    for (size_t i = 0; i < n; i++)
        wants[i] = (struct json_want){.name = wants[i].name};
    return scan_text(&s, JSON_SCAN_DEPTH_MAX, wants, n) ? 0 : -1;
}

int json_scan(struct str text, size_t depth_max, struct json_want *wants, size_t n,
              struct json_scan_error *err)
{
    struct scanner s = {.text = (const unsigned char *)text.ptr, .len = text.len};

    for (size_t i = 0; i < n; i++)
        wants[i] = (struct json_want){.name = wants[i].name};
    if (depth_max > JSON_SCAN_DEPTH_MAX)
        depth_max = JSON_SCAN_DEPTH_MAX;
    if (scan_text(&s, depth_max, wants, n))
        return 0;
    if (err != NULL)
        explain(&s, err);
    return -1;
}

bool json_scan_is_number(struct str span)
{
    struct scanner s = {.text = (const unsigned char *)span.ptr, .len = span.len};

    return skip_number(&s) && s.at == s.len;
}

bool json_scan_next(struct str array, size_t *at, struct str *elem, enum json_type *type)
{
    struct scanner s = {(const unsigned char *)array.ptr, array.len, *at, true, NULL};
    size_t count;

    if (*at == 0 && peek(&s) != '[')
        return false;
    if (*at > 0) {
        skip_space(&s);
        if (peek(&s) != ',')
            return false;
    }
    s.at++;
    skip_space(&s);
    size_t from = s.at;
    enum json_type found = json_type_of(peek(&s));

    if (!skip_value(&s, JSON_SCAN_DEPTH_MAX, &count)) /* an empty array ends here as well */
        return false;
    *elem = (struct str){array.ptr + from, s.at - from};
    *type = found;
    *at = s.at;
    return true;
}

size_t json_scan_insert_at(struct str object, bool *empty)
{
    struct scanner s = {.text = (const unsigned char *)object.ptr, .len = object.len};

    skip_space(&s);
    s.at++;
    size_t at = s.at;

    skip_space(&s);
    *empty = peek(&s) == '}';
    return at;
}
