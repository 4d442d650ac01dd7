/* test_scope.c - what has a breaker of its own: regions, or the models in them. */
#include "config/scope.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#define AB                                                                                     \
    "\"regions\":[{\"name\":\"a\",\"base_url\":\"http://a\"},"                                 \
    "{\"name\":\"b\",\"base_url\":\"http://b\"}]"
#define MODELS                                                                                 \
    ",\"models\":{\"m\":{\"targets\":[{\"region\":\"b\"},{\"region\":\"a\",\"model\":\"x/"     \
    "y\"}]},"                                                                                  \
    "\"n\":{\"targets\":[{\"region\":\"a\",\"model\":\"x/y\"},{\"region\":\"a\"}]}}"
#define BY_MODEL ",\"breaker\":{\"scope\":\"model\"}"

static struct config *parse(const char *text)
{
    struct err err = {0};
    struct config *c = config_parse("x", str_of(text), &err);

    cr_assert_not_null(c, "%s", err.msg);
    return c;
}

static void expect_slots(const struct config *c, const char *const *names, size_t n)
{
    cr_assert_eq(c->n_slots, n);
    for (size_t i = 0; i < n; i++) {
        const char *region = c->regions[c->slots[i].region].name;

        cr_expect_str_eq(c->slots[i].name, names[i]);
        cr_expect_eq(strncmp(names[i], region, strlen(region)), 0);
    }
}

Test(scope, regions_are_slots)
{
    static const char *const names[] = {"a", "b"};
    struct config *c = parse("{" AB MODELS "}");

    expect_slots(c, names, 2);
    cr_expect_eq(c->models[0].targets[0].slot, 1);
    cr_expect_eq(c->models[0].targets[1].slot, 0);
    cr_expect_eq(c->regions[0].n_slots + c->regions[1].n_slots, 0);
    config_free(c);
}

/* Two names of ours for one model there share its slot. */
Test(scope, models_follow_the_regions)
{
    static const char *const names[] = {"a", "b", "a/x/y", "a/n", "b/m"};
    struct config *c = parse("{" AB MODELS BY_MODEL "}");

    expect_slots(c, names, 5);
    cr_expect_eq(c->models[0].targets[0].slot, 4);
    cr_expect_eq(c->models[0].targets[1].slot, 2);
    cr_expect_eq(c->models[1].targets[0].slot, 2);
    cr_expect_eq(c->models[1].targets[1].slot, 3);
    cr_expect(c->regions[0].first_slot == 2 && c->regions[0].n_slots == 2);
    cr_expect(c->regions[1].first_slot == 4 && c->regions[1].n_slots == 1);
    config_free(c);
}

static void expect_refused(const char *text, const char *want)
{
    struct err err = {0};
    struct config *c = config_parse("x", str_of(text), &err);

    cr_expect_null(c, "%s", want);
    cr_expect(strstr(err.msg, want) != NULL, "%s\nwant: %s", err.msg, want);
    config_free(c);
}

Test(scope, needs_models)
{
    expect_refused("{" AB BY_MODEL "}", "breaker.scope is \"model\" and there are no models");
}

Test(scope, names_fit_the_protocol)
{
    static const struct {
        char fill;
        int n;
        bool fits;
    } rows[] = {
        {'m', CONFIG_SLOT_NAME_MAX - 2, true},
        {'m', CONFIG_SLOT_NAME_MAX - 1, false},
        {'+', (160 - 2) / 3, true}, /* three bytes each in a line */
        {'+', (160 - 2) / 3 + 1, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char model[200] = "", text[800];

        memset(model, rows[i].fill, (size_t)rows[i].n);
        snprintf(
            text, sizeof(text),
            "{" AB
            ",\"models\":{\"m\":{\"targets\":[{\"region\":\"a\",\"model\":\"%s\"}]}}" BY_MODEL
            "}",
            model);
        if (rows[i].fits)
            config_free(parse(text));
        else
            expect_refused(text,
                           "too long for breaker.scope \"model\": want at most 130 bytes");
    }
}

/* Regions and models together are as many slots as the fleet's scripts know. */
Test(scope, has_as_many_slots_as_the_fleet)
{
    enum { REGIONS = 16, MODELS_MAX = CONFIG_SLOTS_MAX / REGIONS - 1 };

    for (int n = MODELS_MAX; n <= MODELS_MAX + 1; n++) {
        struct buf text;

        buf_init(&text, CONFIG_MAX_BYTES);
        cr_assert_eq(buf_appendf(&text, "{\"regions\":["), 0);
        for (int i = 0; i < REGIONS; i++)
            cr_assert_eq(buf_appendf(&text, "%s{\"name\":\"r%d\",\"base_url\":\"http://h\"}",
                                     i > 0 ? "," : "", i),
                         0);
        cr_assert_eq(buf_appendf(&text, "]" BY_MODEL ",\"models\":{"), 0);
        for (int m = 0; m < n; m++) {
            cr_assert_eq(buf_appendf(&text, "%s\"m%d\":{\"targets\":[", m > 0 ? "," : "", m),
                         0);
            for (int i = 0; i < REGIONS; i++)
                cr_assert_eq(buf_appendf(&text, "%s{\"region\":\"r%d\"}", i > 0 ? "," : "", i),
                             0);
            cr_assert_eq(buf_appendf(&text, "]}"), 0);
        }
        cr_assert_eq(buf_appendf(&text, "}}"), 0);
        if (n == MODELS_MAX)
            config_free(parse(text.data));
        else
            expect_refused(text.data, "more than 4080 targets in all");
        buf_release(&text);
    }
}
