/* test_settings.c - the tables of settings are sound, and each row's bounds are the loader's. */
#include "config/settings.h"

#include "base/buf.h"
#include "config/config.h"
#include "config/value.h"
#include "http/http_head.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static bool is_number(const struct setting *k)
{
    return k->type >= SETTING_INT && k->type <= SETTING_DURATION;
}

/* Sets k from JSON text that stands alone in an array; 0 or -1. */
static int set(const struct setting *k, void *base, const char *json, struct err *err)
{
    char text[8192];

    snprintf(text, sizeof(text), "[%s]", json);
    struct json *v = json_parse(str_of(text), sizeof(text), 2, err);

    cr_assert_not_null(v, "%s", text);
    int rc = value_set(k, base, json_at(v, 0), NULL, "here", err);

    json_free(v);
    return rc;
}

Test(settings, every_row_is_complete)
{
    for (size_t w = 0; w < N_SETTINGS_OF; w++) {
        const struct setting_table *t = settings_table((enum settings_of)w);

        for (size_t i = 0; i < t->n; i++) {
            const struct setting *k = &t->rows[i];
            bool has_words = k->type == SETTING_WORD || k->type == SETTING_CHOICE ||
                             k->type == SETTING_SWITCH || k->type == SETTING_FLAGS;

            cr_expect(k->help[strlen(k->help) - 1] == '.', "%s: help is a sentence", k->name);
            cr_expect_eq(k->words != NULL, has_words, "%s", k->name);
            cr_expect(has_words || k->min < k->max, "%s", k->name);
            cr_expect_not(k->def != NULL && k->inherits != NULL, "%s", k->name);
            cr_expect_eq(settings_find(t, str_of(k->name)), k, "%s stands once", k->name);
            cr_expect(strlen(k->name) < 64, "%s fits str_nearest()", k->name);
            cr_expect(!k->limit || (is_number(k) && k->def != NULL), "%s", k->name);
        }
    }
}

/* The dump and the schema open a section at its first row and close it after its last. */
Test(settings, a_section_stands_in_one_piece)
{
    const struct setting_table *t = settings_table(SETTINGS_TOP);

    for (size_t i = 1; i < t->n; i++) {
        struct str leaf, head = str_split(str_of(t->rows[i].name), '.', &leaf);
        char prefix[32];

        cr_assert(head.len + 2 < sizeof(prefix));
        snprintf(prefix, sizeof(prefix), "%.*s.", (int)head.len, head.ptr);
        if (leaf.ptr == NULL || str_starts(str_of(t->rows[i - 1].name), prefix))
            continue;
        for (size_t j = 0; j < i; j++)
            cr_expect_not(str_starts(str_of(t->rows[j].name), prefix), "%s", t->rows[i].name);
    }
}

Test(settings, every_default_is_within_its_row)
{
    for (size_t w = 0; w < N_SETTINGS_OF; w++) {
        const struct setting_table *t = settings_table((enum settings_of)w);

        for (size_t i = 0; i < t->n; i++) {
            const struct setting *k = &t->rows[i];
            struct config base = {0}; /* the largest of the tables' structs */
            char json[256];
            struct err err = {0};

            if (k->def == NULL)
                continue;
            value_set_default(k, &base); /* asserts */
            bool quoted =
                !is_number(k) || k->type == SETTING_DURATION || k->type == SETTING_SIZE;

            snprintf(json, sizeof(json), quoted ? "\"%s\"" : "%s", k->def);
            cr_expect_eq(set(k, &base, json, &err), 0, "%s: %s", k->name, err.msg);
            value_release(k, &base);
        }
    }
}

static void expect_number(const struct setting *k, int64_t n)
{
    struct config base = {0};
    struct err err = {0};
    char json[64], text[48];
    bool want = n >= k->min && n <= k->max;

    if (k->type == SETTING_DURATION)
        snprintf(json, sizeof(json), "\"%lldms\"", (long long)n);
    else
        snprintf(json, sizeof(json), "%lld", (long long)n);
    cr_expect_eq(set(k, &base, json, &err), want ? 0 : -1, "%s = %s: %s", k->name, json,
                 err.msg);
    if (want) {
        cr_expect_eq(value_number(k, &base), n, "%s = %s", k->name, json);
        return;
    }
    cr_expect_eq(value_number(k, &base), 0, "%s is left alone", k->name);
    settings_format(k, k->max, text, sizeof(text));
    cr_expect_not_null(strstr(err.msg, text), "%s = %s names the bound: %s", k->name, json,
                       err.msg);
}

