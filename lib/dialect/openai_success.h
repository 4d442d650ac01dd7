/* openai_success.h - what a plain answer of the OpenAI dialect must show to be a success. */
#ifndef DIALECT_OPENAI_SUCCESS_H
#define DIALECT_OPENAI_SUCCESS_H

#include "base/json_scan.h"
#include "dialect/dialect.h"

/* What a 2xx lacks of what was asked for; NULL: nothing, it is the answer.  choices and data are
 * its members of these names, each perhaps absent.  The sentence quotes nothing of it.  *failed:
 * the choice that says that generating it failed (empty: none does); then the rest is no matter. */
const char *openai_success_lacks(const struct dialect_answer *a,
                                 const struct json_want *choices, const struct json_want *data,
                                 struct str *failed);

#endif
