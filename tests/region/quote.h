/* quote.h - writes JSON strings. */
#ifndef REGION_QUOTE_H
#define REGION_QUOTE_H

#include "base/buf.h"

/* Appends s in double quotes.  s is valid UTF-8 and stays it.  A full buffer ends the program:
 * the buffers of this program are sized by its own limits. */
void quote_text(struct buf *out, struct str s);
/* The same for bytes of any kind: each byte from 0x80 on becomes the code point of its value,
 * so a reader gets the bytes back by encoding the string as Latin-1. */
void quote_bytes(struct buf *out, struct str s);

/* Append or die. */
void quote_add(struct buf *out, const void *data, size_t len);
void quote_addf(struct buf *out, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
