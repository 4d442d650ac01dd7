/* openai_answer.h - what answers and stream events of the OpenAI dialect mean; dialect.h says
 * what the functions owe.
 *
 * Sources: OpenAI API reference, "Error codes", "Chat streaming" and "Usage" pages. */
#ifndef DIALECT_OPENAI_ANSWER_H
#define DIALECT_OPENAI_ANSWER_H

#include "base/str.h"
#include "dialect/dialect.h"
#include "dialect/sse.h"
#include "policy/outcome.h"

#include <stdbool.h>

/* An event of chat completions or of legacy completions. */
void openai_answer_event(const struct sse_event *sse, struct dialect_event *out);

/* A 2xx whose body is a JSON object with "error" and without "choices", "data" or "embedding"
 * is the error it is. */
enum outcome openai_answer_classify(int status, struct str body, bool body_whole,
                                    struct dialect_usage *usage);

#endif
