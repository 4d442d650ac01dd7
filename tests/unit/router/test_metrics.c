/* test_metrics.c - counters of several workers, and the text they are told in. */
#include "router/metrics_text.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("t", str_of(text), &err);

    cr_assert_not_null(c, "%s", err.msg);
    return c;
}

static struct config *two_regions(void)
{
    return parse("{\"regions\":[{\"name\":\"us\",\"base_url\":\"http://a/v1\"},"
                 "{\"name\":\"eu.x-1\",\"base_url\":\"http://b/v1\"}]}");
}

/* Metrics with conf's cohort as number 0. */
static struct metrics *with(const struct config *conf, int workers)
{
    struct metrics *m = metrics_new();

    cr_assert_not_null(m);
    cr_assert_eq(metrics_add(m, conf, workers), 0);
    return m;
}

static struct str render(const struct metrics *m, struct buf *out)
{
    buf_init(out, 1u << 20);
    cr_assert_eq(metrics_text_render(m, out), 0);
    return buf_str(out);
}

static void expect_line(const struct metrics *m, const char *line, bool there)
{
    struct buf out;
    char whole[256];

    render(m, &out);
    snprintf(whole, sizeof(whole), "\n%s\n", line);
    cr_expect_eq(strstr(out.data, whole) != NULL, there, "%s", line);
    buf_release(&out);
}

/* ---- the text format (Prometheus, "Text-based format", version 0.0.4) ---- */

struct family { /* what the last # TYPE announced */
    char name[128], type[16];
    char seen[4096]; /* " name " of each family so far: none may come twice */
    double last_bucket;
    unsigned long long last_inf;
};

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr("abcdefghijklmnopqrstuvwxyz_:ABCDEFGHIJKLMNOPQRSTUVWXYZ", s.ptr[i]) ==
                NULL &&
            (i == 0 || s.ptr[i] < '0' || s.ptr[i] > '9'))
            return false;
    return s.len > 0;
}

static void read_type(struct family *f, struct str line)
{
    struct str rest, name = str_split(line, ' ', &rest);
    char word[132];

    cr_expect(is_name(name));
    cr_expect(str_eqz(rest, "counter") || str_eqz(rest, "gauge") || str_eqz(rest, "histogram"),
              "%.*s", STR_ARG(line));
    snprintf(word, sizeof(word), " %.*s ", STR_ARG(name));
    cr_expect_null(strstr(f->seen, word), "the family%s is told in two places", word);
    snprintf(f->seen + strlen(f->seen), sizeof(f->seen) - strlen(f->seen), "%s", word);
    snprintf(f->name, sizeof(f->name), "%.*s", STR_ARG(name));
    snprintf(f->type, sizeof(f->type), "%.*s", STR_ARG(rest));
}

static void read_labels(struct str labels, bool *has_le, double *le)
{
    while (labels.len > 0) {
        struct str value, name = str_split(labels, '=', &value);
        const char *end;

        cr_assert(is_name(name) && value.len >= 2 && value.ptr[0] == '"', "%.*s",
                  STR_ARG(labels));
        end = memchr(value.ptr + 1, '"', value.len - 1);
        cr_assert_not_null(end);
        if (str_eqz(name, "le")) {
            *has_le = true;
            *le = strtod(value.ptr + 1, NULL);
        }
        labels = (struct str){end + 1, value.len - (size_t)(end + 1 - value.ptr)};
        if (labels.len > 0) {
            cr_assert_eq(labels.ptr[0], ',');
            labels = (struct str){labels.ptr + 1, labels.len - 1};
        }
    }
}

