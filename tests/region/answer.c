/* answer.c - an OpenAI-shaped vendor's answers; answer.h has the contract. */
#include "tests/region/answer.h"

#include "base/clock.h"
#include "tests/region/quote.h"

#include <stdlib.h>
#include <string.h>

#define PIECE_MAX (2u << 20)
#define TEXT_MAX  (16u << 20) /* of a plain answer: more is not said */

void answer_init(struct answer *a, const struct voice *voice, const struct prompt *prompt,
                 int64_t events, int64_t chunk_bytes)
{
    struct buf echo;
    size_t max = prompt->max_tokens > 0 ? (size_t)prompt->max_tokens : SIZE_MAX;

    *a = (struct answer){.voice = voice, .kind = prompt->kind, .usage = true};
    memcpy(a->model, prompt->model, sizeof(a->model));
    a->created_s = clock_wall_ms() / 1000;
    a->prompt_tokens = prompt->text_tokens;
    a->speech.seed = speech_hash(0, str_of(voice->text != NULL ? voice->text : voice->name));
    a->speech.seed = speech_hash(a->speech.seed, str_of(prompt->text));
    if (chunk_bytes > 0)
        a->speech.piece_bytes = (size_t)chunk_bytes;
    if (voice->text == NULL) {
        buf_init(&echo, PIECE_MAX);
        quote_addf(&echo, "Hello from %s: ", voice->name);
        quote_add(&echo, prompt->text, strlen(prompt->text));
        a->echo = buf_take(&echo);
        a->speech.echo = str_of(a->echo);
    }
    a->speech.n = a->echo != NULL ? speech_words(a->speech.echo) : voice->tokens;
    a->cut_short = max < a->speech.n;
    if (a->cut_short)
        a->speech.n = max;
    if (events >= 0)
        a->speech.n = (size_t)events;
}

void answer_release(struct answer *a)
{
    free(a->echo);
    a->echo = NULL;
}

static void usage(const struct answer *a, struct buf *out)
{
    quote_addf(out, "{\"prompt_tokens\":%lld,\"completion_tokens\":%zu,\"total_tokens\":%lld}",
               (long long)a->prompt_tokens, a->speech.i,
               (long long)a->prompt_tokens + (long long)a->speech.i);
}

static void begin(const struct answer *a, const char *object, struct buf *out)
{
    quote_addf(out, "{\"id\":\"%s-%s-%llu\",\"object\":\"%s\",\"created\":%lld,\"model\":",
               a->kind == PROMPT_CHAT ? "chatcmpl" : "cmpl", a->voice->name,
               (unsigned long long)a->n, object, (long long)a->created_s);
    quote_text(out, str_of(a->model));
}

static const char *finish_reason(const struct answer *a)
{
    return a->cut_short ? "length" : "stop";
}

static void embeddings(const struct answer *a, const struct prompt *prompt, struct buf *out)
{
    quote_addf(out, "{\"object\":\"list\",\"data\":[");
    for (int64_t i = 0; i < prompt->n_inputs; i++) {
        quote_addf(out, "%s{\"object\":\"embedding\",\"index\":%lld,\"embedding\":[",
                   i > 0 ? "," : "", (long long)i);
        for (uint64_t k = 0; k < 8; k++) {
            struct str at = {(const char *)&k, sizeof(k)};
            uint64_t h = speech_hash(a->speech.seed + (uint64_t)i, at);

            quote_addf(out, "%s0.%06llu", k > 0 ? "," : "", (unsigned long long)(h % 1000000));
        }
        quote_addf(out, "]}");
    }
    quote_addf(out, "],\"model\":");
    quote_text(out, str_of(a->model));
    quote_addf(out, ",\"usage\":{\"prompt_tokens\":%lld,\"total_tokens\":%lld}}",
               (long long)a->prompt_tokens, (long long)a->prompt_tokens);
}

void answer_plain(struct answer *a, const struct prompt *prompt, struct buf *out)
{
    struct buf text;

    if (a->kind == PROMPT_EMBEDDING) {
        embeddings(a, prompt, out);
        return;
    }
    buf_init(&text, out->max);
    while (text.len < TEXT_MAX && speech_next(&a->speech, &text))
        continue;
    struct str said = {text.data != NULL ? text.data : "", text.len};

    begin(a, a->kind == PROMPT_CHAT ? "chat.completion" : "text_completion", out);
    quote_addf(out, ",\"choices\":[{\"index\":0,");
    if (a->kind == PROMPT_CHAT) {
        quote_addf(out, "\"message\":{\"role\":\"assistant\",\"content\":");
        quote_text(out, said);
        quote_addf(out, ",\"refusal\":null}");
    } else {
        quote_addf(out, "\"text\":");
        quote_text(out, said);
    }
    quote_addf(out, ",\"logprobs\":null,\"finish_reason\":\"%s\"}]", finish_reason(a));
    if (a->usage) {
        quote_addf(out, ",\"usage\":");
        usage(a, out);
    }
    quote_addf(out, "}");
    buf_release(&text);
}

