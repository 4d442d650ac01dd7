/* openai_pieces.h - what a client keeps of one event of the OpenAI dialect; dialect.h says what
 * the function owes.
 *
 * Source: OpenAI API reference, "The chat completion chunk object", "The completion object". */
#ifndef DIALECT_OPENAI_PIECES_H
#define DIALECT_OPENAI_PIECES_H

#include "base/base.h"
#include "base/str.h"
#include "dialect/dialect.h"

int openai_pieces_sift(struct str data, struct dialect_sieve *s) MUST_CHECK;

#endif
