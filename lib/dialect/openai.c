/* openai.c - the OpenAI dialect: its table, its paths and our own words in its shape.
 *
 * Sources: OpenAI API reference, "Chat", "Completions", "Embeddings", "Models" and "Error
 * codes".  Most other vendors and model servers offer this dialect as well. */
#include "dialect/dialect.h"

#include "base/json_scan.h"
#include "dialect/openai_answer.h"
#include "dialect/openai_pieces.h"
#include "dialect/openai_replay.h"
#include "dialect/openai_request.h"
#include "dialect/retry_after.h"
#include "dialect/sse.h"

#include <string.h>

static const char *const serves[N_DIALECT_PATHS] = {
    [DIALECT_CHAT] = "/v1/chat/completions",
    [DIALECT_COMPLETIONS] = "/v1/completions",
    [DIALECT_EMBEDDINGS] = "/v1/embeddings",
    [DIALECT_MODELS] = "/v1/models",
};

/* A path, or one model behind the list of them. */
static bool route(struct str path, struct dialect_route *out)
{
    struct str front = STR("/v1/models/");

    for (int p = 0; p < N_DIALECT_PATHS; p++) {
        if (!str_eqz(path, serves[p]))
            continue;
        out->path = (enum dialect_path)p;
        return true;
    }
    if (!str_starts(path, front.ptr) || path.len == front.len)
        return false;
    out->path = DIALECT_MODELS;
    out->model = (struct str){path.ptr + front.len, path.len - front.len};
    return true;
}

static int put_string(struct buf *out, const char *name, const char *value)
{
    if (buf_appendf(out, "\"%s\":", name) < 0)
        return -1;
    return value != NULL ? json_scan_quote(out, str_of(value))
                         : buf_append_str(out, STR("null"));
}

static int write_error(struct buf *out, const struct dialect_error *e)
{
    if (buf_append_str(out, STR("{\"error\":{")) < 0 ||
        put_string(out, "message", e->message) < 0 || buf_append_str(out, STR(",")) < 0 ||
        put_string(out, "type", e->type) < 0 || buf_append_str(out, STR(",")) < 0 ||
        put_string(out, "param", e->param) < 0 || buf_append_str(out, STR(",")) < 0 ||
        put_string(out, "code", e->code) < 0 || buf_append_str(out, STR("}}")) < 0)
        return -1;
    return 0;
}

static int write_event(struct buf *out, const struct dialect_event *ev)
{
    size_t from = out->len + strlen("data: ");

    if (buf_append_str(out, STR("data: ")) < 0 || buf_append_str(out, ev->data) < 0)
        return -1;
    sse_one_line(out, from);
    return buf_append_str(out, STR("\n\n"));
}

static bool is_error(struct str body)
{
    struct json_want error = {.name = "error"};

    return json_scan(body, JSON_SCAN_DEPTH_MAX, &error, 1, NULL) == 0 &&
           error.type == JSON_OBJECT;
}

static const char *const no_headers[] = {NULL};
static const char *const forwards[] = {"openai-beta", NULL};
/* As documented by OpenAI, Azure OpenAI and Anthropic, who all answer in this dialect. */
static const char *const passes[] = {
    "openai-*",         "x-ratelimit-*",        "anthropic-*",
    "request-id",       "apim-request-id",      "x-ms-region",
    "x-ms-rai-invoked", "x-ms-deployment-name", "x-ms-client-request-id",
    "azureml-model-*",  "ms-azureml-model-*",   NULL,
};
static const char *const ids[] = {"x-request-id", "request-id", "apim-request-id", NULL};

const struct dialect dialect_openai = {
    .name = "openai",

    .route = route,
    .read_request = openai_request_read,
    .write_error = write_error,
    .write_event = write_event,
    .is_error = is_error,
    .write_stream = openai_replay_write,
    .keep_alive = ": keep-alive\n\n",
    .stream_end = "data: [DONE]\n\n",

    .asks = {[DIALECT_CHAT] = "/chat/completions",
             [DIALECT_COMPLETIONS] = "/completions",
             [DIALECT_EMBEDDINGS] = "/embeddings",
             [DIALECT_MODELS] = "/models"},
    .auth_header = "Authorization",
    .auth_prefix = "Bearer ",
    .headers = no_headers,
    .forwards = forwards,
    .passes = passes,
    .ids = ids,
    .end_name = "[DONE]",
    .splice_request = openai_request_splice,
    .classify = openai_answer_classify,
    .retry_after_ms = retry_after_ms,
    .read_event = openai_answer_event,
    .sift_event = openai_pieces_sift,
};