static void read_sample(struct family *f, struct str line)
{
    const char *open = memchr(line.ptr, '{', line.len), *close;
    struct str value, name = str_split(line, open != NULL ? '{' : ' ', &value), suffix;
    bool has_le = false;
    double le = 0;
    char *end;

    cr_assert(is_name(name), "%.*s", STR_ARG(line));
    cr_assert(str_starts(name, f->name), "%.*s stands under %s", STR_ARG(line), f->name);
    if (open != NULL) {
        close = memchr(value.ptr, '}', value.len);
        cr_assert_not_null(close);
        read_labels((struct str){value.ptr, (size_t)(close - value.ptr)}, &has_le, &le);
        value = (struct str){close + 2, value.len - (size_t)(close + 2 - value.ptr)};
    }
    cr_expect_gt(value.len, 0);
    (void)strtod(value.ptr, &end);
    cr_expect_eq(end, value.ptr + value.len, "%.*s", STR_ARG(line));
    suffix = (struct str){name.ptr + strlen(f->name), name.len - strlen(f->name)};
    if (strcmp(f->type, "histogram") != 0) {
        cr_expect_eq(suffix.len, 0, "%.*s under %s", STR_ARG(line), f->name);
        return;
    }
    if (str_eqz(suffix, "_bucket")) {
        unsigned long long n = strtoull(value.ptr, NULL, 10);

        cr_expect(has_le);
        if (f->last_bucket < le) /* the next one of the same histogram */
            cr_expect_geq(n, f->last_inf, "%.*s", STR_ARG(line));
        f->last_bucket = le;
        f->last_inf = n;
    } else if (str_eqz(suffix, "_count")) {
        cr_expect_eq(strtoull(value.ptr, NULL, 10), f->last_inf, "+Inf is not the count");
        f->last_bucket = 0;
        f->last_inf = 0;
    } else {
        cr_expect(str_eqz(suffix, "_sum"), "%.*s", STR_ARG(line));
    }
}

static void expect_format(struct str text)
{
    struct family f = {.seen = ""};

    cr_assert(text.len > 0 && text.ptr[text.len - 1] == '\n');
    while (text.len > 0) {
        struct str line = str_split(text, '\n', &text);

        if (str_starts(line, "# TYPE "))
            read_type(&f, (struct str){line.ptr + 7, line.len - 7});
        else if (line.len > 0 && !str_starts(line, "# HELP "))
            read_sample(&f, line);
    }
}

Test(metrics, text_is_well_formed)
{
    struct config *conf = two_regions();
    struct metrics *m = with(conf, 3);
    struct metrics_block *s = metrics_claim(m, 0, 1);
    struct buf out;

    for (int64_t us = 1; us < 100000000; us *= 3) {
        metrics_observe(&s->duration, us);
        metrics_observe(&s->region[1].first_byte, us);
    }
    metrics_observe(&s->overhead, -5);
    s->fleet->slot[0].attempts[OUTCOME_BROKEN] = 3;
    expect_format(render(m, &out));
    buf_release(&out);
    metrics_free(m);
    config_free(conf);
}

Test(metrics, bucket_bounds_are_inclusive)
{
    static const struct {
        int64_t us;
        size_t bucket;
    } rows[] = {{-1, 0},      {0, 0},         {99, 0},        {100, 0},
                {101, 1},     {500, 1},       {501, 2},       {5000000, 8},
                {5000001, 9}, {60000000, 10}, {60000001, 11}, {INT64_MAX, 11}};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct metrics_hist h = {0};

        metrics_observe(&h, rows[i].us);
        cr_expect_eq(h.bucket[rows[i].bucket], 1, "%lld us", (long long)rows[i].us);
        cr_expect_eq(h.count, 1);
    }
}

Test(metrics, slots_are_summed)
{
    struct config *conf = two_regions();
    struct metrics *m = with(conf, 2);
    struct metrics_block *s[2] = {metrics_claim(m, 0, 0), metrics_claim(m, 0, 1)};

    for (int i = 0; i < 2; i++) {
        s[i]->requests[METRICS_REQ_OK] = 5;
        s[i]->attempts = 7;
        s[i]->inflight = 2;
        s[i]->fleet->store_ver = 10 + (uint64_t)i;
        s[i]->fleet->slot[1].attempts[OUTCOME_TIMEOUT] = 4;
        s[i]->fleet->slot[1].inflight = 1;
        metrics_observe(&s[i]->region[1].first_byte, 200);
    }
    s[1]->fleet->slot[1].state = 1; /* heard of it first */
    expect_line(m, "sluice_requests_total{result=\"ok\"} 10", true);
    expect_line(m, "sluice_attempts_total 14", true);
    expect_line(m, "sluice_requests_in_flight 4", true);
    expect_line(m, "sluice_store_version{worker=\"0\"} 10", true);
    expect_line(m, "sluice_store_version{worker=\"1\"} 11", true);
    expect_line(m, "sluice_region_attempts_total{region=\"eu.x-1\",outcome=\"timeout\"} 8",
                true);
    expect_line(m, "sluice_region_attempts_total{region=\"us\",outcome=\"timeout\"} 0", true);
    expect_line(m, "sluice_region_in_flight{region=\"eu.x-1\"} 2", true);
    expect_line(m, "sluice_region_breaker_state{region=\"eu.x-1\"} 1", true);
    expect_line(m, "sluice_region_first_byte_seconds_count{region=\"eu.x-1\"} 2", true);
    expect_line(m, "sluice_region_first_byte_seconds_sum{region=\"eu.x-1\"} 0.000400", true);
    metrics_free(m);
    config_free(conf);
}

