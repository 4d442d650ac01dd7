/* prompt.h - what an OpenAI-shaped request asks for. */
#ifndef REGION_PROMPT_H
#define REGION_PROMPT_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define PROMPT_TEXT_MAX 2048 /* of the last message; longer text is cut for the echo */

enum prompt_kind { PROMPT_CHAT, PROMPT_COMPLETION, PROMPT_EMBEDDING };

struct prompt {
    enum prompt_kind kind;
    char model[256];
    char text[PROMPT_TEXT_MAX]; /* the last user message, the prompt, or the first input */
    int64_t text_tokens;        /* estimate, from text */
    bool stream, include_usage;
    int64_t max_tokens; /* 0: not said */
    int64_t n_inputs;   /* embeddings */
};

struct prompt_error {
    char message[160];
    const char *param; /* the member at fault; NULL: the whole body */
};

/* -1 with *err when a vendor would answer 400. */
int prompt_read(enum prompt_kind kind, struct str body, struct prompt *out,
                struct prompt_error *err);

#endif