static void chunk(const struct answer *a, const char *delta, const struct buf *text,
                  const char *finish, struct buf *out)
{
    begin(a, a->kind == PROMPT_CHAT ? "chat.completion.chunk" : "text_completion", out);
    if (a->voice->stamp)
        quote_addf(out, ",\"x_sent_us\":%lld", (long long)clock_mono_us());
    quote_addf(out, ",\"choices\":[{\"index\":0,%s",
               a->kind == PROMPT_CHAT ? "\"delta\":{" : "");
    quote_add(out, delta, strlen(delta));
    if (text != NULL)
        quote_text(out, (struct str){text->data != NULL ? text->data : "", text->len});
    quote_addf(out, "%s,\"logprobs\":null,\"finish_reason\":%s}]}",
               a->kind == PROMPT_CHAT ? "}" : "", finish);
}

void answer_role(const struct answer *a, struct buf *out)
{
    bool chat = a->kind == PROMPT_CHAT;

    chunk(a, chat ? "\"role\":\"assistant\",\"content\":\"\"" : "\"text\":\"\"", NULL, "null",
          out);
}

bool answer_content(struct answer *a, struct buf *out)
{
    struct buf piece;
    bool more;

    buf_init(&piece, PIECE_MAX);
    more = speech_next(&a->speech, &piece);
    if (more)
        chunk(a, a->kind == PROMPT_CHAT ? "\"content\":" : "\"text\":", &piece, "null", out);
    buf_release(&piece);
    return more;
}

void answer_finish(const struct answer *a, struct buf *out)
{
    chunk(a, a->kind == PROMPT_CHAT ? "" : "\"text\":\"\"", NULL,
          a->cut_short ? "\"length\"" : "\"stop\"", out);
}

void answer_usage(const struct answer *a, struct buf *out)
{
    begin(a, a->kind == PROMPT_CHAT ? "chat.completion.chunk" : "text_completion", out);
    quote_addf(out, ",\"choices\":[],\"usage\":");
    usage(a, out);
    quote_addf(out, "}");
}

static void text_or_null(struct buf *out, const char *name, const char *text)
{
    quote_addf(out, ",\"%s\":", name);
    if (text != NULL)
        quote_text(out, str_of(text));
    else
        quote_addf(out, "null");
}

void answer_error(struct buf *out, const char *message, const char *type, const char *param,
                  const char *code)
{
    quote_addf(out, "{\"error\":{\"message\":");
    quote_text(out, str_of(message));
    text_or_null(out, "type", type);
    text_or_null(out, "param", param);
    text_or_null(out, "code", code);
    quote_addf(out, "}}");
}

static const struct status {
    int status;
    const char *reason, *message, *type, *code;
} statuses[] = {
    {200, "OK", NULL, NULL, NULL},
    {400, "Bad Request", "Invalid request.", "invalid_request_error", NULL},
    {401, "Unauthorized", "Incorrect API key provided.", "invalid_request_error",
     "invalid_api_key"},
    {403, "Forbidden", "You are not allowed to use this model.", "invalid_request_error", NULL},
    {404, "Not Found", "There is no such thing here.", "invalid_request_error", "not_found"},
    {408, "Request Timeout", "The request took too long to arrive.", "timeout", NULL},
    {413, "Content Too Large", "The request is too large.", "invalid_request_error", NULL},
    {422, "Unprocessable Content", "Invalid request.", "invalid_request_error", NULL},
    {429, "Too Many Requests", "Rate limit reached for requests.", "requests",
     "rate_limit_exceeded"},
    {500, "Internal Server Error", "The server had an error while processing your request.",
     "server_error", NULL},
    {502, "Bad Gateway", "The server had an error while processing your request.",
     "server_error", NULL},
    {503, "Service Unavailable", "The engine is currently overloaded, please try again later.",
     "server_error", NULL},
    {504, "Gateway Timeout", "The server took too long.", "server_error", NULL},
    {529, "Overloaded", "The region is overloaded.", "overloaded_error", NULL},
};

static const struct status *find_status(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return &statuses[i];
    return NULL;
}

const char *answer_reason(int status)
{
    const struct status *s = find_status(status);

    return s != NULL ? s->reason : "Status";
}

void answer_status(struct buf *out, int status)
{
    const struct status *s = find_status(status);

    if (s == NULL || s->message == NULL)
        answer_error(out, "This region was told to answer so.", "server_error", NULL, NULL);
    else
        answer_error(out, s->message, s->type, NULL, s->code);
}

void answer_models(const struct voice *voice, struct buf *out)
{
    struct str rest = str_of(voice->models);
    const char *comma = "";

    quote_addf(out, "{\"object\":\"list\",\"data\":[");
    while (rest.len > 0) {
        struct str id = str_split(rest, ',', &rest);

        quote_addf(out, "%s{\"id\":", comma);
        quote_text(out, id);
        quote_addf(out, ",\"object\":\"model\",\"created\":1700000000,\"owned_by\":");
        quote_text(out, str_of(voice->name));
        quote_addf(out, "}");
        comma = ",";
    }
    quote_addf(out, "]}");
}
