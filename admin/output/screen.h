/* screen.h - draws text over what a terminal shows. */
#ifndef ADMIN_OUTPUT_SCREEN_H
#define ADMIN_OUTPUT_SCREEN_H

#include "base/base.h"
#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdio.h>

struct screen_size {
    size_t rows, columns;
};

/* The terminal's size behind f; 24 x 80 where it does not say. */
struct screen_size screen_size(FILE *f);

/* Appends what draws text (lines of characters and SGR sequences) from the top left corner, cut
 * to the size: long lines at the right, surplus lines below, with a count in the last row.
 * first: the screen is cleared before. */
int screen_draw(struct buf *out, struct str text, struct screen_size size,
                bool first) MUST_CHECK;

#endif
