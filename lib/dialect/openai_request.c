/* openai_request.c - what a client asks for in the OpenAI dialect; openai_request.h has the
 * contract.
 *
 * Source of the fields: OpenAI API reference, "Create chat completion", "Create completion",
 * "Create embeddings". */
#include "dialect/openai_request.h"

#include "base/json_scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    F_MODEL,
    F_STREAM,
    F_MAX_TOKENS,
    F_MAX_COMPLETION_TOKENS,
    F_TEMPERATURE,
    F_SEED,
    F_N,
    F_USER,
    F_STREAM_OPTIONS,
    F_MESSAGES,
    F_INPUT,
    F_PROMPT,
    N_FIELDS
};

static int fail(struct chat_request_error *err, const char *param, const char *code,
                const char *fmt, ...) PRINTF_LIKE(4, 5);

static int fail(struct chat_request_error *err, const char *param, const char *code,
                const char *fmt, ...)
{
    va_list ap;

    err->param = param;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof(err->message), fmt, ap);
    va_end(ap);
    return -1;
}

static bool is_given(const struct json_want *w)
{
    return w->type != JSON_NONE && w->type != JSON_NULL; /* null means "not set" to the API */
}

static int wrong_type(struct chat_request_error *err, const struct json_want *w,
                      const char *expected)
{
    return fail(err, w->name, "invalid_type", "'%s' is %s, expected %s", w->name,
                json_type_name(w->type), expected);
}

static int read_model(struct chat_request *a, const struct json_want *w,
                      struct chat_request_error *err)
{
    if (!is_given(w))
        return fail(err, "model", "missing_required_parameter",
                    "missing required field 'model'");
    if (w->type != JSON_STRING)
        return wrong_type(err, w, "a string");
    if (json_scan_string(w->span, a->model, sizeof(a->model)) < 0)
        return fail(err, "model", "invalid_value",
                    "'model' is longer than %d bytes or has invalid escapes",
                    CHAT_REQUEST_MODEL_MAX);
    if (a->model[0] == '\0')
        return fail(err, "model", "invalid_value", "'model' is empty, expected a model's name");
    a->model_span = w->span;
    return 0;
}

static int read_count(const struct json_want *w, int64_t *out, struct chat_request_error *err)
{
    int64_t n;

    if (!is_given(w))
        return 0;
    if (w->type != JSON_NUMBER || json_scan_int(w->span, &n) < 0 || n < 0)
        return wrong_type(err, w, "a whole number, 0 or more");
    if (n > *out)
        *out = n;
    return 0;
}

/* Of several prompts (texts, or arrays of tokens) each is answered n times. */
static void count_prompts(struct chat_request *a, const struct json_want *prompt)
{
    size_t at = 0;
    struct str first;
    enum json_type type;

    if (a->path != DIALECT_COMPLETIONS || prompt->type != JSON_ARRAY ||
        !json_scan_next(prompt->span, &at, &first, &type) || type == JSON_NUMBER)
        return;
    int64_t n = (int64_t)prompt->count;

    a->n_choices = a->n_choices <= INT64_MAX / n ? a->n_choices * n : INT64_MAX;
}

/* A text or the tokens of one, or a list of either.  Parts of other kinds may be embedded
 * together. */
static void count_inputs(struct chat_request *a, const struct json_want *input)
{
    size_t at = 0;
    struct str first;
    enum json_type type;

    if (a->path != DIALECT_EMBEDDINGS)
        return;
    if (input->type == JSON_STRING)
        a->n_inputs = 1;
    if (input->type == JSON_ARRAY && json_scan_next(input->span, &at, &first, &type))
        a->n_inputs = type == JSON_NUMBER                         ? 1
                      : type == JSON_STRING || type == JSON_ARRAY ? (int64_t)input->count
                                                                  : 0;
}

