/* openai_replay.h - a plain answer of the OpenAI dialect as the stream that would have said the
 * same; dialect.h says what the function owes (write_stream). */
#ifndef DIALECT_OPENAI_REPLAY_H
#define DIALECT_OPENAI_REPLAY_H

#include "base/buf.h"
#include "base/str.h"
#include "dialect/dialect.h"

#include <stdbool.h>

int openai_replay_write(struct buf *out, enum dialect_path path, struct str answer,
                        bool usage) MUST_CHECK;

#endif
