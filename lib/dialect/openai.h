/* openai.h - the OpenAI dialect: what its answers and stream events mean.
 *
 * Sources: OpenAI API reference, "Error codes", "Chat streaming" and "Usage" pages. */
#ifndef DIALECT_OPENAI_H
#define DIALECT_OPENAI_H

#include "base/str.h"
#include "policy/outcome.h"

#include <stdbool.h>
#include <stdint.h>

enum openai_event {
    OPENAI_EV_META,      /* no content: role only, ping, empty delta */
    OPENAI_EV_CONTENT,   /* text, tool call, reasoning or refusal for the client */
    OPENAI_EV_DONE,      /* data: [DONE] */
    OPENAI_EV_ERROR,     /* an error object inside the stream */
    OPENAI_EV_MALFORMED, /* not JSON, or not an object */
};

struct openai_usage {
    bool known;
    int64_t prompt_tokens, completion_tokens, cached_tokens;
};

#define OPENAI_CHOICES_MAX 128 /* that are told apart: the largest n of OpenAI */

struct openai_choices { /* a set of choices, by their index; larger ones count as the last */
    uint64_t bits[OPENAI_CHOICES_MAX / 64];
};
void openai_choices_add(struct openai_choices *set, const struct openai_choices *more);
int openai_choices_count(const struct openai_choices *set);
bool openai_choices_within(const struct openai_choices *part, const struct openai_choices *set);

struct openai_chunk {
    enum openai_event kind;
    bool finish; /* carries a finish reason (it may carry content as well) */
    struct openai_choices content, finished; /* whose content and whose finish reason it has */
    bool usage_only;           /* empty choices: the extra chunk of include_usage */
    struct openai_usage usage; /* known when the event carried one */
    enum outcome error;        /* kind ERROR: how it is to be read */
};

/* Reads the data of one stream event (chat completions and legacy completions). */
void openai_read_chunk(struct str data, struct openai_chunk *out);

/* How a complete answer is to be read.  body may be empty or cut when it exceeded what we keep
 * (body_whole false); a 2xx whose body is a JSON object with "error" and without "choices",
 * "data" or "embedding" is the error it is.  usage may be NULL: what a whole answer that is no
 * error says it used, read in the same pass; not known in all other cases. */
enum outcome openai_classify(int status, struct str body, bool body_whole,
                             struct openai_usage *usage);

#endif