/* Determinism and accounting: fields the router only looks at. */
static int read_knobs(struct chat_request *a, const struct json_want *f,
                      struct chat_request_error *err)
{
    a->max_tokens = -1;
    a->n_choices = 1;
    if (read_count(&f[F_N], &a->n_choices, err) < 0 ||
        read_count(&f[F_MAX_TOKENS], &a->max_tokens, err) < 0 ||
        read_count(&f[F_MAX_COMPLETION_TOKENS], &a->max_tokens, err) < 0)
        return -1;
    if (is_given(&f[F_TEMPERATURE])) {
        if (f[F_TEMPERATURE].type != JSON_NUMBER ||
            json_scan_double(f[F_TEMPERATURE].span, &a->temperature) < 0)
            return wrong_type(err, &f[F_TEMPERATURE], "a number");
        a->has_temperature = true;
    }
    if (is_given(&f[F_SEED])) {
        if (f[F_SEED].type != JSON_NUMBER || json_scan_int(f[F_SEED].span, &a->seed) < 0)
            return wrong_type(err, &f[F_SEED], "a whole number");
        a->has_seed = true;
    }
    if (is_given(&f[F_USER])) {
        if (f[F_USER].type != JSON_STRING)
            return wrong_type(err, &f[F_USER], "a string");
        a->user = f[F_USER].span;
    }
    return 0;
}

static int read_stream(struct chat_request *a, const struct json_want *f, size_t depth_max,
                       struct chat_request_error *err)
{
    const struct json_want *opt = &f[F_STREAM_OPTIONS];
    struct json_want usage = {.name = "include_usage"};
    struct json_scan_error ignored;

    if (is_given(&f[F_STREAM]) && f[F_STREAM].type != JSON_TRUE &&
        f[F_STREAM].type != JSON_FALSE)
        return wrong_type(err, &f[F_STREAM], "true or false");
    a->stream = f[F_STREAM].type == JSON_TRUE &&
                a->path != DIALECT_EMBEDDINGS; /* which nobody streams */
    if (opt->type == JSON_NONE)
        return 0;
    if (opt->type != JSON_NULL && opt->type != JSON_OBJECT)
        return wrong_type(err, opt, "an object");
    a->stream_options = opt->span;
    a->stream_options_is_object = opt->type == JSON_OBJECT;
    if (!a->stream_options_is_object)
        return 0;
    if (json_scan(opt->span, depth_max, &usage, 1, &ignored) < 0)
        return fail(err, "stream_options", "invalid_value",
                    "'stream_options.include_usage' stands twice");
    a->wants_usage = usage.type == JSON_TRUE;
    if (usage.type != JSON_NONE)
        a->include_usage = usage.span;
    return 0;
}

static int read_content(struct chat_request *a, const struct json_want *f,
                        struct chat_request_error *err)
{
    const struct json_want *messages = &f[F_MESSAGES], *input = &f[F_INPUT];

    if (a->path == DIALECT_CHAT) {
        if (!is_given(messages))
            return fail(err, "messages", "missing_required_parameter",
                        "missing required field 'messages', expected an array of messages");
        if (messages->type != JSON_ARRAY)
            return wrong_type(err, messages, "an array of messages");
        if (messages->count == 0)
            return fail(err, "messages", "empty_array",
                        "'messages' is empty, expected at least one message");
        a->n_messages = messages->count;
    }
    if (a->path == DIALECT_EMBEDDINGS && !is_given(input))
        return fail(err, "input", "missing_required_parameter",
                    "missing required field 'input'");
    return 0;
}

