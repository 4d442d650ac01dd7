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

/* A 2xx that does not show what a success of its path has (openai_success.h) is the error that
 * it names, or else broken. */
void openai_answer_classify(const struct dialect_answer *a, struct dialect_reading *out);

#endif
