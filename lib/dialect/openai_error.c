/* openai_error.c - one table from (status, words of the error) to outcome; first match wins.
 *
 * Vendors agree on statuses and on little else, so the rows stand in this order: words that
 * mean the same whatever the status, then words that correct one status, then the bare
 * statuses.  An error inside a 2xx has no status of its own: its numeric code stands in
 * (OpenRouter, vLLM and Gemini put the status there), else its words decide, else it is the
 * vendor's fault.
 *
 * Words are compared with the error's code, type and status fields; texts are looked for in its
 * message, ASCII case folded, because some vendors say it nowhere else.
 *
 * Sources: OpenAI "Error codes"; Azure OpenAI "Content filtering"; Anthropic "Errors"
 * (docs.claude.com/en/api/errors); OpenRouter "Errors and Debugging"
 * (openrouter.ai/docs/api/reference/errors-and-debugging); Groq "Errors" and "Flex processing";
 * Mistral, DeepSeek and Cohere "Errors"; messages as seen in the trackers of vllm (#4667,
 * #20409), llama.cpp (PR 15780), gemini-cli (#6678) and text-generation-inference.
 *
 * REJECTED  "exceeded your current quota" as a sign of QUOTA: OpenAI says it with the code
 * insufficient_quota, but Gemini says it for limits per minute as well.
 */
#include "dialect/openai_error.h"

#define TEXT_MAX_BYTES 2048 /* of a message that is searched */

enum where { ANY, WORD, TEXT };

struct rule {
    int from, to; /* statuses */
    enum where where;
    const char *needle;
    enum outcome outcome;
};

