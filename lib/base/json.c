/* json.c - the JSON library behind bounds; json.h has the contract.
 *
 * The library parses by recursion up to a fixed 2048 levels and takes many times the text's
 * size, so the bounds are checked before it sees a byte.  Its error texts end in "near 'TEXT'",
 * which would put a mistyped key into a log: that part is cut.
 */
#include "base/json.h"

#include <jansson.h>
#include <string.h>

static const json_t *in(const struct json *v)
{
    return (const json_t *)(const void *)v;
}

static const struct json *out(const json_t *v)
{
    return (const struct json *)(const void *)v;
}

/* Brackets outside strings; what else may be wrong with the text is the parser's to find. */
static int check_depth(struct str text, size_t depth_max, struct err *err)
{
    size_t depth = 0, line = 1, line_start = 0;
    bool quoted = false;

    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '\n') {
            line++;
            line_start = i + 1;
            quoted = false; /* no JSON string holds one: the parser will say so */
        } else if (c == '\\' && quoted) {
            i++;
        } else if (c == '"') {
            quoted = !quoted;
        } else if (!quoted && (c == '{' || c == '[')) {
            if (++depth > depth_max)
                return err_set(err, ERR_LIMIT,
                               "line %zu column %zu: nested deeper than the limit of %zu", line,
                               i - line_start + 1, depth_max);
        } else if (!quoted && (c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return 0;
}

/* Valid by the grammar and refused all the same is said as that. */
static void refuse(json_error_t *why, struct err *err)
{
    char *quote = strstr(why->text, " near '");

    if (quote != NULL)
        *quote = '\0';
    switch (json_error_code(why)) {
    case json_error_duplicate_key:
        err_set(err, ERR_SYNTAX,
                "line %d column %d: a key stands twice in one object, want each once",
                why->line, why->column);
        break;
    case json_error_null_character:
    case json_error_null_byte_in_key:
        err_set(err, ERR_SYNTAX, "line %d column %d: \\u0000 in a string, want text without it",
                why->line, why->column);
        break;
    default:
        err_set(err, ERR_SYNTAX, "line %d column %d: not valid JSON: %s", why->line,
                why->column, why->text);
    }
}

struct json *json_parse(struct str text, size_t bytes_max, size_t depth_max, struct err *err)
{
    json_error_t why;

    if (text.len > bytes_max) {
        err_set(err, ERR_LIMIT, "%zu bytes of JSON, the limit is %zu", text.len, bytes_max);
        return NULL;
    }
    if (check_depth(text, depth_max, err) < 0)
        return NULL;
    json_t *root =
        json_loadb(text.len > 0 ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &why);

    if (root == NULL)
        refuse(&why, err);
    return (struct json *)(void *)root;
}

void json_free(struct json *root)
{
    json_decref((json_t *)(void *)root);
}

enum json_kind json_kind(const struct json *v)
{
    static const enum json_kind kinds[] = {
        [JSON_OBJECT] = JSON_KIND_OBJECT, [JSON_ARRAY] = JSON_KIND_ARRAY,
        [JSON_STRING] = JSON_KIND_STRING, [JSON_INTEGER] = JSON_KIND_INT,
        [JSON_REAL] = JSON_KIND_REAL,     [JSON_TRUE] = JSON_KIND_BOOL,
        [JSON_FALSE] = JSON_KIND_BOOL,    [JSON_NULL] = JSON_KIND_NULL,
    };

    return kinds[json_typeof(in(v))];
}

const char *json_kind_name(enum json_kind kind)
{
    static const char *const names[N_JSON_KINDS] = {
        [JSON_KIND_NULL] = "null",        [JSON_KIND_BOOL] = "true or false",
        [JSON_KIND_INT] = "a number",     [JSON_KIND_REAL] = "a number with a fraction",
        [JSON_KIND_STRING] = "a string",  [JSON_KIND_ARRAY] = "an array",
        [JSON_KIND_OBJECT] = "an object",
    };

    return names[kind];
}

struct str json_text(const struct json *v)
{
    if (!json_is_string(in(v)))
        return STR("");
    return (struct str){json_string_value(in(v)), json_string_length(in(v))};
}

int64_t json_int(const struct json *v)
{
    return json_is_integer(in(v)) ? (int64_t)json_integer_value(in(v)) : 0;
}

double json_number(const struct json *v)
{
    return json_number_value(in(v));
}

bool json_bool(const struct json *v)
{
    return json_is_true(in(v));
}

size_t json_count(const struct json *v)
{
    return json_is_object(in(v)) ? json_object_size(in(v)) : json_array_size(in(v));
}

const struct json *json_at(const struct json *array, size_t i)
{
    return out(json_array_get(in(array), i));
}

const struct json *json_get(const struct json *object, const char *name)
{
    return out(json_object_get(in(object), name));
}

bool json_next(const struct json *object, struct json_iter *it, const char **name,
               const struct json **value)
{
    /* The iterator functions take a non-const object but change nothing. */
    json_t *obj = (json_t *)(uintptr_t)object;

    it->at = it->begun ? json_object_iter_next(obj, it->at) : json_object_iter(obj);
    it->begun = true;
    if (it->at == NULL)
        return false;
    *name = json_object_iter_key(it->at);
    *value = out(json_object_iter_value(it->at));
    return true;
}
