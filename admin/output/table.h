/* table.h - aligned columns for people, safe for their terminal. */
#ifndef ADMIN_OUTPUT_TABLE_H
#define ADMIN_OUTPUT_TABLE_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum table_colour { TABLE_PLAIN, TABLE_RED, TABLE_GREEN, TABLE_YELLOW, TABLE_BOLD };

struct table; /* opaque */

/* heads: borrowed literals; one that begins with '>' has its column aligned to the right.
 * Where all are empty there is no line of heads. */
struct table *table_new(const char *const *heads, size_t n);
void table_free(struct table *t); /* NULL is fine */
/* The next cell of the row; after the last column a new row begins.  Empty text is "-". */
void table_cell(struct table *t, enum table_colour colour, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
/* Leaves columns out, in that order, until what remains is at most so wide, the last column counted
 * as last_max where it is wider; the n of order are all that may go.  After the last cell. */
void table_fit(struct table *t, size_t width, const size_t *order, size_t n, size_t last_max);
/* Appends heads and rows, two spaces between columns, none at a line's end.  Colour is written
 * only when asked for and counts no width.  -1: the buffer's cap. */
int table_print(const struct table *t, bool colour, struct buf *out) MUST_CHECK;

/* Appends s so that it cannot steer a terminal or read as another text: characters that steer
 * (base/utf8.h) and bytes that are no UTF-8 become '?'. */
int table_clean(struct str s, struct buf *out) MUST_CHECK;
/* Appends text in the colour, or as it is. */
int table_paint(struct buf *out, bool on, enum table_colour colour,
                const char *text) MUST_CHECK;

#endif
