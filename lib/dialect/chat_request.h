/* chat_request.h - what a client asks for: the few fields the router reads, where they stand,
 * and the two it may change.
 *
 * The body is validated and scanned once, never decoded and re-encoded: what goes upstream is
 * the client's bytes with at most two spliced values (the model's name, stream_options). */
#ifndef DIALECT_CHAT_REQUEST_H
#define DIALECT_CHAT_REQUEST_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define CHAT_REQUEST_MODEL_MAX 256 /* bytes of a model name */

enum chat_request_kind { CHAT_REQUEST_CHAT, CHAT_REQUEST_COMPLETION, CHAT_REQUEST_EMBEDDING };

struct chat_request {
    enum chat_request_kind kind;
    struct str body; /* borrowed from the caller for the life of the ask */
    char model[CHAT_REQUEST_MODEL_MAX + 1];
    bool stream;
    bool wants_usage; /* stream_options.include_usage is true */
    bool has_temperature, has_seed;
    double temperature;
    int64_t seed;
    int64_t max_tokens; /* the larger of max_tokens, max_completion_tokens; -1: none */
    size_t n_messages;
    int64_t n_choices;         /* n for each prompt: answers asked for; 1 by default */
    struct str user;           /* the raw JSON string, quotes included; ptr NULL: none */
    struct str model_span;     /* spans within body, for chat_request_splice */
    struct str stream_options; /* ptr NULL: none */
    bool stream_options_is_object;
    struct str include_usage; /* its value within stream_options; ptr NULL: none */
};

struct chat_request_error {   /* what the 400 says */
    const char *param, *code; /* either may be NULL */
    char message[256];
};

/* Reads body.  -1: *err says what is wrong and where.  depth_max bounds nesting. */
int chat_request_read(struct chat_request *a, enum chat_request_kind kind, struct str body,
                      size_t depth_max, struct chat_request_error *err) MUST_CHECK;

/* The body for a target: model NULL keeps the client's name; usage asks for the usage block of
 * a stream.  When nothing changes *out is the client's own body and buf stays empty; otherwise
 * *out borrows buf.  -1: buf's cap. */
int chat_request_splice(const struct chat_request *a, const char *model, bool usage,
                        struct buf *buf, struct str *out) MUST_CHECK;

#endif
