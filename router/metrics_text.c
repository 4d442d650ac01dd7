/* metrics_text.c - one loop over the table of metrics; metrics_text.h has the contract.
 *
 * All lines of a metric stand together: the format asks for it, and strict readers do. */
#include "router/metrics_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const type_names[] = {
    [METRICS_COUNTER] = "counter",
    [METRICS_GAUGE] = "gauge",
    [METRICS_HISTOGRAM] = "histogram",
};

/* "{a="x",b="y"}" or nothing, of the series' labels and one more. */
static int put_labels(struct buf *out, const char *labels, const char *name, const char *value)
{
    if (labels[0] == '\0' && name == NULL)
        return 0;
    if (name == NULL)
        return buf_appendf(out, "{%s}", labels);
    return buf_appendf(out, "{%s%s%s=\"%s\"}", labels, labels[0] != '\0' ? "," : "", name,
                       value);
}

static int put_numbers(const struct metrics_row *row, const struct metrics_series *s,
                       struct buf *out)
{
    for (int i = 0; i < row->n; i++) {
        int64_t number;

        memcpy(&number, s->part[row->part] + row->offset + (size_t)i * sizeof(number),
               sizeof(number));
        if (buf_append_str(out, str_of(row->name)) < 0 ||
            put_labels(out, s->labels, row->label, row->label != NULL ? row->value(i) : NULL) <
                0 ||
            buf_appendf(out, " %" PRId64 "\n", number) < 0)
            return -1;
    }
    return 0;
}

static int put_hist(const struct metrics_row *row, const struct metrics_series *s,
                    struct buf *out)
{
    struct metrics_hist h;
    uint64_t sum = 0;
    char bound[32];

    memcpy(&h, s->part[row->part] + row->offset, sizeof(h));
    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        sum += h.bucket[i];
        if (i < METRICS_BUCKETS - 1)
            snprintf(bound, sizeof(bound), "%g", (double)metrics_bounds_us[i] / 1e6);
        else
            str_copy(bound, sizeof(bound), "+Inf");
        if (buf_appendf(out, "%s_bucket", row->name) < 0 ||
            put_labels(out, s->labels, "le", bound) < 0 ||
            buf_appendf(out, " %" PRIu64 "\n", sum) < 0)
            return -1;
    }
    if (buf_appendf(out, "%s_sum", row->name) < 0 ||
        put_labels(out, s->labels, NULL, NULL) < 0 ||
        buf_appendf(out, " %.6f\n%s_count", (double)h.sum_us / 1e6, row->name) < 0 ||
        put_labels(out, s->labels, NULL, NULL) < 0)
        return -1;
    return buf_appendf(out, " %" PRIu64 "\n", h.count);
}

static int put_row(const struct metrics_row *row, const struct metrics_snapshot *all,
                   struct buf *out)
{
    size_t n = all->scope[row->scope].n;

    if (n == 0)
        return 0;
    if (buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
                    type_names[row->type]) < 0)
        return -1;
    for (size_t i = 0; i < n; i++) {
        const struct metrics_series *s = &all->scope[row->scope].series[i];

        if ((row->type == METRICS_HISTOGRAM ? put_hist : put_numbers)(row, s, out) < 0)
            return -1;
    }
    return 0;
}

int metrics_text_render(const struct metrics *m, struct buf *out)
{
    struct metrics_snapshot all;
    int rc = 0;

    if (metrics_snapshot_take(m, &all) < 0)
        return -1;
    for (size_t i = 0; i < metrics_n_rows && rc == 0; i++)
        rc = put_row(&metrics_rows[i], &all, out);
    metrics_snapshot_release(&all);
    return rc;
}
