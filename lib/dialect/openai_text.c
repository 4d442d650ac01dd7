/* openai_text.c - the text of one event of the OpenAI dialect; openai_text.h has the contract.
 */
#include "dialect/openai_text.h"

#include "base/json_scan.h"

static bool is_empty(const struct json_want *w)
{
    switch (w->type) {
    case JSON_NONE:
    case JSON_NULL:
        return true;
    case JSON_STRING:
        return w->span.len == 2;
    case JSON_ARRAY:
    case JSON_OBJECT:
        return w->count == 0;
    default:
        return false;
    }
}

/* The one text a delta carries; anything else a client would keep makes it another kind. */
static enum dialect_text read_delta(struct str delta, struct str *text)
{
    struct json_want w[] = {{.name = "content"},           {.name = "tool_calls"},
                            {.name = "reasoning_content"}, {.name = "reasoning"},
                            {.name = "reasoning_details"}, {.name = "refusal"},
                            {.name = "function_call"},     {.name = "audio"}};

    if (json_scan(delta, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return DIALECT_TEXT_OTHER;
    for (size_t i = 1; i < ARRAY_LEN(w); i++)
        if (!is_empty(&w[i]))
            return DIALECT_TEXT_OTHER;
    if (is_empty(&w[0]))
        return DIALECT_TEXT_NONE;
    *text = w[0].span;
    return w[0].type == JSON_STRING ? DIALECT_TEXT_ONLY : DIALECT_TEXT_OTHER;
}

enum dialect_text openai_text_read(struct str data, struct str *text)
{
    struct json_want choices = {.name = "choices"};
    struct json_want w[] = {
        {.name = "delta"}, {.name = "text"}, {.name = "index"}, {.name = "logprobs"}};
    struct str choice;
    enum json_type type;
    size_t at = 0;
    int64_t index = 0;

    if (str_eqz(str_trim(data), "[DONE]"))
        return DIALECT_TEXT_END;
    if (json_scan(data, JSON_SCAN_DEPTH_MAX, &choices, 1, NULL) < 0)
        return DIALECT_TEXT_OTHER;
    if (is_empty(&choices))
        return DIALECT_TEXT_NONE;
    if (choices.type != JSON_ARRAY || choices.count != 1 ||
        !json_scan_next(choices.span, &at, &choice, &type) || type != JSON_OBJECT ||
        json_scan(choice, JSON_SCAN_DEPTH_MAX, w, ARRAY_LEN(w), NULL) < 0)
        return DIALECT_TEXT_OTHER;
    if (!is_empty(&w[3])) /* of tokens: another run may cut the text elsewhere */
        return DIALECT_TEXT_OTHER;
    if (w[2].type == JSON_NUMBER && (json_scan_int(w[2].span, &index) < 0 || index != 0))
        return DIALECT_TEXT_OTHER;
    if (!is_empty(&w[1])) {
        *text = w[1].span;
        return w[1].type == JSON_STRING && is_empty(&w[0]) ? DIALECT_TEXT_ONLY
                                                           : DIALECT_TEXT_OTHER;
    }
    if (w[0].type == JSON_OBJECT)
        return read_delta(w[0].span, text);
    return is_empty(&w[0]) ? DIALECT_TEXT_NONE : DIALECT_TEXT_OTHER;
}
