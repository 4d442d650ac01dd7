/* prompt.c - reads an OpenAI-shaped request body; prompt.h has the contract.
 *
 * Sources: OpenAI API reference, "Create chat completion", "Create completion" and "Create
 * embeddings" pages; the messages follow the vendor's wording of its 400s. */
#include "tests/region/prompt.h"

#include <jansson.h>

#include <stdio.h>
#include <string.h>

static int refuse(struct prompt_error *err, const char *param, const char *message)
{
    snprintf(err->message, sizeof(err->message), "%s", message);
    err->param = param;
    return -1;
}

/* Cut on a character's boundary, so that the echo stays valid UTF-8. */
static void copy_text(char *out, size_t cap, const char *s)
{
    size_t len = strlen(s);

    if (len >= cap) {
        len = cap - 1;
        while (len > 0 && ((unsigned char)s[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, s, len);
    out[len] = '\0';
}

/* A message's content is a string or a list of parts; of those the first text counts. */
static const char *content_text(const json_t *content)
{
    size_t i;
    json_t *part;

    if (json_is_string(content))
        return json_string_value(content);
    json_array_foreach(content, i, part)
    {
        const char *text = json_string_value(json_object_get(part, "text"));

        if (text != NULL)
            return text;
    }
    return "";
}

static int read_messages(const json_t *root, struct prompt *out, struct prompt_error *err)
{
    json_t *messages = json_object_get(root, "messages"), *m;
    const char *last = "";
    size_t i;

    if (messages == NULL)
        return refuse(err, "messages", "Missing required parameter: 'messages'.");
    if (!json_is_array(messages))
        return refuse(err, "messages", "Invalid type for 'messages': expected an array.");
    if (json_array_size(messages) == 0)
        return refuse(err, "messages", "Invalid 'messages': empty array.");
    json_array_foreach(messages, i, m)
    {
        const char *role = json_string_value(json_object_get(m, "role"));

        if (role == NULL)
            return refuse(err, "messages", "Missing required parameter: 'messages[].role'.");
        if (strcmp(role, "user") == 0)
            last = content_text(json_object_get(m, "content"));
    }
    copy_text(out->text, sizeof(out->text), last);
    return 0;
}

static int read_input(const json_t *root, const char *name, struct prompt *out,
                      struct prompt_error *err)
{
    json_t *input = json_object_get(root, name);

    if (json_is_array(input)) {
        out->n_inputs = (int64_t)json_array_size(input);
        input = json_array_get(input, 0);
    }
    if (input == NULL)
        return refuse(err, name, "Missing required parameter.");
    if (!json_is_string(input))
        return refuse(err, name, "Invalid type: expected a string or an array of strings.");
    copy_text(out->text, sizeof(out->text), json_string_value(input));
    return 0;
}

static int read_root(const json_t *root, struct prompt *out, struct prompt_error *err)
{
    const char *model = json_string_value(json_object_get(root, "model"));
    json_t *max = json_object_get(root, "max_tokens"), *options;

    if (!json_is_object(root))
        return refuse(err, NULL, "The body is not a JSON object.");
    if (model == NULL)
        return refuse(err, "model", "you must provide a model parameter");
    copy_text(out->model, sizeof(out->model), model);
    if (max == NULL)
        max = json_object_get(root, "max_completion_tokens");
    if (max != NULL && !json_is_null(max) && json_integer_value(max) < 1)
        return refuse(err, "max_tokens", "Invalid 'max_tokens': expected an integer >= 1.");
    out->max_tokens = json_integer_value(max);
    out->stream = json_is_true(json_object_get(root, "stream"));
    options = json_object_get(root, "stream_options");
    out->include_usage = json_is_true(json_object_get(options, "include_usage"));
    if (out->kind == PROMPT_CHAT)
        return read_messages(root, out, err);
    return read_input(root, out->kind == PROMPT_EMBEDDING ? "input" : "prompt", out, err);
}

int prompt_read(enum prompt_kind kind, struct str body, struct prompt *out,
                struct prompt_error *err)
{
    json_error_t at;
    json_t *root = json_loadb(body.len > 0 ? body.ptr : "", body.len, 0, &at);
    int rc;

    out->kind = kind;
    out->model[0] = out->text[0] = '\0';
    out->stream = out->include_usage = false;
    out->max_tokens = 0;
    out->n_inputs = 1;
    if (root == NULL)
        return refuse(err, NULL, "We could not parse the JSON body of your request.");
    rc = read_root(root, out, err);
    out->text_tokens = (int64_t)(strlen(out->text) / 4) + 1; /* a usual rule of thumb */
    json_decref(root);
    return rc;
}
