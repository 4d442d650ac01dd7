/* openai_error.h - what a vendor's error says, in the OpenAI dialect and its relatives. */
#ifndef DIALECT_OPENAI_ERROR_H
#define DIALECT_OPENAI_ERROR_H

#include "base/json_scan.h"
#include "base/str.h"
#include "policy/outcome.h"

#include <stdbool.h>

/* Do these two members of an answer (each perhaps absent) make it an error?  An "error" that is
 * a non-empty object or string, or "object": "error" with the fields beside it. */
bool openai_error_is(const struct json_want *error, const struct json_want *object);

/* Do these two members of a choice say that generating it failed?  OpenRouter puts an error object
 * into it, Mistral only the finish reason "error". */
bool openai_error_is_choice(const struct json_want *error,
                            const struct json_want *finish_reason);

/* The outcome of an error.  status is the answer's; 2xx for an error object inside a success or
 * a stream, which is then read by its words.  A body that says nothing readable (empty, cut, no
 * JSON) leaves the status to decide. */
enum outcome openai_error_outcome(int status, struct str body);

#endif
