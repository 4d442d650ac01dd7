/* answer.h - the bytes of an OpenAI-shaped vendor's answers.
 *
 * Source: OpenAI API reference, the "object" pages of chat completions, chunks, completions,
 * embeddings and models, and "Error codes". */
#ifndef REGION_ANSWER_H
#define REGION_ANSWER_H

#include "base/buf.h"
#include "tests/region/prompt.h"
#include "tests/region/speech.h"

#include <stdbool.h>
#include <stdint.h>

struct voice { /* how this region speaks; the program's flags */
    const char *name;
    const char *text;   /* seed of the text; NULL: echo the request */
    const char *models; /* comma-separated, for GET /models */
    bool stamp;         /* chunks carry x_sent_us, CLOCK_MONOTONIC */
    size_t tokens;      /* a seeded text has; a request's max_tokens may cut it */
};

struct answer { /* one answer under way */
    const struct voice *voice;
    enum prompt_kind kind;
    char model[256];
    int64_t created_s, prompt_tokens;
    struct speech speech;
    char *echo;     /* owned; what speech.echo borrows */
    bool cut_short; /* max_tokens was smaller than what there was to say */
    bool usage;
    uint64_t n; /* of the attempt */
};

/* events and chunk_bytes: -1 for what the request and the flags make of it. */
void answer_init(struct answer *a, const struct voice *voice, const struct prompt *prompt,
                 int64_t events, int64_t chunk_bytes);
void answer_release(struct answer *a);

void answer_plain(struct answer *a, const struct prompt *prompt, struct buf *out);

/* Data of one stream event each, without its framing. */
void answer_role(const struct answer *a, struct buf *out);
bool answer_content(struct answer *a, struct buf *out); /* false: all has been said */
void answer_finish(const struct answer *a, struct buf *out);
void answer_usage(const struct answer *a, struct buf *out);

/* param and code may be NULL. */
void answer_error(struct buf *out, const char *message, const char *type, const char *param,
                  const char *code);
void answer_status(struct buf *out, int status); /* the vendor's usual body for it */
void answer_models(const struct voice *voice, struct buf *out);
const char *answer_reason(int status);

#endif
