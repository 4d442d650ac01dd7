/* test_schema.c - the schema is JSON and says of every setting what its row says. */
#include "config/schema.h"

#include "base/json.h"
#include "config/settings.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static const struct json *member(const struct json *v, const char *name)
{
    const struct json *found = v != NULL ? json_get(v, name) : NULL;

    cr_assert_not_null(found, "no member %s", name);
    return found;
}

/* The object schema that a table describes. */
static const struct json *object_of(const struct json *root, enum settings_of which)
{
    const struct json *p = member(root, "properties"), *model;

    if (which == SETTINGS_TOP)
        return root;
    if (which == SETTINGS_REGION)
        return member(member(p, "regions"), "items");
    model = member(member(p, "models"), "additionalProperties");
    if (which == SETTINGS_MODEL)
        return model;
    return member(member(member(model, "properties"), "targets"), "items");
}

static const struct json *find(const struct json *object, const char *name)
{
    struct str leaf, head = str_split(str_of(name), '.', &leaf);
    char section[32];
    const struct json *p = member(object, "properties");

    if (leaf.ptr == NULL)
        return member(p, name);
    snprintf(section, sizeof(section), "%.*s", (int)head.len, head.ptr);
    cr_expect_not(json_bool(member(member(p, section), "additionalProperties")));
    return member(member(member(p, section), "properties"), leaf.ptr);
}

static void expect_row(const struct json *s, const struct setting *k)
{
    cr_expect(str_eqz(json_text(member(s, "description")), k->help), "%s", k->name);
    cr_expect_eq(json_get(s, "default") != NULL, k->def != NULL, "%s", k->name);
    if (k->type >= SETTING_INT && k->type <= SETTING_TOKENS) {
        cr_expect_eq(json_int(member(s, "minimum")), k->min, "%s", k->name);
        cr_expect_eq(json_int(member(s, "maximum")), k->max, "%s", k->name);
    } else if (k->type == SETTING_FLAGS) {
        const struct json *words = member(member(s, "items"), "enum");

        cr_expect_eq(json_int(member(s, "maxItems")), k->max, "%s", k->name);
        for (size_t i = 0; k->words[i] != NULL; i++)
            cr_expect(str_eqz(json_text(json_at(words, i)), k->words[i]), "%s", k->name);
    } else if (k->type == SETTING_TEXTS) {
        const struct json *one = json_at(member(member(s, "items"), "anyOf"), 0);

        cr_expect_eq(json_int(member(s, "maxItems")), k->max, "%s", k->name);
        cr_expect(str_eqz(json_text(member(one, "pattern")), form_pattern(k->form)), "%s",
                  k->name);
    } else if (k->words != NULL) {
        const struct json *words = member(json_at(member(s, "anyOf"), 0), "enum");

        for (size_t i = 0; i < json_count(words); i++)
            cr_expect(str_eqz(json_text(json_at(words, i)), k->words[i]), "%s", k->name);
    } else if (k->type == SETTING_STRING) {
        const struct json *plain = json_at(member(s, "anyOf"), 0);

        cr_expect_eq(json_int(member(plain, "maxLength")), k->max, "%s", k->name);
    } else if (k->type == SETTING_MODELS || k->type == SETTING_HEADERS) {
        cr_expect_eq(json_int(member(s, "maxProperties")), k->max, "%s", k->name);
    } else if (k->type >= SETTING_LISTS) {
        cr_expect_eq(json_int(member(s, "minItems")), k->min, "%s", k->name);
        cr_expect_eq(json_int(member(s, "maxItems")), k->max, "%s", k->name);
    }
}

Test(schema, says_what_the_tables_say)
{
    struct buf text;
    struct err err = {0};

    buf_init(&text, CONFIG_SCHEMA_MAX);
    cr_assert_eq(config_schema(&text), 0);
    struct json *root = json_parse(buf_str(&text), CONFIG_SCHEMA_MAX, 32, &err);

    cr_assert_not_null(root, "%s", err.msg);
    cr_expect(str_eqz(json_text(member(root, "$schema")),
                      "https://json-schema.org/draft/2020-12/schema"));
    for (size_t w = 0; w < N_SETTINGS_OF; w++) {
        const struct setting_table *t = settings_table((enum settings_of)w);
        const struct json *object = object_of(root, (enum settings_of)w);
        size_t required = 0;

        cr_expect_not(json_bool(member(object, "additionalProperties")));
        for (size_t i = 0; i < t->n; i++) {
            expect_row(find(object, t->rows[i].name), &t->rows[i]);
            required += settings_is_required(&t->rows[i]);
        }
        cr_expect_eq(json_count(member(object, "required")), required);
    }
    json_free(root);
    buf_release(&text);
}
