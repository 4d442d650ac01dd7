/* test_openai_error.c - real error answers of many vendors, and the outcome each must have. */
#include "dialect/openai_error.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define E(fields) "{\"error\":{" fields "}}"

/* clang-format off */
static const struct {
    int status;
    const char *body;
    enum outcome want;
} cases[] = {
    /* too long */
    {400, E("\"message\":\"This model's maximum context length is 8192 tokens.\",\"type\":\"invalid_request_error\",\"param\":\"messages\",\"code\":\"context_length_exceeded\""), OUTCOME_TOO_LONG},
    {400, E("\"code\":\"context_length_exceeded\",\"message\":\"\""), OUTCOME_TOO_LONG},
    {400, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 210000 tokens > 200000 maximum\"}}", OUTCOME_TOO_LONG},
    {400, E("\"type\":\"invalid_request_error\",\"message\":\"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000\""), OUTCOME_TOO_LONG},
    {400, "{\"object\":\"error\",\"message\":\"This model's maximum context length is 131072 tokens. However, you requested 156632\",\"type\":\"BadRequestError\",\"param\":null,\"code\":400}", OUTCOME_TOO_LONG},
    {400, "[{\"error\":{\"code\":400,\"message\":\"The input token count (1200293) exceeds the maximum number of tokens allowed (1048576).\",\"status\":\"INVALID_ARGUMENT\"}}]", OUTCOME_TOO_LONG},
    {500, E("\"code\":500,\"message\":\"the request exceeds the available context size. try increasing it\",\"type\":\"exceed_context_size_error\",\"n_ctx\":256"), OUTCOME_TOO_LONG},
    {422, "{\"error\":\"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096.\",\"error_type\":\"validation\"}", OUTCOME_TOO_LONG},
    {400, "{\"message\":\"Input is too long for requested model.\"}", OUTCOME_TOO_LONG},
    {400, "{\"message\":\"too many tokens: total number of tokens in the prompt cannot exceed 4081\"}", OUTCOME_TOO_LONG},
    {429, E("\"message\":\"Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 30601.\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\""), OUTCOME_TOO_LONG},
    {413, E("\"message\":\"Request too large for model `llama` on tokens per minute (TPM)\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\""), OUTCOME_TOO_LONG},
    /* quota */
    {429, E("\"message\":\"You exceeded your current quota\",\"type\":\"insufficient_quota\",\"param\":null,\"code\":\"insufficient_quota\""), OUTCOME_QUOTA},
    {403, E("\"code\":\"insufficient_quota\",\"message\":\"x\""), OUTCOME_QUOTA},
    {400, E("\"code\":\"billing_hard_limit_reached\",\"type\":\"invalid_request_error\",\"message\":\"x\""), OUTCOME_QUOTA},
    {429, E("\"code\":\"billing_not_active\",\"message\":\"x\""), OUTCOME_QUOTA},
    {400, E("\"type\":\"invalid_request_error\",\"message\":\"Your credit balance is too low to access the API.\""), OUTCOME_QUOTA},
    {400, E("\"type\":\"invalid_request_error\",\"message\":\"You have reached your specified API usage limits.\""), OUTCOME_QUOTA},
    {402, E("\"type\":\"billing_error\",\"message\":\"x\""), OUTCOME_QUOTA},
    {402, E("\"message\":\"Insufficient Balance\",\"type\":\"unknown_error\""), OUTCOME_QUOTA},
    {402, "", OUTCOME_QUOTA},
    {403, E("\"code\":\"403\",\"message\":\"Out of call volume quota. Quota will be replenished in 2 days.\""), OUTCOME_QUOTA},
    /* throttled */
    {429, E("\"message\":\"Rate limit reached\",\"type\":\"requests\",\"code\":\"rate_limit_exceeded\""), OUTCOME_THROTTLED},
    {429, "[{\"error\":{\"code\":429,\"message\":\"You exceeded your current quota, please check your plan\",\"status\":\"RESOURCE_EXHAUSTED\"}}]", OUTCOME_THROTTLED},
    {429, E("\"code\":\"429\",\"message\":\"have exceeded token rate limit of your current pricing tier\""), OUTCOME_THROTTLED},
    {429, "{\"message\":\"Too many tokens, please wait before trying again.\"}", OUTCOME_THROTTLED},
    {429, "<html>slow down</html>", OUTCOME_THROTTLED},
    {429, "", OUTCOME_THROTTLED},
    {498, E("\"code\":\"capacity_exceeded\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {529, "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", OUTCOME_THROTTLED},
    /* credentials */
    {401, E("\"message\":\"Incorrect API key provided\",\"type\":\"invalid_request_error\",\"code\":\"invalid_api_key\""), OUTCOME_AUTH},
    {401, "", OUTCOME_AUTH},
    {403, E("\"code\":\"unsupported_country_region_territory\",\"message\":\"Country, region, or territory not supported\",\"type\":\"request_forbidden\""), OUTCOME_AUTH},
    {403, "<html>forbidden</html>", OUTCOME_AUTH},
    {407, "", OUTCOME_AUTH},
    {400, "[{\"error\":{\"code\":400,\"message\":\"API key not valid. Please pass a valid API key.\",\"status\":\"INVALID_ARGUMENT\"}}]", OUTCOME_AUTH},
    {400, "{\"code\":\"Client specified an invalid argument\",\"error\":\"Incorrect API key provided: xa***\"}", OUTCOME_AUTH},
    /* the request */
    {400, E("\"message\":\"Invalid value\",\"type\":\"invalid_request_error\",\"code\":null"), OUTCOME_CLIENT_FAULT},
    {400, E("\"code\":\"content_filter\",\"status\":400,\"innererror\":{\"code\":\"ResponsibleAIPolicyViolation\"},\"message\":\"filtered\""), OUTCOME_CLIENT_FAULT},
    {403, E("\"code\":\"content_policy_violation\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {403, E("\"code\":403,\"message\":\"Your chosen model requires moderation and your input was flagged\""), OUTCOME_CLIENT_FAULT},
    {404, E("\"code\":\"model_not_found\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {404, "<html>not found</html>", OUTCOME_CLIENT_FAULT},
    {413, E("\"type\":\"request_too_large\",\"message\":\"Request exceeds the maximum size\""), OUTCOME_CLIENT_FAULT},
    {400, "", OUTCOME_CLIENT_FAULT}, {405, "", OUTCOME_CLIENT_FAULT}, {415, "", OUTCOME_CLIENT_FAULT},
    {422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"field required\"}]}", OUTCOME_CLIENT_FAULT},
    /* the vendor */
    {408, "", OUTCOME_TIMEOUT},
    {409, "", OUTCOME_SERVER_ERROR}, {421, "", OUTCOME_SERVER_ERROR}, {424, "", OUTCOME_SERVER_ERROR},
    {425, "", OUTCOME_SERVER_ERROR}, {499, "", OUTCOME_SERVER_ERROR},
    {500, E("\"message\":\"x\",\"type\":\"server_error\""), OUTCOME_SERVER_ERROR},
    {500, E("\"type\":\"api_error\",\"message\":\"Overloaded\""), OUTCOME_SERVER_ERROR},
    {502, "<html>bad gateway</html>", OUTCOME_SERVER_ERROR},
    {503, E("\"type\":\"overloaded_error\",\"message\":\"x\""), OUTCOME_SERVER_ERROR},
    {504, "", OUTCOME_SERVER_ERROR}, {528, "", OUTCOME_SERVER_ERROR}, {530, "", OUTCOME_SERVER_ERROR},
    {599, "", OUTCOME_SERVER_ERROR},
    {300, "", OUTCOME_SERVER_ERROR}, {301, "", OUTCOME_SERVER_ERROR}, {399, "", OUTCOME_SERVER_ERROR},
    /* no final answer */
    {0, "", OUTCOME_BROKEN}, {-1, "", OUTCOME_BROKEN}, {100, "", OUTCOME_BROKEN}, {199, "", OUTCOME_BROKEN},
    {600, "", OUTCOME_BROKEN}, {999, "", OUTCOME_BROKEN},
    /* inside a success */
    {200, E("\"message\":\"x\",\"type\":\"server_error\""), OUTCOME_SERVER_ERROR},
    {200, E("\"type\":\"overloaded_error\",\"message\":\"Overloaded\""), OUTCOME_SERVER_ERROR},
    {200, E("\"message\":\"what is this\""), OUTCOME_SERVER_ERROR},
    {200, "{\"error\":\"something broke\"}", OUTCOME_SERVER_ERROR},
    {200, E("\"code\":\"rate_limit_exceeded\",\"type\":\"server_error\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, E("\"type\":\"rate_limit_error\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, "{\"object\":\"error\",\"message\":\"Rate limit exceeded\",\"type\":\"rate_limited\",\"param\":null,\"code\":\"1300\"}", OUTCOME_THROTTLED},
    {200, E("\"code\":429,\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, E("\"code\":\"429\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, E("\"code\":\"insufficient_quota\",\"message\":\"x\""), OUTCOME_QUOTA},
    {200, E("\"code\":402,\"message\":\"x\""), OUTCOME_QUOTA},
    {200, E("\"code\":\"context_length_exceeded\",\"message\":\"x\""), OUTCOME_TOO_LONG},
    {200, E("\"type\":\"invalid_request_error\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"code\":\"content_filter\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"code\":400,\"type\":\"BadRequestError\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"type\":\"authentication_error\",\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"code\":401,\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"code\":502,\"message\":\"x\""), OUTCOME_SERVER_ERROR},
    {200, E("\"code\":399,\"message\":\"x\""), OUTCOME_SERVER_ERROR},
    {200, E("\"code\":600,\"message\":\"x\""), OUTCOME_SERVER_ERROR},
    /* each word by itself */
    {400, E("\"type\":\"exceed_context_size_error\",\"message\":\"x\""), OUTCOME_TOO_LONG},
    {500, E("\"message\":\"the request exceeds the available context size\""), OUTCOME_TOO_LONG},
    {400, E("\"message\":\"This model's maximum prompt length is 131072 but the request contains 200000 tokens.\""), OUTCOME_TOO_LONG},
    {403, E("\"type\":\"billing_error\",\"message\":\"x\""), OUTCOME_QUOTA},
    {403, E("\"code\":\"ResponsibleAIPolicyViolation\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {400, E("\"code\":\"invalid_api_key\",\"message\":\"x\""), OUTCOME_AUTH},
    {400, E("\"status\":\"INVALID_ARGUMENT\",\"message\":\"API key expired. Please renew the API key.\""), OUTCOME_AUTH},
    {200, E("\"code\":\"RateLimitReached\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, E("\"code\":\"too_many_requests\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, E("\"code\":\"invalid_api_key\",\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"code\":\"permission_error\",\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"code\":\"unsupported_country_region_territory\",\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"code\":\"invalid_prompt\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"code\":\"BadRequestError\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"code\":\"request_too_large\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"code\":\"model_not_found\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"code\":\"not_found_error\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    {200, E("\"status\":\"RESOURCE_EXHAUSTED\",\"message\":\"x\""), OUTCOME_THROTTLED},
    {200, E("\"status\":\"PERMISSION_DENIED\",\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"status\":\"UNAUTHENTICATED\",\"message\":\"x\""), OUTCOME_AUTH},
    {200, E("\"status\":\"INVALID_ARGUMENT\",\"message\":\"x\""), OUTCOME_CLIENT_FAULT},
    /* the status stands where the body contradicts it or cannot be read */
    {429, E("\"code\":500,\"message\":\"x\""), OUTCOME_THROTTLED},
    {400, "{\"error\":{\"code\":\"context_length_exceeded\"", OUTCOME_CLIENT_FAULT},
    {500, "{\"error\":{\"code\":\"a\",\"code\":\"context_length_exceeded\"}}", OUTCOME_SERVER_ERROR},
    {400, E("\"code\":[\"context_length_exceeded\"],\"message\":{\"a\":1}"), OUTCOME_CLIENT_FAULT},
    {400, "[]", OUTCOME_CLIENT_FAULT}, {500, "null", OUTCOME_SERVER_ERROR},
};
/* clang-format on */

Test(openai_error, outcomes)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum outcome got = openai_error_outcome(cases[i].status, str_of(cases[i].body));

        cr_expect_eq(got, cases[i].want, "row %zu, %d %s: got %d want %d", i, cases[i].status,
                     cases[i].body, got, cases[i].want);
    }
}

Test(openai_error, every_status_of_a_bare_answer_has_its_class)
{
    for (int status = 300; status <= 599; status++) {
        enum outcome got = openai_error_outcome(status, STR(""));

        cr_expect_neq(got, OUTCOME_OK, "%d", status);
        cr_expect_neq(got, OUTCOME_BROKEN, "%d", status);
        if (status >= 500 && status != 529)
            cr_expect_eq(got, OUTCOME_SERVER_ERROR, "%d", status);
    }
}

Test(openai_error, a_message_is_searched_for_2048_bytes)
{
    static const char needle[] = "prompt is too long";

    for (size_t end = 2047; end <= 2049; end++) {
        char body[4096];
        int head = snprintf(body, sizeof(body), "{\"error\":{\"message\":\"");
        size_t quote = (size_t)head - 1; /* the span searched starts with the quote */

        memset(body + head, '.', sizeof(body) - (size_t)head);
        memcpy(body + quote + end - strlen(needle), needle, strlen(needle));
        memcpy(body + quote + end + 10, "\"}}", 4);
        cr_expect_eq(openai_error_outcome(400, str_of(body)),
                     end <= 2048 ? OUTCOME_TOO_LONG : OUTCOME_CLIENT_FAULT, "end %zu", end);
    }
}
