/* openai_answer.c - what answers and stream events of the OpenAI dialect mean; openai_answer.h
 * has the contract.
 *
 * Everything is read with json_scan() where it lies.  An event is looked into three levels deep
 * (event, choice, delta), each level a pass over its own bytes, so the work stays linear in the
 * event's size whatever it holds.
 */
#include "dialect/openai_answer.h"

#include "base/json_scan.h"
#include "dialect/openai_error.h"
#include "dialect/openai_success.h"

#include <string.h>

static bool any_filled(const struct json_want *wants, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (json_scan_is_filled(&wants[i]))
            return true;
    return false;
}

/* Anything a client would show, store or act on.  Besides OpenAI's own members:
 * reasoning_content (DeepSeek, vLLM), reasoning, reasoning_details and images (OpenRouter, Groq),
 * thinking_blocks (LiteLLM).  A list, because a first event that only says who speaks, in words
 * of its vendor's, must not open the answer. */
static int read_delta(struct str delta, bool *content)
{
    struct json_want w[] = {{.name = "content"},           {.name = "tool_calls"},
                            {.name = "reasoning_content"}, {.name = "reasoning"},
                            {.name = "reasoning_details"}, {.name = "refusal"},
                            {.name = "function_call"},     {.name = "audio"},
                            {.name = "annotations"},       {.name = "images"},
                            {.name = "thinking_blocks"}};

    if (json_scan_lax(delta, w, ARRAY_LEN(w)) < 0)
        return -1;
    *content = *content || any_filled(w, ARRAY_LEN(w));
    return 0;
}

static void mark(struct choices *set, const struct json_want *index)
{
    int64_t i = 0; /* without an index it is the only one */

    if (index->type != JSON_NUMBER || json_scan_int(index->span, &i) < 0)
        i = 0;
    choices_set(set, i);
}

static int read_choice(struct str choice, struct dialect_event *out)
{
    struct json_want w[] = {{.name = "delta"},
                            {.name = "text"},
                            {.name = "finish_reason"},
                            {.name = "index"},
                            {.name = "error"}};
    bool content = false;

    if (json_scan_lax(choice, w, ARRAY_LEN(w)) < 0)
        return -1;
    if (w[0].type != JSON_NONE && w[0].type != JSON_NULL && read_delta(w[0].span, &content) < 0)
        return -1;
    if (content || json_scan_is_filled(&w[1]))
        mark(&out->content, &w[3]);
    /* Some vendors write "" where OpenAI writes null. */
    if (w[2].type == JSON_STRING && json_scan_is_filled(&w[2]))
        mark(&out->finished, &w[3]);
    if (openai_error_is_choice(&w[4], &w[2])) {
        out->kind = DIALECT_ERROR;
        out->error = openai_error_outcome(200, choice);
    }
    return 0;
}

static int read_choices(const struct json_want *choices, struct dialect_event *out)
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

/* What an answer or an event says it used; *out stays where it says nothing. */
static void read_usage(const struct json_want *usage, struct dialect_usage *out)
{
    struct json_want w[] = {
        {.name = "prompt_tokens"},
        {.name = "completion_tokens"},
        {.name = "prompt_tokens_details"},
        {.name = "prompt_cache_hit_tokens"}}; /* DeepSeek's name for cached */
    struct json_want cached = {.name = "cached_tokens"};
    struct dialect_usage said = {.known = false};

    if (usage->type != JSON_OBJECT || json_scan_lax(usage->span, w, ARRAY_LEN(w)) < 0)
        return;
    bool prompt = read_count(&w[0], &said.prompt_tokens);
    bool completion = read_count(&w[1], &said.completion_tokens);

    said.known = prompt || completion;
    if (w[2].type != JSON_OBJECT || json_scan_lax(w[2].span, &cached, 1) < 0 ||
        !read_count(&cached, &said.cached_tokens))
        (void)read_count(&w[3], &said.cached_tokens);
    if (said.cached_tokens > said.prompt_tokens)
        said.cached_tokens = said.prompt_tokens; /* they are a part of the prompt's */
    if (said.known)
        *out = said;
}

static void read_chunk(struct str data, struct dialect_event *out)
{
    struct json_want w[] = {
        {.name = "choices"}, {.name = "usage"}, {.name = "error"}, {.name = "object"}};

    if (str_eqz(str_trim(data), "[DONE]")) {
        out->kind = DIALECT_DONE;
        return;
    }
    if (json_scan_lax(data, w, ARRAY_LEN(w)) < 0)
        return;
    read_usage(&w[1], &out->usage);
    if (openai_error_is(&w[2], &w[3])) {
        out->kind = DIALECT_ERROR;
        out->error = openai_error_outcome(200, data);
        return;
    }
    out->kind = DIALECT_META;
    if (read_choices(&w[0], out) < 0) {
        *out = (struct dialect_event){.kind = DIALECT_MALFORMED, .usage = out->usage};
        return;
    }
    if (out->kind == DIALECT_ERROR)
        return;
    out->finish = choices_count(&out->finished) > 0;
    if (choices_count(&out->content) > 0)
        out->kind = DIALECT_CONTENT;
    out->says_usage = w[1].type == JSON_OBJECT;
    out->usage_only = out->says_usage && w[0].type == JSON_ARRAY && w[0].count == 0;
}

void openai_answer_event(const struct sse_event *sse, struct dialect_event *out)
{
    *out = (struct dialect_event){.kind = DIALECT_MALFORMED, .usage = out->usage};
    read_chunk(sse->data, out);
    out->raw = sse->raw;
    out->data = sse->data;
    /* Some vendors name the event "error" and shape its data in their own way. */
    if (str_eqz(sse->name, "error") && out->kind != DIALECT_ERROR) {
        out->kind = DIALECT_ERROR;
        out->error = openai_error_outcome(200, sse->data);
    }
}

/* A 2xx, all of it. */
static void classify_success(const struct dialect_answer *a, struct dialect_reading *out)
{
    struct json_want w[] = {{.name = "error"},
                            {.name = "object"},
                            {.name = "choices"},
                            {.name = "data"},
                            {.name = "usage"}};
    struct str failed;

    if (json_scan_lax(a->body, w, ARRAY_LEN(w)) < 0) {
        out->outcome = OUTCOME_BROKEN;
        out->why = "the answer is no JSON object";
        return;
    }
    out->why = openai_success_lacks(a, &w[2], &w[3], &failed);
    if (failed.len > 0) {
        out->why = NULL;
        out->outcome = openai_error_outcome(200, failed);
    } else if (out->why == NULL) {
        read_usage(&w[4], &out->usage);
    } else if (openai_error_is(&w[0], &w[1])) {
        out->why = NULL;
        out->outcome = openai_error_outcome(a->status, a->body);
    } else {
        out->outcome = OUTCOME_BROKEN;
    }
}

void openai_answer_classify(const struct dialect_answer *a, struct dialect_reading *out)
{
    *out = (struct dialect_reading){.outcome = OUTCOME_OK};
    if (a->status < 200 || a->status > 299)
        out->outcome = openai_error_outcome(a->status, a->body);
    else if (a->whole) /* else: no error is longer than what we keep */
        classify_success(a, out);
}
