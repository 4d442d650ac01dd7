/* chat_request.h - what a client asks for: the few fields the router reads, where they stand,
 * and the two it may change.
 *
 * The body is validated and scanned once, never decoded and re-encoded: what goes upstream is
 * the client's bytes with at most two spliced values (the model's name, stream_options).  A
 * dialect's read_request fills it, its splice_request writes the body for a target. */
#ifndef DIALECT_CHAT_REQUEST_H
#define DIALECT_CHAT_REQUEST_H

#include "base/str.h"
#include "dialect/dialect.h"

#include <stdbool.h>
#include <stdint.h>

#define CHAT_REQUEST_MODEL_MAX 256 /* bytes of a model name */

struct chat_request {
    enum dialect_path path;
    struct str body; /* borrowed from the caller for the life of the request */
    char model[CHAT_REQUEST_MODEL_MAX + 1];
    bool stream;
    bool wants_usage; /* stream_options.include_usage is true */
    bool has_temperature, has_seed;
    double temperature;
    int64_t seed;
    int64_t max_tokens; /* the larger of max_tokens, max_completion_tokens; -1: none */
    size_t n_messages;
    int64_t n_choices;         /* n for each prompt: answers asked for; 1 by default */
    int64_t n_inputs;          /* embeddings: vectors asked for; 0: it cannot be told */
    struct str user;           /* the raw JSON string, quotes included; ptr NULL: none */
    struct str model_span;     /* spans within body, for splice_request */
    struct str stream_options; /* ptr NULL: none */
    bool stream_options_is_object;
    struct str include_usage; /* its value within stream_options; ptr NULL: none */
};

struct chat_request_error {   /* what the 400 says */
    const char *param, *code; /* either may be NULL */
    char message[256];
};

#endif
