/* table.c - aligned columns for people.
 *
 * Every cell goes through table_clean(): names, reasons and what routers say about themselves
 * come from Redis, and an escape sequence in a reason must not reach an operator's terminal.
 * Widths count characters, not bytes.
 */
#include "admin/output/table.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_MAX_BYTES 4096
#define GAP            2

struct cell {
    char *text;
    size_t width;
    enum table_colour colour;
};

struct table {
    const char *const *heads;
    size_t n_columns, *widths;
    bool *hidden;       /* of columns */
    struct cell *cells; /* row by row */
    size_t n_cells, cap;
};

static const char *const codes[] = {
    [TABLE_PLAIN] = "",          [TABLE_RED] = "\033[31m", [TABLE_GREEN] = "\033[32m",
    [TABLE_YELLOW] = "\033[33m", [TABLE_BOLD] = "\033[1m",
};

int table_clean(struct str s, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)s.ptr;

    for (size_t i = 0, n; i < s.len; i += n) {
        n = utf8_len(p + i, s.len - i);
        if (n == 0 || utf8_steers(utf8_get(p + i, n))) {
            n = n == 0 ? 1 : n;
            if (buf_append(out, "?", 1) < 0)
                return -1;
        } else if (buf_append(out, p + i, n) < 0) {
            return -1;
        }
    }
    return 0;
}

int table_paint(struct buf *out, bool on, enum table_colour colour, const char *text)
{
    if (!on || colour == TABLE_PLAIN)
        return buf_append(out, text, strlen(text));
    return buf_appendf(out, "%s%s\033[0m", codes[colour], text);
}

static size_t width_of(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80; /* not a continuation byte */
    return n;
}

static bool is_right(const char *head)
{
    return head[0] == '>';
}

static const char *head_text(const char *head)
{
    return head + is_right(head);
}

struct table *table_new(const char *const *heads, size_t n)
{
    struct table *t = xcalloc(1, sizeof(*t));

    t->heads = heads;
    t->n_columns = n;
    t->widths = xcalloc(n, sizeof(t->widths[0]));
    t->hidden = xcalloc(n, sizeof(t->hidden[0]));
    for (size_t i = 0; i < n; i++)
        t->widths[i] = width_of(head_text(heads[i]));
    return t;
}

void table_free(struct table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_cells; i++)
        free(t->cells[i].text);
    free(t->cells);
    free(t->widths);
    free(t->hidden);
    free(t);
}

void table_cell(struct table *t, enum table_colour colour, const char *fmt, ...)
{
    char text[CELL_MAX_BYTES];
    struct buf clean;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_init(&clean, CELL_MAX_BYTES);
    if (table_clean(str_of(text), &clean) < 0)
        abort(); /* cleaning never makes a text longer */
    if (t->n_cells == t->cap) {
        t->cap = t->cap == 0 ? 64 : t->cap * 2;
        t->cells = xrealloc(t->cells, t->cap * sizeof(t->cells[0]));
    }
    struct cell *c = &t->cells[t->n_cells];
    size_t *width = &t->widths[t->n_cells++ % t->n_columns];

    c->text = clean.len > 0 ? buf_take(&clean) : xstrdup("-");
    c->width = width_of(c->text);
    c->colour = colour;
    if (c->width > *width)
        *width = c->width;
    buf_release(&clean);
}

static size_t width_of_row(const struct table *t, size_t last_max)
{
    size_t last = t->widths[t->n_columns - 1], sum = last < last_max ? last : last_max;

    for (size_t i = 0; i + 1 < t->n_columns; i++)
        sum += t->hidden[i] ? 0 : t->widths[i] + GAP;
    return sum;
}

void table_fit(struct table *t, size_t width, const size_t *order, size_t n, size_t last_max)
{
    for (size_t i = 0; i < n && width_of_row(t, last_max) > width; i++)
        t->hidden[order[i]] = true;
}

static int pad(struct buf *out, size_t n)
{
    return buf_appendf(out, "%*s", (int)n, "");
}

static int print_cell(const struct table *t, size_t column, const char *text, size_t width,
                      enum table_colour colour, bool on, struct buf *out)
{
    size_t fill = t->widths[column] - width;
    bool last = column + 1 == t->n_columns;

    if (t->hidden[column])
        return 0;
    if (is_right(t->heads[column]) && pad(out, fill) < 0)
        return -1;
    if (table_paint(out, on, colour, text) < 0)
        return -1;
    if (last)
        return buf_append(out, "\n", 1);
    return pad(out, GAP + (is_right(t->heads[column]) ? 0 : fill));
}

static bool has_heads(const struct table *t)
{
    for (size_t i = 0; i < t->n_columns; i++)
        if (t->heads[i][0] != '\0')
            return true;
    return false;
}

int table_print(const struct table *t, bool colour, struct buf *out)
{
    assert(t->n_columns > 0);
    for (size_t i = 0; i < t->n_columns && has_heads(t); i++) {
        const char *head = head_text(t->heads[i]);

        if (print_cell(t, i, head, width_of(head), TABLE_BOLD, colour, out) < 0)
            return -1;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        const struct cell *c = &t->cells[i];

        if (print_cell(t, i % t->n_columns, c->text, c->width, c->colour, colour, out) < 0)
            return -1;
    }
    return 0;
}
