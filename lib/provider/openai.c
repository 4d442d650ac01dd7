/* openai.c - what answers and stream events of the OpenAI dialect mean; openai.h has the
 * contract.
 *
 * Everything is read with json_scan() where it lies.  An event is looked into three levels deep
 * (event, choice, delta), each level a pass over its own bytes, so the work stays linear in the
 * event's size whatever it holds.
 */
#include "provider/openai.h"

#include "base/json_scan.h"
#include "provider/openai_error.h"

static bool is_filled(const struct json_want *w)
{
    switch (w->type) {
    case JSON_STRING:
        return w->span.len > 2;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return w->count > 0;
    default:
        return false;
    }
}

static bool any_filled(const struct json_want *wants, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_filled(&wants[i]))
            return true;
    return false;
}

/* Anything a client would show, store or act on.  Besides OpenAI's own members:
 * reasoning_content (DeepSeek, vLLM), reasoning and reasoning_details (OpenRouter, Groq). */
static int read_delta(struct str delta, bool *content)
{
    struct json_want w[] = {{.name = "content"},           {.name = "tool_calls"},
                            {.name = "reasoning_content"}, {.name = "reasoning"},
                            {.name = "reasoning_details"}, {.name = "refusal"},
                            {.name = "function_call"},     {.name = "audio"}};

    if (json_scan(delta, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return -1;
    *content = *content || any_filled(w, ARRAY_LEN(w));
    return 0;
}

static int read_choice(struct str choice, bool *content, int *finishes)
{
    struct json_want w[] = {{.name = "delta"}, {.name = "text"}, {.name = "finish_reason"}};

    if (json_scan(choice, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return -1;
    if (w[0].type != JSON_NONE && w[0].type != JSON_NULL && read_delta(w[0].span, content) < 0)
        return -1;
    *content = *content || is_filled(&w[1]);
    /* Some vendors write "" where OpenAI writes null. */
    *finishes += w[2].type == JSON_STRING && is_filled(&w[2]);
    return 0;
}

static int read_choices(const struct json_want *choices, bool *content, int *finishes)
{
    size_t at = 0;
    struct str choice;
    enum json_type type;

    if (choices->type == JSON_NONE || choices->type == JSON_NULL)
        return 0;
    if (choices->type != JSON_ARRAY)
        return -1;
    while (json_scan_next(choices->span, &at, &choice, &type))
        if (read_choice(choice, content, finishes) < 0)
            return -1;
    return 0;
}

/* A count that is present and sane. */
static bool read_count(const struct json_want *w, int64_t *out)
{
    int64_t n;

    if (w->type != JSON_NUMBER || json_scan_int(w->span, &n) < 0 || n < 0)
        return false;
    *out = n;
    return true;
}

static void read_usage(const struct json_want *usage, struct openai_usage *out)
{
    struct json_want w[] = {
        {.name = "prompt_tokens"},
        {.name = "completion_tokens"},
        {.name = "prompt_tokens_details"},
        {.name = "prompt_cache_hit_tokens"}}; /* DeepSeek's name for cached */
    struct json_want cached = {.name = "cached_tokens"};

    *out = (struct openai_usage){.known = false};
    if (usage->type != JSON_OBJECT ||
        json_scan(usage->span, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return;
    bool prompt = read_count(&w[0], &out->prompt_tokens);
    bool completion = read_count(&w[1], &out->completion_tokens);

    out->known = prompt || completion;
    if (w[2].type != JSON_OBJECT ||
        json_scan(w[2].span, JSON_SCAN_DEPTH_MAX, &cached, 1, NULL) < 0 ||
        !read_count(&cached, &out->cached_tokens))
        (void)read_count(&w[3], &out->cached_tokens);
    if (out->cached_tokens > out->prompt_tokens)
        out->cached_tokens = out->prompt_tokens; /* they are a part of the prompt's */
}

void openai_read_chunk(struct str data, struct openai_chunk *out)
{
    struct json_want w[] = {
        {.name = "choices"}, {.name = "usage"}, {.name = "error"}, {.name = "object"}};
    bool content = false;

    *out = (struct openai_chunk){.kind = OPENAI_EV_MALFORMED};
    if (str_eqz(str_trim(data), "[DONE]")) {
        out->kind = OPENAI_EV_DONE;
        return;
    }
    if (json_scan(data, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return;
    read_usage(&w[1], &out->usage);
    if (openai_error_is(&w[2], &w[3])) {
        out->kind = OPENAI_EV_ERROR;
        out->error = openai_error_outcome(200, data);
        return;
    }
    if (read_choices(&w[0], &content, &out->finishes) < 0) {
        out->finishes = 0;
        return;
    }
    out->finish = out->finishes > 0;
    out->kind = content ? OPENAI_EV_CONTENT : OPENAI_EV_META;
    out->usage_only = w[0].type == JSON_ARRAY && w[0].count == 0 && w[1].type == JSON_OBJECT;
}

enum outcome openai_classify(int status, struct str body, bool body_whole,
                             struct openai_usage *usage)
{
    struct json_want w[] = {{.name = "error"}, {.name = "object"},    {.name = "choices"},
                            {.name = "data"},  {.name = "embedding"}, {.name = "usage"}};

    if (usage != NULL)
        *usage = (struct openai_usage){.known = false};
    if (status < 200 || status > 299)
        return openai_error_outcome(status, body);
    if (!body_whole)
        return OUTCOME_OK; /* no error is longer than what we keep */
    if (json_scan(body, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return OUTCOME_BROKEN;
    if (openai_error_is(&w[0], &w[1]) && !any_filled(&w[2], 3))
        return openai_error_outcome(status, body);
    if (usage != NULL)
        read_usage(&w[5], usage);
    return OUTCOME_OK;
}
