/* openai_request.h - a client's body in the OpenAI dialect; dialect.h says what the functions
 * owe. */
#ifndef DIALECT_OPENAI_REQUEST_H
#define DIALECT_OPENAI_REQUEST_H

#include "base/buf.h"
#include "base/str.h"
#include "dialect/chat_request.h"

#include <stdbool.h>
#include <stddef.h>

int openai_request_read(struct chat_request *a, enum dialect_path path, struct str body,
                        size_t depth_max, struct chat_request_error *err) MUST_CHECK;
int openai_request_splice(const struct chat_request *a, const char *model, bool usage,
                          struct buf *buf, struct str *out) MUST_CHECK;

#endif