/* A worker dies and another takes its slot: counters go on, gauges begin anew. */
Test(metrics, a_crashed_workers_counters_go_on)
{
    struct config *conf = two_regions();
    struct metrics *m = with(conf, 2);
    struct metrics_block *s = metrics_claim(m, 0, 1);

    s->attempts = 3;
    s->inflight = 4;
    s->connections = 9;
    s->draining = s->fleet->store_attached = 1;
    s->fleet->slot[0].inflight = 2;
    s->fleet->slot[0].state = 2;
    s->fleet->slot[0].attempts[OUTCOME_OK] = 6;
    expect_line(m, "sluice_requests_in_flight 4", true);
    s = metrics_claim(m, 0, 1);
    cr_expect(s->live && s->worker == 1);
    s->attempts++;
    expect_line(m, "sluice_attempts_total 4", true);
    expect_line(m, "sluice_requests_in_flight 0", true);
    expect_line(m, "sluice_client_connections 0", true);
    expect_line(m, "sluice_draining{worker=\"1\"} 0", true);
    expect_line(m, "sluice_region_in_flight{region=\"us\"} 0", true);
    expect_line(m, "sluice_region_breaker_state{region=\"us\"} 0", true);
    expect_line(m, "sluice_region_attempts_total{region=\"us\",outcome=\"ok\"} 6", true);
    metrics_vacate(m, 0, 1);
    expect_line(m, "sluice_attempts_total 4", true);
    expect_line(m, "sluice_draining{worker=\"1\"} 0", false);
    metrics_free(m);
    config_free(conf);
}

/* No room: an error, not half a page. */
Test(metrics, cap_is_an_error)
{
    struct config *conf = two_regions();
    struct metrics *m = with(conf, 1);
    struct buf whole, out;

    render(m, &whole);
    for (int less = 0; less <= 1; less++) {
        buf_init(&out, whole.len - (size_t)less);
        cr_expect_eq(metrics_text_render(m, &out), less ? -1 : 0);
        buf_release(&out);
    }
    buf_release(&whole);
    metrics_free(m);
    config_free(conf);
}

/* ---- cohorts ---- */

#define LABEL(name) "{region=\"" name "\"}"

Test(metrics, a_reload_keeps_what_was_counted)
{
    struct config *old = two_regions(),
                  *new = parse("{\"regions\":["
                               "{\"name\":\"ap\",\"base_url\":\"http://c\"},"
                               "{\"name\":\"us\",\"base_url\":\"http://a\"}]}");
    struct metrics *m = with(old, 1);
    struct metrics_block *a = metrics_claim(m, 0, 0), *b;
    int next = metrics_add(m, new, 1);

    cr_assert_geq(next, 0);
    a->requests[METRICS_REQ_OK] = 5;
    a->inflight = 2;
    a->region[0].prompt_tokens = 10;
    a->region[1].prompt_tokens = 20;
    b = metrics_claim(m, next, 0);
    b->region[0].prompt_tokens = 1; /* ap */
    b->region[1].prompt_tokens = 2; /* us */
    b->fleet->store_ver = 7;
    a->fleet->store_ver = 6;
    expect_line(m, "sluice_requests_total{result=\"ok\"} 5", true);
    expect_line(m, "sluice_region_prompt_tokens_total" LABEL("us") " 12", true);
    expect_line(m, "sluice_region_prompt_tokens_total" LABEL("ap") " 1", true);
    expect_line(m, "sluice_region_prompt_tokens_total" LABEL("eu.x-1") " 20", true);
    expect_line(m, "sluice_store_version{worker=\"0\"} 7", true);
    expect_line(m, "sluice_store_version{worker=\"0\"} 6", false);
    a->region[1].prompt_tokens++; /* a stream that outlived the reload */
    a->region[0].prompt_tokens++;
    expect_line(m, "sluice_region_prompt_tokens_total" LABEL("eu.x-1") " 21", true);
    metrics_vacate(m, 0, 0);
    metrics_remove(m, 0);
    expect_line(m, "sluice_requests_total{result=\"ok\"} 5", true);
    expect_line(m, "sluice_requests_in_flight 0", true);
    expect_line(m, "sluice_region_prompt_tokens_total" LABEL("us") " 13", true);
    expect_line(m, "sluice_region_prompt_tokens_total" LABEL("eu.x-1") " 21", false);
    metrics_free(m);
    config_free(old);
    config_free(new);
}

