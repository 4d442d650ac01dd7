/* openai.c - what answers and stream events of the OpenAI dialect mean; openai.h has the
 * contract.
 *
 * Everything is read with json_scan() where it lies.  An event is looked into three levels deep
 * (event, choice, delta), each level a pass over its own bytes, so the work stays linear in the
 * event's size whatever it holds.
 */
#include "dialect/openai.h"

#include "base/json_scan.h"
#include "dialect/openai_error.h"

#include <string.h>

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

void openai_choices_add(struct openai_choices *set, const struct openai_choices *more)
{
    for (size_t i = 0; i < ARRAY_LEN(set->bits); i++)
        set->bits[i] |= more->bits[i];
}

int openai_choices_count(const struct openai_choices *set)
{
    int n = 0;

    for (size_t i = 0; i < ARRAY_LEN(set->bits); i++)
        n += __builtin_popcountll(set->bits[i]);
    return n;
}

bool openai_choices_within(const struct openai_choices *part, const struct openai_choices *set)
{
    for (size_t i = 0; i < ARRAY_LEN(set->bits); i++)
        if ((part->bits[i] & ~set->bits[i]) != 0)
            return false;
    return true;
}

static void mark(struct openai_choices *set, const struct json_want *index)
{
    int64_t i = 0; /* without an index it is the only one */

    if (index->type != JSON_NUMBER || json_scan_int(index->span, &i) < 0 || i < 0)
        i = 0;
    if (i >= OPENAI_CHOICES_MAX)
        i = OPENAI_CHOICES_MAX - 1;
    set->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

/* Has generating this choice failed?  OpenRouter puts an error object into it, Mistral only
 * the finish reason "error". */
static bool is_failed(const struct json_want *error, const struct json_want *finish_reason)
{
    static const struct json_want none = {.name = NULL};

    return openai_error_is(error, &none) ||
           (finish_reason->type == JSON_STRING && str_eqz(finish_reason->span, "\"error\""));
}

static int read_choice(struct str choice, struct openai_chunk *out)
{
    struct json_want w[] = {{.name = "delta"},
                            {.name = "text"},
                            {.name = "finish_reason"},
                            {.name = "index"},
                            {.name = "error"}};
    bool content = false;

    if (json_scan(choice, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return -1;
    if (w[0].type != JSON_NONE && w[0].type != JSON_NULL && read_delta(w[0].span, &content) < 0)
        return -1;
    if (content || is_filled(&w[1]))
        mark(&out->content, &w[3]);
    /* Some vendors write "" where OpenAI writes null. */
    if (w[2].type == JSON_STRING && is_filled(&w[2]))
        mark(&out->finished, &w[3]);
    if (is_failed(&w[4], &w[2])) {
        out->kind = OPENAI_EV_ERROR;
        out->error = openai_error_outcome(200, choice);
    }
    return 0;
}

static int read_choices(const struct json_want *choices, struct openai_chunk *out)
{
    size_t at = 0;
    struct str choice;
    enum json_type type;

    if (choices->type == JSON_NONE || choices->type == JSON_NULL)
        return 0;
    if (choices->type != JSON_ARRAY)
        return -1;
    while (json_scan_next(choices->span, &at, &choice, &type))
        if (read_choice(choice, out) < 0)
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
    out->kind = OPENAI_EV_META;
    if (read_choices(&w[0], out) < 0) {
        *out = (struct openai_chunk){.kind = OPENAI_EV_MALFORMED, .usage = out->usage};
        return;
    }
    if (out->kind == OPENAI_EV_ERROR)
        return;
    out->finish = openai_choices_count(&out->finished) > 0;
    if (openai_choices_count(&out->content) > 0)
        out->kind = OPENAI_EV_CONTENT;
    out->usage_only = w[0].type == JSON_ARRAY && w[0].count == 0 && w[1].type == JSON_OBJECT;
}

/* A choice of a plain answer that failed: how it is to be read.  OUTCOME_OK: none did. */
static enum outcome classify_choices(struct str body, const struct json_want *choices)
{
    size_t at = 0;
    struct str choice;
    enum json_type type;

    if (choices->type != JSON_ARRAY || memmem(body.ptr, body.len, "\"error\"", 7) == NULL)
        return OUTCOME_OK; /* the usual answer is not read a second time */
    while (json_scan_next(choices->span, &at, &choice, &type)) {
        struct json_want w[] = {{.name = "error"}, {.name = "finish_reason"}};

        if (json_scan(choice, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) == 0 &&
            is_failed(&w[0], &w[1]))
            return openai_error_outcome(200, choice);
    }
    return OUTCOME_OK;
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
    enum outcome failed = classify_choices(body, &w[2]);

    if (failed != OUTCOME_OK)
        return failed;
    if (usage != NULL)
        read_usage(&w[5], usage);
    return OUTCOME_OK;
}
