/* screen.c - draws text over what a terminal shows. */
#include "admin/output/screen.h"

#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#define HOME        "\033[H"
#define CLEAR       "\033[2J"
#define TO_LINE_END "\033[K"
#define TO_END      "\033[J"
#define PLAIN       "\033[0m"

struct screen_size screen_size(FILE *f)
{
    struct winsize w;

    if (ioctl(fileno(f), TIOCGWINSZ, &w) < 0 || w.ws_row < 2 || w.ws_col < 2)
        return (struct screen_size){24, 80};
    return (struct screen_size){w.ws_row, w.ws_col};
}

/* Bytes of the line's part that fits; SGR sequences and continuation bytes take no column. */
static size_t fitting(struct str line, size_t columns)
{
    size_t used = 0;

    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.ptr[i];

        if (c == '\033') {
            while (i < line.len && line.ptr[i] != 'm')
                i++;
        } else if ((c & 0xc0) != 0x80 && used++ == columns) {
            return i;
        }
    }
    return line.len;
}

static size_t count_lines(struct str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++)
        n += text.ptr[i] == '\n';
    return n + (text.len > 0 && text.ptr[text.len - 1] != '\n');
}

static int draw_line(struct buf *out, struct str line, size_t columns)
{
    size_t n = fitting(line, columns);

    if (buf_append(out, line.ptr, n) < 0)
        return -1;
    if (n < line.len && buf_append(out, PLAIN, strlen(PLAIN)) < 0)
        return -1;
    return buf_append(out, TO_LINE_END "\n", strlen(TO_LINE_END) + 1);
}

int screen_draw(struct buf *out, struct str text, struct screen_size size, bool first)
{
    size_t lines = count_lines(text), room = size.rows - 1, shown = 0;
    struct str rest = text;

    if (lines > room)
        room--; /* for the count */
    if (buf_appendf(out, "%s" HOME, first ? CLEAR : "") < 0)
        return -1;
    while (rest.len > 0 && shown < room) {
        struct str line = str_split(rest, '\n', &rest);

        if (draw_line(out, line, size.columns) < 0)
            return -1;
        shown++;
    }
    if (lines > shown &&
        buf_appendf(out, "... and %zu more lines" TO_LINE_END "\n", lines - shown) < 0)
        return -1;
    return buf_append(out, TO_END, strlen(TO_END));
}
