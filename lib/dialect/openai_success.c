/* openai_success.c - what makes a 2xx an answer; openai_success.h has the contract.
 *
 * A balancer's {"message":"Service busy"}, a framework's {"detail":"Not Found"} and {} are JSON
 * objects with a 200 as well.  So a success is told by what it must have, not by the absence of
 * an error, and by no more than that: members nobody knows are the vendor's matter.
 *
 * A FINISH REASON is part of the API's schema and most answers' proof that they are whole.  A
 * plain answer may still lack it (null, or "" as some write it) where it has content: its
 * framing and its JSON ended, and the official Python and Node clients hand it out as it is.
 * Without content there is nothing to hand out.  One that is to be played as a stream needs it:
 * a stream without one counts as cut.
 *
 * REJECTED  Asking for content: an empty text with "length", "content_filter" or "stop" is what
 * a reasoning model says that used up its tokens, or that had nothing to say.
 *
 * Sources: OpenAI API reference, "The chat completion object", "The completion object", "The
 * embedding object", "The model object"; openai-python, whose embeddings.create() refuses an
 * answer without data. */
#include "dialect/openai_success.h"

#include "dialect/openai_error.h"

/* A member that may be absent, null, a text or a list of parts. */
static bool is_text_like(const struct json_want *w)
{
    return w->type == JSON_NONE || w->type == JSON_NULL || w->type == JSON_STRING ||
           w->type == JSON_ARRAY;
}

enum shown { SHOWS_NOTHING, SHOWS_A_SHELL, SHOWS_CONTENT };

/* An assistant's message: a shell is one that is empty. */
static enum shown read_message(const struct json_want *message)
{
    struct json_want w[] = {{.name = "content"},
                            {.name = "tool_calls"},
                            {.name = "refusal"},
                            {.name = "function_call"},
                            {.name = "reasoning_content"},
                            {.name = "reasoning"},
                            {.name = "reasoning_details"},
                            {.name = "thinking_blocks"},
                            {.name = "audio"},
                            {.name = "images"}};

    if (message->type != JSON_OBJECT || message->count == 0 ||
        json_scan_lax(message->span, w, ARRAY_LEN(w)) < 0 || !is_text_like(&w[0]))
        return SHOWS_NOTHING;
    for (size_t i = 0; i < ARRAY_LEN(w); i++)
        if (json_scan_is_filled(&w[i]))
            return SHOWS_CONTENT;
    return SHOWS_A_SHELL;
}

static enum shown read_text(const struct json_want *text)
{
    return text->type != JSON_STRING   ? SHOWS_NOTHING
           : json_scan_is_filled(text) ? SHOWS_CONTENT
                                       : SHOWS_A_SHELL;
}

enum { C_SAID, C_FINISH, C_ERROR, N_MEMBERS };

static const char *choice_lacks(const struct dialect_answer *a, const struct json_want *c)
{
    bool chat = a->path == DIALECT_CHAT;
    enum shown shown = chat ? read_message(&c[C_SAID]) : read_text(&c[C_SAID]);
    bool finished = c[C_FINISH].type == JSON_STRING && json_scan_is_filled(&c[C_FINISH]);

    if (shown == SHOWS_NOTHING)
        return chat ? "no choice with a message" : "no choice with a text";
    if (!finished && a->as_stream)
        return "no finish reason to end a stream with";
    return finished || shown == SHOWS_CONTENT ? NULL : "neither content nor a finish reason";
}

/* One choice is enough of a plain answer; a stream is played from all of them.  Each is looked at
 * all the same: one that failed makes the answer an error. */
static const char *choices_lack(const struct dialect_answer *a, const struct json_want *choices,
                                struct str *failed)
{
    const char *lacks = "no choices";
    bool decided = choices->type != JSON_ARRAY;
    size_t at = 0;
    struct str choice;
    enum json_type type;

    while (choices->type == JSON_ARRAY && json_scan_next(choices->span, &at, &choice, &type)) {
        struct json_want c[N_MEMBERS] = {
            [C_SAID] = {.name = a->path == DIALECT_CHAT ? "message" : "text"},
            [C_FINISH] = {.name = "finish_reason"},
            [C_ERROR] = {.name = "error"}};
        bool readable = type == JSON_OBJECT && json_scan_lax(choice, c, N_MEMBERS) == 0;

        if (readable && openai_error_is_choice(&c[C_ERROR], &c[C_FINISH])) {
            *failed = choice;
            return NULL;
        }
        if (decided)
            continue;
        lacks = readable ? choice_lacks(a, c) : "no choice that can be read";
        decided = (lacks == NULL) != a->as_stream;
    }
    return lacks;
}

/* Numbers, or their bytes in base64. */
static bool is_vector(struct str item, enum json_type type)
{
    struct json_want vector = {.name = "embedding"};

    return type == JSON_OBJECT && json_scan_lax(item, &vector, 1) == 0 &&
           json_scan_is_filled(&vector);
}

static const char *vectors_lack(const struct dialect_answer *a, const struct json_want *data)
{
    size_t at = 0;
    struct str item;
    enum json_type type;

    if (data->type != JSON_ARRAY || data->count == 0)
        return "no list of embeddings";
    if ((int64_t)data->count < a->inputs)
        return "fewer embeddings than inputs";
    while (json_scan_next(data->span, &at, &item, &type))
        if (!is_vector(item, type))
            return "an embedding without its vector";
    return NULL;
}

/* A server written in Go says null for an empty list, and the official clients read that. */
static const char *models_lack(const struct json_want *data)
{
    return data->type == JSON_ARRAY || data->type == JSON_NULL ? NULL : "no list of models";
}

const char *openai_success_lacks(const struct dialect_answer *a,
                                 const struct json_want *choices, const struct json_want *data,
                                 struct str *failed)
{
    *failed = (struct str){NULL, 0};
    switch (a->path) {
    case DIALECT_CHAT:
    case DIALECT_COMPLETIONS:
        return choices_lack(a, choices, failed);
    case DIALECT_EMBEDDINGS:
        return vectors_lack(a, data);
    case DIALECT_MODELS:
        return models_lack(data);
    case N_DIALECT_PATHS:
        break;
    }
    return NULL;
}