/* Room is given back: as many reloads as one likes, and only so many cohorts at once. */
Test(metrics, cohorts_come_and_go)
{
    struct config *conf = two_regions();
    struct metrics *m = with(conf, 3);
    struct buf out;
    int g = 0;

    for (int i = 0; i < 3 * METRICS_COHORTS_MAX; i++) {
        int next = metrics_add(m, conf, 1 + i % 4);

        cr_assert_geq(next, 0, "reload %d", i);
        metrics_claim(m, next, 0)->attempts++;
        metrics_remove(m, g);
        g = next;
    }
    expect_line(m, "sluice_attempts_total 768", true);
    for (int i = 1; i < METRICS_COHORTS_MAX; i++)
        cr_assert_geq(metrics_add(m, conf, 1), 0, "beside %d others", i);
    cr_expect_eq(metrics_add(m, conf, 1), -1);
    expect_format(render(m, &out));
    buf_release(&out);
    metrics_free(m);
    config_free(conf);
}

/* Region and model of one text are two things. */
Test(metrics, models_have_series_of_their_own)
{
    struct config *conf = parse("{\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\"}],"
                                "\"models\":{\"big\":{\"targets\":[{\"region\":\"a\"}]}},"
                                "\"breaker\":{\"scope\":\"model\"}}");
    struct metrics *m = with(conf, 2);

    metrics_claim(m, 0, 0);
    metrics_claim(m, 0, 1)->fleet->slot[1].state = 2;
    expect_line(m, "sluice_model_breaker_state{region=\"a\",model=\"big\"} 2", true);
    expect_line(m, "sluice_region_breaker_state{region=\"a\"} 0", true);
    expect_line(m, "sluice_region_health{region=\"a\"} 100", true);
    metrics_free(m);
    config_free(conf);
}

/* ---- the table ---- */

static bool ends(const char *name, const char *with)
{
    size_t len = strlen(name), n = strlen(with);

    return len >= n && strcmp(name + len - n, with) == 0;
}

/* What Prometheus asks of names: a counter's ends in _total, a histogram's in its unit, and
 * nobody else's in a suffix that the format uses itself. */
Test(metrics, every_row_is_whole)
{
    for (size_t i = 0; i < metrics_n_rows; i++) {
        const struct metrics_row *r = &metrics_rows[i];
        size_t bytes = metrics_part_bytes(r->scope, r->part);

        cr_assert(r->name != NULL && r->help != NULL, "row %zu", i);
        cr_expect(is_name(str_of(r->name)) && strncmp(r->name, "sluice_", 7) == 0, "%s",
                  r->name);
        cr_expect(strlen(r->help) > 10 && ends(r->help, ".") &&
                      strpbrk(r->help, "\n\\") == NULL,
                  "%s", r->name);
        cr_expect_eq(ends(r->name, "_total"), r->type == METRICS_COUNTER, "%s", r->name);
        cr_expect_eq(ends(r->name, "_seconds"), r->type == METRICS_HISTOGRAM, "%s", r->name);
        cr_expect(!ends(r->name, "_count") && !ends(r->name, "_sum") &&
                      !ends(r->name, "_bucket"),
                  "%s", r->name);
        cr_expect(strstr(r->name, "_ms") == NULL && strstr(r->name, "_us_") == NULL, "%s",
                  r->name);
        cr_expect(r->n >= 1 && (r->label != NULL) == (r->n > 1), "%s", r->name);
        cr_expect_eq(r->label != NULL, r->value != NULL, "%s", r->name);
        cr_expect_leq(r->offset + metrics_row_numbers(r) * sizeof(uint64_t), bytes, "%s",
                      r->name);
        for (int v = 0; r->label != NULL && v < r->n; v++)
            cr_expect_gt(strlen(r->value(v)), 0, "%s %d", r->name, v);
        cr_expect(r->type == METRICS_GAUGE || r->join == METRICS_SUM, "%s", r->name);
        cr_expect(r->scope != METRICS_WORKER || r->type == METRICS_GAUGE,
                  "%s: a worker's number ends with it", r->name);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(r->name, metrics_rows[j].name);
    }
}
