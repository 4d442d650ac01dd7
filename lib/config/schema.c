/* schema.c - JSON Schema from the tables of settings; schema.h has the contract.
 *
 * A string may come from the environment, so each constraint on a string has "or it holds
 * ${...}" beside it: an editor checks what it can see, the loader checks the rest.
 */
#include "config/schema.h"

#include "base/json_out.h"
#include "config/settings.h"

#include <stdio.h>

static void write_table(struct json_out *o, enum settings_of which);

static void string_matching(struct json_out *o, const char *pattern)
{
    json_out_object(o);
    json_out_member_text(o, "type", "string");
    json_out_member_text(o, "pattern", pattern);
    json_out_end(o);
}

static void integer_between(struct json_out *o, const struct setting *k)
{
    json_out_member_text(o, "type", "integer");
    json_out_member_int(o, "minimum", k->min);
    json_out_member_int(o, "maximum", k->max);
}

static void plain_string(struct json_out *o, const struct setting *k)
{
    json_out_object(o);
    json_out_member_text(o, "type", "string");
    json_out_member_int(o, "minLength", k->min);
    json_out_member_int(o, "maxLength", k->max);
    if (form_pattern(k->form) != NULL)
        json_out_member_text(o, "pattern", form_pattern(k->form));
    json_out_end(o);
    if (k->min == 0) { /* empty stands for none, whatever the form says */
        json_out_object(o);
        json_out_member_text(o, "const", "");
        json_out_end(o);
    }
}

static void words(struct json_out *o, const struct setting *k)
{
    json_out_object(o);
    json_out_key(o, "enum");
    json_out_array(o);
    for (size_t i = 0; k->words[i] != NULL; i++)
        json_out_text(o, k->words[i]);
    json_out_end(o);
    json_out_end(o);
}

/* Strings: what the file may say literally, or anything with ${ENV}. */
static void alternatives(struct json_out *o, const struct setting *k)
{
    json_out_key(o, "anyOf");
    json_out_array(o);
    if (k->words != NULL) {
        words(o, k);
    } else if (k->type == SETTING_DURATION) {
        string_matching(o, "^(?=.)([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?$");
    } else if (k->type == SETTING_SIZE) {
        json_out_object(o);
        integer_between(o, k);
        json_out_end(o);
        string_matching(o, "^[0-9]+(B|KiB|MiB|GiB)$");
    } else {
        plain_string(o, k);
    }
    string_matching(o, "\\$\\{");
    json_out_end(o);
}

/* Each string of a list, or anything with ${ENV}. */
static void texts(struct json_out *o, const struct setting *k)
{
    json_out_object(o);
    json_out_key(o, "anyOf");
    json_out_array(o);
    string_matching(o, form_pattern(k->form));
    string_matching(o, "\\$\\{");
    json_out_end(o);
    json_out_end(o);
}

static void list(struct json_out *o, const struct setting *k)
{
    bool object = k->type == SETTING_MODELS || k->type == SETTING_HEADERS;

    json_out_member_text(o, "type", object ? "object" : "array");
    json_out_member_int(o, object ? "minProperties" : "minItems", k->min);
    json_out_member_int(o, object ? "maxProperties" : "maxItems", k->max);
    json_out_key(o, object ? "additionalProperties" : "items");
    if (k->type == SETTING_FALLBACKS || k->type == SETTING_HEADERS) {
        json_out_object(o);
        json_out_member_text(o, "type", "string");
        json_out_end(o);
    } else if (k->type == SETTING_FLAGS) {
        words(o, k);
    } else if (k->type == SETTING_TEXTS) {
        texts(o, k);
    } else {
        write_table(o, k->type == SETTING_REGIONS  ? SETTINGS_REGION
                       : k->type == SETTING_MODELS ? SETTINGS_MODEL
                                                   : SETTINGS_TARGET);
    }
}

static void write_default(struct json_out *o, const struct setting *k)
{
    uint64_t n;

    if (k->def == NULL)
        return;
    json_out_key(o, "default");
    if (k->type >= SETTING_INT && k->type <= SETTING_TOKENS && str_to_u64(str_of(k->def), &n))
        json_out_int(o, (int64_t)n);
    else
        json_out_text(o, k->def);
}

static void write_setting(struct json_out *o, const struct setting *k, const char *name)
{
    json_out_key(o, name);
    json_out_object(o);
    json_out_member_text(o, "description", k->help);
    write_default(o, k);
    if (k->type >= SETTING_LISTS)
        list(o, k);
    else if (k->type >= SETTING_INT && k->type <= SETTING_TOKENS)
        integer_between(o, k);
    else
        alternatives(o, k);
    json_out_end(o);
}

static void open_object(struct json_out *o)
{
    json_out_member_text(o, "type", "object");
    json_out_key(o, "additionalProperties");
    json_out_bool(o, false);
}

/* The properties of one object; nests as deep as the tables do (targets in models). */
static void write_members(struct json_out *o, const struct setting_table *t)
{
    struct str section = {NULL, 0};

    json_out_key(o, "properties");
    json_out_object(o);
    for (size_t i = 0; i < t->n; i++) {
        struct str leaf, head = str_split(str_of(t->rows[i].name), '.', &leaf);

        if (section.ptr != NULL && (leaf.ptr == NULL || !str_eq(section, head))) {
            json_out_end(o);
            json_out_end(o);
            section = (struct str){NULL, 0};
        }
        if (leaf.ptr != NULL && section.ptr == NULL) {
            char name[32];

            snprintf(name, sizeof(name), STR_FMT, STR_ARG(head));
            json_out_key(o, name);
            json_out_object(o);
            open_object(o);
            json_out_key(o, "properties");
            json_out_object(o);
            section = head;
        }
        write_setting(o, &t->rows[i], leaf.ptr != NULL ? leaf.ptr : t->rows[i].name);
    }
    if (section.ptr != NULL) {
        json_out_end(o);
        json_out_end(o);
    }
    json_out_end(o);
}

static void write_required(struct json_out *o, const struct setting_table *t)
{
    json_out_key(o, "required");
    json_out_array(o);
    for (size_t i = 0; i < t->n; i++)
        if (settings_is_required(&t->rows[i]))
            json_out_text(o, t->rows[i].name);
    json_out_end(o);
}

static void write_table(struct json_out *o, enum settings_of which)
{
    json_out_object(o);
    if (which == SETTINGS_TOP) {
        json_out_member_text(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
        json_out_member_text(o, "title", "Configuration of sluice-router");
    }
    open_object(o);
    write_required(o, settings_table(which));
    write_members(o, settings_table(which));
    json_out_end(o);
}

int config_schema(struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, true);
    write_table(&o, SETTINGS_TOP);
    if (json_out_finish(&o) < 0)
        return -1;
    return buf_append(out, "\n", 1);
}