int openai_request_read(struct chat_request *a, enum dialect_path path, struct str body,
                        size_t depth_max, struct chat_request_error *err)
{
    struct json_want f[N_FIELDS] = {
        [F_MODEL] = {.name = "model"},
        [F_STREAM] = {.name = "stream"},
        [F_MAX_TOKENS] = {.name = "max_tokens"},
        [F_MAX_COMPLETION_TOKENS] = {.name = "max_completion_tokens"},
        [F_TEMPERATURE] = {.name = "temperature"},
        [F_SEED] = {.name = "seed"},
        [F_N] = {.name = "n"},
        [F_USER] = {.name = "user"},
        [F_STREAM_OPTIONS] = {.name = "stream_options"},
        [F_MESSAGES] = {.name = "messages"},
        [F_INPUT] = {.name = "input"},
        [F_PROMPT] = {.name = "prompt"},
    };
    struct json_scan_error at;

    memset(a, 0, sizeof(*a));
    a->path = path;
    a->body = body;
    if (json_scan(body, depth_max, f, N_FIELDS, &at) < 0)
        return fail(err, NULL, "invalid_json",
                    "the body is not valid JSON: line %zu, column %zu: %s", at.line, at.column,
                    at.what);
    if (read_model(a, &f[F_MODEL], err) < 0 || read_stream(a, f, depth_max, err) < 0 ||
        read_knobs(a, f, err) < 0 || read_content(a, f, err) < 0)
        return -1;
    count_prompts(a, &f[F_PROMPT]);
    count_inputs(a, &f[F_INPUT]);
    return 0;
}

struct edit { /* replace cut bytes at `at` by text */
    size_t at, cut;
    struct str text;
};

static int apply(const struct chat_request *a, const struct edit *e, size_t n, struct buf *buf)
{
    size_t done = 0;

    for (size_t i = 0; i < n; i++) {
        if (buf_append(buf, a->body.ptr + done, e[i].at - done) < 0 ||
            buf_append_str(buf, e[i].text) < 0)
            return -1;
        done = e[i].at + e[i].cut;
    }
    return buf_append(buf, a->body.ptr + done, a->body.len - done);
}

/* How include_usage gets in: over its own value, over a null, into the options there are, or
 * with new options. */
static struct edit usage_edit(const struct chat_request *a)
{
    bool empty;
    struct str where = a->stream_options_is_object ? a->stream_options : a->body;

    if (a->include_usage.ptr != NULL)
        return (struct edit){(size_t)(a->include_usage.ptr - a->body.ptr), a->include_usage.len,
                             STR("true")};
    if (a->stream_options.ptr != NULL && !a->stream_options_is_object)
        return (struct edit){(size_t)(a->stream_options.ptr - a->body.ptr),
                             a->stream_options.len, STR("{\"include_usage\":true}")};
    size_t at = (size_t)(where.ptr - a->body.ptr) + json_scan_insert_at(where, &empty);

    if (!a->stream_options_is_object)
        return (struct edit){at, 0, STR("\"stream_options\":{\"include_usage\":true},")};
    return (struct edit){
        at, 0, empty ? STR("\"include_usage\":true") : STR("\"include_usage\":true,")};
}

int openai_request_splice(const struct chat_request *a, const char *model, bool usage,
                          struct buf *buf, struct str *out)
{
    struct edit e[2];
    size_t n = 0;
    struct buf name;
    int rc = -1;

    buf_clear(buf);
    buf_init(&name, 6 * CHAT_REQUEST_MODEL_MAX + 2);
    *out = a->body;
    if (model != NULL && strcmp(model, a->model) != 0) {
        if (json_scan_quote(&name, str_of(model)) < 0)
            goto out;
        e[n++] = (struct edit){(size_t)(a->model_span.ptr - a->body.ptr), a->model_span.len,
                               buf_str(&name)};
    }
    if (usage && a->stream && !a->wants_usage) {
        e[n++] = usage_edit(a);
        if (n == 2 && e[1].at < e[0].at) {
            struct edit first = e[1];

            e[1] = e[0];
            e[0] = first;
        }
    }
    rc = 0;
    if (n > 0) {
        rc = apply(a, e, n, buf);
        *out = buf_str(buf);
    }
out:
    buf_release(&name);
    return rc;
}