Test(settings, each_number_at_limit_minus_one_limit_and_plus_one)
{
    size_t seen = 0;

    for (size_t w = 0; w < N_SETTINGS_OF; w++) {
        const struct setting_table *t = settings_table((enum settings_of)w);

        for (size_t i = 0; i < t->n; i++) {
            const struct setting *k = &t->rows[i];

            if (!is_number(k))
                continue;
            for (int64_t d = -1; d <= 1; d++) {
                expect_number(k, k->min + d);
                expect_number(k, k->max + d);
            }
            expect_number(k, INT64_MIN);
            expect_number(k, INT64_MAX);
            seen++;
        }
    }
    cr_expect_gt(seen, 40u);
}

/* Text of n bytes that the form allows for every n above its own smallest; the prefix's length
 * for forms that need one. */
static void fill(enum form f, size_t n, char *out)
{
    static const char *const prefixes[N_FORMS] = {
        [FORM_BASE_URL] = "http://h/", [FORM_PROXY] = "http://", [FORM_REDIS_URL] = "redis://"};
    const char *prefix = prefixes[f] != NULL ? prefixes[f] : "";

    memset(out, 'a', n);
    out[n] = '\0';
    if (strlen(prefix) < n)
        memcpy(out, prefix, strlen(prefix));
    if (f == FORM_PATH && n > 0)
        out[0] = '/';
    if (f == FORM_HEDGE && n > 1) { /* 00..01s */
        memset(out, '0', n);
        memcpy(out + n - 2, "1s", 2);
    }
    if (f == FORM_CONFIRM && n == strlen("second_opinion"))
        memcpy(out, "second_opinion", n);
    if (f == FORM_PROXY && n > 13)
        memcpy(out + n - 5, "@h:80", 5);
    if (f == FORM_LISTEN && n > 5)
        memcpy(out + n - 5, ":8080", 5);
}

static void expect_length(const struct setting *k, int64_t n, bool want)
{
    char text[5000], json[5002];
    struct config base = {0};
    struct err err = {0};

    cr_assert(n >= 0 && n < 5000);
    fill(k->form, (size_t)n, text);
    snprintf(json, sizeof(json), "\"%s\"", text);
    cr_expect_eq(set(k, &base, json, &err), want ? 0 : -1, "%s of %lld bytes: %s", k->name,
                 (long long)n, err.msg);
    value_release(k, &base);
}

Test(settings, each_string_at_limit_minus_one_limit_and_plus_one)
{
    for (size_t w = 0; w < N_SETTINGS_OF; w++) {
        const struct setting_table *t = settings_table((enum settings_of)w);

        for (size_t i = 0; i < t->n; i++) {
            const struct setting *k = &t->rows[i];

            if (k->type != SETTING_STRING)
                continue;
            if (k->form != FORM_CONFIRM) /* certain words only */
                expect_length(k, k->max - 1, true);
            expect_length(k, k->max, true);
            expect_length(k, k->max + 1, false);
            expect_length(k, 0, k->min == 0);
        }
    }
}

Test(settings, messages_say_what_a_row_wants)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"breaker.failure_rate", "a whole number (percent) in 0..100"},
        {"breaker.window",
         "a duration such as \"30s\", \"250ms\", \"10m\" or \"1h30m\" in 1s..1h"},
        {"http.max_head_bytes",
         "a number of bytes or a size such as \"64KiB\" or \"8MiB\" in 1KiB..1MiB"},
        {"stream.recover", "\"off\", \"auto\" or \"always\""},
        {"breaker.last_resort", "\"off\" or \"try\""},
        {"regions", "an array of regions, 1..256 of them"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[SETTINGS_WANT_MAX];

        settings_want(settings_find(settings_table(SETTINGS_TOP), str_of(rows[i].name)), true,
                      text, sizeof(text));
        cr_expect_str_eq(text, rows[i].want);
    }
}

/* The parser's table of fields has a fixed size; this layer may not include its header. */
Test(settings, fields_fit_the_parser)
{
    cr_expect_eq(settings_find(settings_table(SETTINGS_TOP), STR("http.max_fields"))->max,
                 HTTP_FIELDS_MAX);
}

Test(settings, only_sockets_and_workers_need_a_restart)
{
    const struct setting_table *t = settings_table(SETTINGS_TOP);

    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->rows[i].name;
        bool fixed = strcmp(name, "listen") == 0 || strcmp(name, "admin_listen") == 0 ||
                     strcmp(name, "workers") == 0;

        cr_expect_eq(t->rows[i].fixed, fixed, "%s", name);
    }
}
