/* fault.c - reads and picks faults; fault.h has the contract. */
#include "tests/region/fault.h"

#include "tests/region/quote.h"

#include <jansson.h>

#include <stdlib.h>
#include <string.h>

enum member_type { NUMBER, FLAG, NAME, TEXT, OBJECT_TEXT, HEADERS };

#define MAX_MS    (3600 * 1000)
#define MAX_MANY  1000000000
#define AT(field) offsetof(struct fault, field)

static const char *const resets[] = {"none", "before", "mid", NULL};
static const char *const line_ends[] = {"lf", "crlf", "cr", NULL};
static const char *const framings[] = {
    "none",    "bad_chunk", "two_lengths", "short_length", "long_length", "te_and_cl",
    "garbage", "huge_head", "lf_only",     "http09",       NULL,
};

/* clang-format off */
static const struct member {
    const char *name;
    enum member_type type;
    size_t at;
    int64_t min, max;
    const char *const *names;
} members[] = {
    {"times",                NUMBER,      AT(times),                0,   MAX_MANY, NULL},
    {"after",                NUMBER,      AT(after),                0,   MAX_MANY, NULL},
    {"percent",              NUMBER,      AT(percent),              1,   100,      NULL},
    {"for_ms",               NUMBER,      AT(for_ms),               1,   MAX_MS,   NULL},
    {"status",               NUMBER,      AT(status),               200, 599,      NULL},
    {"headers",              HEADERS,     AT(headers),              0,   0,        NULL},
    {"body",                 TEXT,        AT(body),                 0,   0,        NULL},
    {"error_in_200",         OBJECT_TEXT, AT(error_in_200),         0,   0,        NULL},
    {"delay_head_ms",        NUMBER,      AT(delay_head_ms),        0,   MAX_MS,   NULL},
    {"delay_first_event_ms", NUMBER,      AT(delay_first_event_ms), 0,   MAX_MS,   NULL},
    {"delay_event_ms",       NUMBER,      AT(delay_event_ms),       0,   MAX_MS,   NULL},
    {"hang",                 FLAG,        AT(hang),                 0,   0,        NULL},
    {"hang_at_event",        NUMBER,      AT(hang_at_event),        0,   MAX_MANY, NULL},
    {"hold",                 FLAG,        AT(hold),                 0,   0,        NULL},
    {"hold_at_event",        NUMBER,      AT(hold_at_event),        0,   MAX_MANY, NULL},
    {"reset",                NAME,        AT(reset),                0,   0,        resets},
    {"cut_at_event",         NUMBER,      AT(cut_at_event),         0,   MAX_MANY, NULL},
    {"cut_at_byte",          NUMBER,      AT(cut_at_byte),          0,   MAX_MANY, NULL},
    {"end_at_event",         NUMBER,      AT(end_at_event),         0,   MAX_MANY, NULL},
    {"malformed_event",      NUMBER,      AT(malformed_event),      0,   MAX_MANY, NULL},
    {"error_event",          NUMBER,      AT(error_event),          0,   MAX_MANY, NULL},
    {"error",                OBJECT_TEXT, AT(error),                0,   0,        NULL},
    {"no_done",              FLAG,        AT(no_done),              0,   0,        NULL},
    {"no_finish",            FLAG,        AT(no_finish),            0,   0,        NULL},
    {"endless",              FLAG,        AT(endless),              0,   0,        NULL},
    {"events",               NUMBER,      AT(events),               0,   1000000,  NULL},
    {"chunk_bytes",          NUMBER,      AT(chunk_bytes),          1,   1 << 20,  NULL},
    {"usage",                FLAG,        AT(usage),                0,   0,        NULL},
    {"line_end",             NAME,        AT(line_end),             0,   0,        line_ends},
    {"framing",              NAME,        AT(framing),              0,   0,        framings},
    {"head_bytes",           NUMBER,      AT(head_bytes),           1,   8 << 20,  NULL},
    {"split_bytes",          NUMBER,      AT(split_bytes),          1,   MAX_MANY, NULL},
    {"split_ms",             NUMBER,      AT(split_ms),             0,   MAX_MS,   NULL},
    {"refuse",               FLAG,        AT(refuse),               0,   0,        NULL},
};
/* clang-format on */

