/* openai_text.h - the text of one event of the OpenAI dialect; dialect.h says what the function
 * owes. */
#ifndef DIALECT_OPENAI_TEXT_H
#define DIALECT_OPENAI_TEXT_H

#include "base/str.h"
#include "dialect/dialect.h"

enum dialect_text openai_text_read(struct str data, struct str *text);

#endif
