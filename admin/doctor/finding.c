/* finding.c - what a doctor found: kept, printed, counted. */
#include "admin/doctor/finding.h"

#include "admin/output/table.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* clang-format off */
static const struct {
    const char *name;
    enum table_colour colour;
} levels[N_FINDING_LEVELS] = {
    [FINDING_OK]      = {"ok",      TABLE_GREEN},
    [FINDING_UNKNOWN] = {"unknown", TABLE_PLAIN},
    [FINDING_WARN]    = {"warn",    TABLE_YELLOW},
    [FINDING_BAD]     = {"bad",     TABLE_RED},
};
/* clang-format on */

const char *finding_level_name(enum finding_level level)
{
    return levels[level].name;
}

void findings_release(struct findings *f)
{
    free(f->list);
    *f = (struct findings){0};
}

void finding_add(struct findings *f, enum finding_level level, const char *check,
                 const char *fmt, ...)
{
    va_list ap;

    if (f->n == f->cap) {
        f->cap = f->cap > 0 ? 2 * f->cap : 32;
        f->list = realloc(f->list, f->cap * sizeof(f->list[0]));
        if (f->list == NULL)
            base_out_of_memory("findings", f->cap * sizeof(f->list[0]));
    }
    struct finding *one = &f->list[f->n++];

    one->level = level;
    one->check = check;
    one->todo[0] = '\0';
    va_start(ap, fmt);
    vsnprintf(one->what, sizeof(one->what), fmt, ap);
    va_end(ap);
}

void finding_todo(struct findings *f, const char *fmt, ...)
{
    struct finding *last = &f->list[f->n - 1];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(last->todo, sizeof(last->todo), fmt, ap);
    va_end(ap);
}

size_t findings_count(const struct findings *f, enum finding_level level)
{
    size_t n = 0;

    for (size_t i = 0; i < f->n; i++)
        n += f->list[i].level == level;
    return n;
}

int findings_print(const struct findings *f, bool colour, struct buf *out)
{
    static const char *const heads[] = {"", "", ""};
    struct table *t = table_new(heads, ARRAY_LEN(heads));

    for (size_t i = 0; i < f->n; i++) {
        const struct finding *one = &f->list[i];

        table_cell(t, levels[one->level].colour, "%s", finding_level_name(one->level));
        table_cell(t, TABLE_PLAIN, "%s", one->check);
        table_cell(t, TABLE_PLAIN, "%s%s%s", one->what, one->todo[0] != '\0' ? ": " : "",
                   one->todo);
    }
    int rc = table_print(t, colour, out);

    table_free(t);
    if (rc < 0)
        return rc;
    return buf_appendf(out, "%zu ok, %zu unknown, %zu warn, %zu bad\n",
                       findings_count(f, FINDING_OK), findings_count(f, FINDING_UNKNOWN),
                       findings_count(f, FINDING_WARN), findings_count(f, FINDING_BAD));
}

void findings_json(const struct findings *f, struct json_out *o)
{
    json_out_array(o);
    for (size_t i = 0; i < f->n; i++) {
        const struct finding *one = &f->list[i];

        json_out_object(o);
        json_out_key(o, "level");
        json_out_text(o, finding_level_name(one->level));
        json_out_key(o, "check");
        json_out_text(o, one->check);
        json_out_key(o, "what");
        json_out_text(o, one->what);
        json_out_key(o, "do");
        json_out_text(o, one->todo[0] != '\0' ? one->todo : NULL);
        json_out_end(o);
    }
    json_out_end(o);
}