/* clang-format off */
static const struct rule rules[] = {
    /* Too long, whatever the status: a client's long prompt must never count against a region
     * (llama.cpp of 2025 answers 500). */
    {200, 599, WORD, "context_length_exceeded",              OUTCOME_TOO_LONG}, /* OpenAI, Azure */
    {200, 599, WORD, "exceed_context_size_error",            OUTCOME_TOO_LONG}, /* llama.cpp */
    {200, 599, TEXT, "maximum context length",               OUTCOME_TOO_LONG}, /* vLLM, DeepSeek */
    {200, 599, TEXT, "maximum prompt length",                OUTCOME_TOO_LONG}, /* xAI */
    {200, 599, TEXT, "prompt is too long",                   OUTCOME_TOO_LONG}, /* Anthropic */
    {200, 599, TEXT, "exceed context limit",                 OUTCOME_TOO_LONG}, /* Anthropic */
    {200, 599, TEXT, "exceeds the maximum number of tokens", OUTCOME_TOO_LONG}, /* Gemini */
    {200, 599, TEXT, "input is too long",                    OUTCOME_TOO_LONG}, /* Bedrock */
    {200, 599, TEXT, "exceeds the available context size",   OUTCOME_TOO_LONG}, /* llama.cpp */
    {200, 599, TEXT, "`max_new_tokens` must be <=",          OUTCOME_TOO_LONG}, /* TGI */
    {200, 599, TEXT, "too many tokens:",                     OUTCOME_TOO_LONG}, /* Cohere */
    /* One request above the whole limit per minute: no wait helps, and cooling the region would
     * let one client take it from all (OpenAI 429, Groq 413). */
    {200, 429, TEXT, "request too large for",                OUTCOME_TOO_LONG},

    /* Out of credit: lasting, whatever the status. */
    {200, 499, WORD, "insufficient_quota",                   OUTCOME_QUOTA},    /* OpenAI */
    {200, 499, WORD, "billing_hard_limit_reached",           OUTCOME_QUOTA},    /* OpenAI */
    {200, 499, WORD, "billing_not_active",                   OUTCOME_QUOTA},    /* OpenAI */
    {200, 499, WORD, "billing_error",                        OUTCOME_QUOTA},    /* Anthropic */
    {200, 499, TEXT, "credit balance is too low",            OUTCOME_QUOTA},    /* Anthropic, 400 */
    {200, 499, TEXT, "specified api usage limits",           OUTCOME_QUOTA},    /* Anthropic, 400 */
    {200, 499, TEXT, "out of call volume quota",             OUTCOME_QUOTA},    /* Azure, 403 */
    {402, 402, ANY,  NULL,                                   OUTCOME_QUOTA},    /* DeepSeek, OpenRouter */

    /* Refused for what the prompt says: every target would see the same prompt. */
    {200, 499, WORD, "content_filter",                       OUTCOME_CLIENT_FAULT}, /* Azure */
    {200, 499, WORD, "content_policy_violation",             OUTCOME_CLIENT_FAULT}, /* OpenAI */
    {200, 499, WORD, "ResponsibleAIPolicyViolation",         OUTCOME_CLIENT_FAULT}, /* Azure */
    {200, 499, TEXT, "input was flagged",                    OUTCOME_CLIENT_FAULT}, /* OpenRouter, 403 */

    /* Our key, said with a 400. */
    {400, 400, WORD, "invalid_api_key",                      OUTCOME_AUTH},
    {400, 400, TEXT, "api key not valid",                    OUTCOME_AUTH},     /* Gemini */
    {400, 400, TEXT, "api key expired",                      OUTCOME_AUTH},     /* Gemini */
    {400, 400, TEXT, "incorrect api key provided",           OUTCOME_AUTH},     /* xAI */

    /* An error inside a success. */
    {200, 299, WORD, "rate_limit_exceeded",                  OUTCOME_THROTTLED},
    {200, 299, WORD, "rate_limit_error",                     OUTCOME_THROTTLED},
    {200, 299, WORD, "rate_limited",                         OUTCOME_THROTTLED},
    {200, 299, WORD, "RateLimitReached",                     OUTCOME_THROTTLED},
    {200, 299, WORD, "too_many_requests",                    OUTCOME_THROTTLED},
    {200, 299, WORD, "RESOURCE_EXHAUSTED",                   OUTCOME_THROTTLED},
    {200, 299, WORD, "authentication_error",                 OUTCOME_AUTH},
    {200, 299, WORD, "invalid_api_key",                      OUTCOME_AUTH},
    {200, 299, WORD, "permission_error",                     OUTCOME_AUTH},
    {200, 299, WORD, "PERMISSION_DENIED",                    OUTCOME_AUTH},
    {200, 299, WORD, "UNAUTHENTICATED",                      OUTCOME_AUTH},
    {200, 299, WORD, "unsupported_country_region_territory", OUTCOME_AUTH},
    {200, 299, WORD, "invalid_request_error",                OUTCOME_CLIENT_FAULT},
    {200, 299, WORD, "invalid_prompt",                       OUTCOME_CLIENT_FAULT},
    {200, 299, WORD, "BadRequestError",                      OUTCOME_CLIENT_FAULT},
    {200, 299, WORD, "INVALID_ARGUMENT",                     OUTCOME_CLIENT_FAULT},
    {200, 299, WORD, "request_too_large",                    OUTCOME_CLIENT_FAULT},
    {200, 299, WORD, "model_not_found",                      OUTCOME_CLIENT_FAULT},
    {200, 299, WORD, "not_found_error",                      OUTCOME_CLIENT_FAULT},
    {200, 299, ANY,  NULL,                                   OUTCOME_SERVER_ERROR},

    /* Bare statuses.  A redirect is never followed: it would carry the key to another host. */
    {300, 399, ANY,  NULL,                                   OUTCOME_SERVER_ERROR},
    {401, 401, ANY,  NULL,                                   OUTCOME_AUTH},
    {403, 403, ANY,  NULL,                                   OUTCOME_AUTH},
    {407, 407, ANY,  NULL,                                   OUTCOME_AUTH},
    {408, 408, ANY,  NULL,                                   OUTCOME_TIMEOUT},
    {409, 409, ANY,  NULL,                                   OUTCOME_SERVER_ERROR}, /* a lock: SDKs retry it */
    {421, 421, ANY,  NULL,                                   OUTCOME_SERVER_ERROR},
    {424, 425, ANY,  NULL,                                   OUTCOME_SERVER_ERROR}, /* 424: Bedrock's model failed */
    {429, 429, ANY,  NULL,                                   OUTCOME_THROTTLED},
    {498, 498, ANY,  NULL,                                   OUTCOME_THROTTLED},    /* Groq: no flex capacity */
    {499, 499, ANY,  NULL,                                   OUTCOME_SERVER_ERROR}, /* it gave up on us */
    {400, 499, ANY,  NULL,                                   OUTCOME_CLIENT_FAULT},
    {529, 529, ANY,  NULL,                                   OUTCOME_THROTTLED},    /* Anthropic: overloaded */
    {500, 599, ANY,  NULL,                                   OUTCOME_SERVER_ERROR},
};
/* clang-format on */