static struct fault *fault_new(void)
{
    struct fault *f = xcalloc(1, sizeof(*f));

    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (members[i].type == NUMBER)
            *(int64_t *)((char *)f + members[i].at) = FAULT_NONE;
    f->refs = 1;
    f->usage = FAULT_NONE;
    f->head_bytes = 1 << 20;
    f->after = f->split_ms = 0;
    f->percent = 100;
    return f;
}

void fault_drop(struct fault *f)
{
    if (f == NULL || --f->refs > 0)
        return;
    free(f->match_path);
    free(f->match_model);
    free(f->headers);
    free(f->body);
    free(f->error_in_200);
    free(f->error);
    free(f);
}

static char *dump(const json_t *v)
{
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    char *copy = xstrdup(text != NULL ? text : "null");

    free(text);
    return copy;
}

static char *header_lines(json_t *object)
{
    struct buf out;
    const char *name;
    json_t *v;

    buf_init(&out, 8u << 20);
    json_object_foreach(object, name, v)
    {
        char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : dump(v);

        quote_add(&out, name, strlen(name));
        quote_add(&out, ": ", 2);
        quote_add(&out, text, strlen(text));
        quote_add(&out, "\r\n", 2);
        free(text);
    }
    return buf_take(&out);
}

static int read_name(void *field, const struct member *m, const json_t *v, struct err *err)
{
    const char *name = json_string_value(v);

    for (int i = 0; name != NULL && m->names[i] != NULL; i++) {
        if (strcmp(m->names[i], name) != 0)
            continue;
        memcpy(field, &i, sizeof(i)); /* every enum here is an int wide */
        return 0;
    }
    return err_set(err, ERR_RANGE, "fault member '%s' has no such value", m->name);
}

static int read_flag(void *field, const struct member *m, const json_t *v, struct err *err)
{
    if (!json_is_boolean(v))
        return err_set(err, ERR_RANGE, "fault member '%s' must be true or false", m->name);
    if (m->at == AT(usage)) /* three states: not given, off, on */
        *(int64_t *)field = json_is_true(v);
    else
        *(bool *)field = json_is_true(v);
    return 0;
}

static int read_member(struct fault *f, const struct member *m, json_t *v, struct err *err)
{
    void *field = (char *)f + m->at;

    switch (m->type) {
    case NUMBER:
        if (!json_is_integer(v) || json_integer_value(v) < m->min ||
            json_integer_value(v) > m->max)
            return err_set(err, ERR_RANGE, "fault member '%s' must be a number in %lld..%lld",
                           m->name, (long long)m->min, (long long)m->max);
        *(int64_t *)field = json_integer_value(v);
        return 0;
    case FLAG:
        return read_flag(field, m, v, err);
    case NAME:
        return read_name(field, m, v, err);
    case HEADERS:
        if (!json_is_object(v))
            return err_set(err, ERR_RANGE, "fault member 'headers' must be an object");
        *(char **)field = header_lines(v);
        return 0;
    case TEXT:
    case OBJECT_TEXT:
        break;
    }
    if (m->type == OBJECT_TEXT && !json_is_object(v))
        return err_set(err, ERR_RANGE, "fault member '%s' must be an object", m->name);
    *(char **)field = json_is_string(v) ? xstrdup(json_string_value(v)) : dump(v);
    return 0;
}

static int read_match(struct fault *f, json_t *v, struct err *err)
{
    const char *name;
    json_t *text;

    json_object_foreach(v, name, text)
    {
        char **field = strcmp(name, "path") == 0    ? &f->match_path
                       : strcmp(name, "model") == 0 ? &f->match_model
                                                    : NULL;

        if (field == NULL || !json_is_string(text))
            return err_set(err, ERR_UNKNOWN_NAME, "match takes the strings 'path' and 'model'");
        *field = xstrdup(json_string_value(text));
    }
    return json_is_object(v) ? 0 : err_set(err, ERR_RANGE, "'match' must be an object");
}

