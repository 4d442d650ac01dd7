/* reference.c - the manual's part that the code knows better; reference.h has the contract. */
#include "config/reference.h"

#include "config/settings.h"

#include <stdio.h>

#define DEFAULT_MAX 128

/* "10s", "empty", "required", "the region's". */
static const char *default_text(const struct setting *k, char out[DEFAULT_MAX])
{
    if (settings_is_required(k))
        snprintf(out, DEFAULT_MAX, "required");
    else if (k->def == NULL)
        snprintf(out, DEFAULT_MAX, "%s", k->inherits);
    else
        snprintf(out, DEFAULT_MAX, "%s", k->def[0] != '\0' ? k->def : "empty");
    return out;
}

/* One sentence per line, as mdoc(7) wants it. */
static int append_sentences(struct buf *out, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        bool ends = *c == ' ' && c > text && c[-1] == '.';

        if (buf_append(out, ends ? "\n" : c, 1) < 0)
            return -1;
    }
    return buf_append(out, "\n", 1);
}

static int append_mdoc_setting(struct buf *out, const struct setting *k)
{
    char def[DEFAULT_MAX], want[SETTINGS_WANT_MAX];

    settings_want(k, true, want, sizeof(want));
    if (buf_appendf(out, ".It Ic %s\n", k->name) < 0 || append_sentences(out, k->help) < 0 ||
        buf_appendf(out, "Value: %s.\n", want) < 0)
        return -1;
    if (settings_is_required(k))
        return buf_appendf(out, "Required.\n");
    if (buf_appendf(out, "Default: %s.\n", default_text(k, def)) < 0)
        return -1;
    return k->fixed ? buf_appendf(out, "A change needs a restart.\n") : 0;
}

int config_reference_mdoc(struct buf *out)
{
    static const char *const titles[N_SETTINGS_OF] = {
        [SETTINGS_TOP] = "Settings of the file",
        [SETTINGS_REGION] = "Settings of each element of regions",
        [SETTINGS_MODEL] = "Settings of each member of models",
        [SETTINGS_TARGET] = "Settings of each element of a model's targets",
    };

    for (size_t which = 0; which < N_SETTINGS_OF; which++) {
        const struct setting_table *t = settings_table((enum settings_of)which);

        if (buf_appendf(out, ".Ss %s\n.Bl -tag -width Ds\n", titles[which]) < 0)
            return -1;
        for (size_t i = 0; i < t->n; i++)
            if (append_mdoc_setting(out, &t->rows[i]) < 0)
                return -1;
        if (buf_appendf(out, ".El\n") < 0)
            return -1;
    }
    return 0;
}

static int append_row(struct buf *out, const struct setting_table *t, const struct setting *k)
{
    char def[DEFAULT_MAX], want[SETTINGS_WANT_MAX];

    settings_want(k, true, want, sizeof(want));
    return buf_appendf(out, "| `%s%s` | %s | %s | %s | %s |\n", t->prefix, k->name,
                       default_text(k, def), want, k->fixed ? "restart" : "reload", k->help);
}

int config_reference_markdown(struct buf *out)
{
    if (buf_appendf(out, "| setting | default | value | change by | meaning |\n"
                         "|---|---|---|---|---|\n") < 0)
        return -1;
    for (size_t which = 0; which < N_SETTINGS_OF; which++) {
        const struct setting_table *t = settings_table((enum settings_of)which);

        for (size_t i = 0; i < t->n; i++)
            if (append_row(out, t, &t->rows[i]) < 0)
                return -1;
    }
    return 0;
}

int config_limits_markdown(struct buf *out)
{
    const struct setting_table *t = settings_table(SETTINGS_TOP);
    char lo[SETTINGS_WANT_MAX], hi[SETTINGS_WANT_MAX];

    if (buf_appendf(out, "| limit | default | from | to | of what |\n|---|---|---|---|---|\n") <
        0)
        return -1;
    for (size_t i = 0; i < t->n; i++) {
        const struct setting *k = &t->rows[i];

        if (!k->limit)
            continue;
        settings_format(k, k->min, lo, sizeof(lo));
        settings_format(k, k->max, hi, sizeof(hi));
        if (buf_appendf(out, "| `%s` | %s | %s | %s | %s |\n", k->name, k->def, lo, hi,
                        k->help) < 0)
            return -1;
    }
    return 0;
}