struct error_words {
    struct str code, type, status; /* as they stand, quotes off */
    struct str message;
};

/* A scalar's text without decoding: words hold no escapes, or they are none of ours. */
static struct str plain(const struct json_want *w)
{
    if (w->type == JSON_STRING)
        return (struct str){w->span.ptr + 1, w->span.len - 2};
    return w->type == JSON_NUMBER ? w->span : (struct str){NULL, 0};
}

static struct str first_object(struct str body)
{
    size_t at = 0;
    struct str elem;
    enum json_type type;

    /* Gemini wraps the whole answer in an array. */
    return json_scan_next(body, &at, &elem, &type) ? elem : body;
}

/* The four fields of an error object; of the whole answer where they stand at its top. */
static void read_fields(struct str object, struct error_words *words)
{
    struct json_want w[] = {{.name = "code"},    {.name = "type"},   {.name = "status"},
                            {.name = "message"}, {.name = "detail"}, {.name = "error_type"}};

    if (json_scan(object, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return;
    words->code = plain(&w[0]);
    words->type = plain(w[1].type != JSON_NONE ? &w[1] : &w[5]);
    words->status = plain(&w[2]);
    words->message =
        w[3].type != JSON_NONE ? w[3].span : w[4].span; /* of any type: searched raw */
}

static void read_words(struct str body, struct error_words *words)
{
    struct json_want error = {.name = "error"};
    struct str object = first_object(body);

    *words = (struct error_words){.message = {NULL, 0}};
    if (json_scan(object, JSON_SCAN_DEPTH_MAX, &error, 1, NULL) < 0)
        return;
    read_fields(error.type == JSON_OBJECT ? error.span : object, words);
    if (error.type == JSON_STRING)
        words->message = error.span;
}

static bool contains(struct str text, struct str part)
{
    if (text.len > TEXT_MAX_BYTES)
        text.len = TEXT_MAX_BYTES;
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (str_ieq((struct str){text.ptr + i, part.len}, part))
            return true;
    return false;
}

static bool matches(const struct rule *rule, const struct error_words *words)
{
    switch (rule->where) {
    case WORD:
        return str_ieqz(words->code, rule->needle) || str_ieqz(words->type, rule->needle) ||
               str_ieqz(words->status, rule->needle);
    case TEXT:
        return contains(words->message, str_of(rule->needle));
    case ANY:
        break;
    }
    return true;
}

bool openai_error_is(const struct json_want *error, const struct json_want *object)
{
    if (error->type == JSON_OBJECT)
        return error->count > 0;
    if (error->type == JSON_STRING)
        return error->span.len > 2;
    return object->type == JSON_STRING && str_eqz(object->span, "\"error\"");
}

bool openai_error_is_choice(const struct json_want *error,
                            const struct json_want *finish_reason)
{
    static const struct json_want none = {.name = NULL};

    return openai_error_is(error, &none) ||
           (finish_reason->type == JSON_STRING && str_eqz(finish_reason->span, "\"error\""));
}

enum outcome openai_error_outcome(int status, struct str body)
{
    struct error_words words;
    uint64_t code;

    read_words(body, &words);
    if (status >= 200 && status <= 299 && str_to_u64(words.code, &code) && code >= 400 &&
        code <= 599)
        status = (int)code;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (status >= rules[i].from && status <= rules[i].to && matches(&rules[i], &words))
            return rules[i].outcome;
    return OUTCOME_BROKEN; /* no status of a final answer */
}