static int read_fault(struct fault *f, json_t *object, struct err *err)
{
    const char *name;
    json_t *v;

    if (!json_is_object(object))
        return err_set(err, ERR_SYNTAX, "a fault is a JSON object");
    json_object_foreach(object, name, v)
    {
        size_t i = 0;

        if (strcmp(name, "match") == 0) {
            if (read_match(f, v, err) < 0)
                return -1;
            continue;
        }
        while (i < ARRAY_LEN(members) && strcmp(members[i].name, name) != 0)
            i++;
        if (i == ARRAY_LEN(members))
            return err_set(err, ERR_UNKNOWN_NAME, "there is no fault member '%.64s'", name);
        if (read_member(f, &members[i], v, err) < 0)
            return -1;
    }
    return 0;
}

static int read_set(struct fault_set *set, json_t *root, int64_t now_ms, struct err *err)
{
    size_t n = json_is_array(root) ? json_array_size(root) : 1;

    if (n > FAULT_SET_MAX)
        return err_set(err, ERR_LIMIT, "more than %d faults", FAULT_SET_MAX);
    while (set->n < n) {
        json_t *object = json_is_array(root) ? json_array_get(root, set->n) : root;
        struct fault *f = fault_new();

        set->list[set->n++] = f;
        if (read_fault(f, object, err) < 0)
            return -1;
        f->until_ms = f->for_ms == FAULT_NONE ? 0 : now_ms + f->for_ms;
    }
    return 0;
}

int fault_set_parse(struct fault_set *set, struct str text, int64_t now_ms, struct err *err)
{
    struct fault_set fresh = {.n = 0};
    json_error_t at;
    json_t *root = json_loadb(text.len > 0 ? text.ptr : "", text.len, 0, &at);
    int rc;

    if (root == NULL)
        return err_set(err, ERR_SYNTAX, "the fault is not JSON: line %d: %s", at.line, at.text);
    rc = read_set(&fresh, root, now_ms, err);
    json_decref(root);
    if (rc < 0) {
        fault_set_clear(&fresh);
        return -1;
    }
    fault_set_clear(set);
    *set = fresh;
    return 0;
}

void fault_set_clear(struct fault_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        fault_drop(set->list[i]);
    set->n = 0;
}

static bool is_over(const struct fault *f, int64_t now_ms)
{
    return f->until_ms != 0 && now_ms >= f->until_ms;
}

bool fault_set_refuses(const struct fault_set *set, int64_t now_ms)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->list[i]->refuse && !is_over(set->list[i], now_ms))
            return true;
    return false;
}

int64_t fault_set_refuse_until(const struct fault_set *set)
{
    int64_t until = 0;

    for (size_t i = 0; i < set->n; i++) {
        const struct fault *f = set->list[i];

        if (f->refuse && f->until_ms != 0 && (until == 0 || f->until_ms < until))
            until = f->until_ms;
    }
    return until;
}

static bool matches(const struct fault *f, struct str path, const char *model)
{
    if (f->match_model != NULL && strcmp(f->match_model, model) != 0)
        return false;
    return f->match_path == NULL ||
           memmem(path.ptr, path.len, f->match_path, strlen(f->match_path)) != NULL;
}

struct fault *fault_pick(struct fault_set *set, struct str path, const char *model,
                         int64_t now_ms)
{
    for (size_t i = 0; i < set->n; i++) {
        struct fault *f = set->list[i];

        if (is_over(f, now_ms) || f->times == 0 || !matches(f, path, model))
            continue;
        if (f->after > 0) {
            f->after--;
            continue;
        }
        f->seen += f->percent; /* spread evenly, whatever else comes in between */
        if (f->seen < 100)
            continue;
        f->seen -= 100;
        if (f->times > 0)
            f->times--;
        f->refs++;
        return f;
    }
    return NULL;
}
