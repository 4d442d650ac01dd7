/* lists.c - settings that are a list; lists.h has the contract. */
#include "config/lists.h"

#include "config/value.h"

#include <stdlib.h>
#include <string.h>

int lists_check(const struct setting *k, const struct json *v, enum json_kind kind,
                const char *where, struct err *err)
{
    char want[SETTINGS_WANT_MAX];

    if (json_kind(v) != kind)
        return value_refuse(k, v, where, err);
    if ((int64_t)json_count(v) >= k->min && (int64_t)json_count(v) <= k->max)
        return 0;
    settings_want(k, true, want, sizeof(want));
    return err_set(err, ERR_RANGE, "%s has %zu, want %s", where, json_count(v), want);
}

static int load_flag(const struct setting *k, const struct json *v, const char *where,
                     unsigned *flags, struct err *err)
{
    char want[SETTINGS_WANT_MAX];

    for (size_t i = 0; json_kind(v) == JSON_KIND_STRING && k->words[i] != NULL; i++)
        if (str_eqz(json_text(v), k->words[i])) {
            *flags |= 1u << i;
            return 0;
        }
    settings_want(k, true, want, sizeof(want));
    return err_set(err, ERR_RANGE, "%s is no word of it, want %s", where, want);
}

int lists_flags(const struct object *o, const char *name, unsigned *flags, struct err *err)
{
    const struct setting *k = settings_find(o->t, str_of(name));
    const struct json *v = object_given(o, name);
    char list[OBJECT_WHERE_MAX], where[OBJECT_WHERE_MAX];

    if (v == NULL)
        return 0;
    object_join(list, o->at, name);
    if (lists_check(k, v, JSON_KIND_ARRAY, list, err) < 0)
        return -1;
    for (size_t i = 0; i < json_count(v); i++) {
        object_point(where, "%s[%zu]", list, i);
        if (load_flag(k, json_at(v, i), where, flags, err) < 0)
            return -1;
    }
    return 0;
}

static int load_text(const struct setting *k, const struct json *v, const struct expand *how,
                     const char *where, struct config_texts *t, struct err *err)
{
    char shown[VALUE_SHOWN_MAX];

    if (json_kind(v) != JSON_KIND_STRING)
        return err_set(err, ERR_RANGE, "%s is %s, want %s", where, json_kind_name(json_kind(v)),
                       form_want(k->form));
    char *text = value_text(k, v, how, where, err);

    if (text == NULL)
        return -1;
    if (strlen(text) <= CONFIG_TEXT_MAX && form_matches(k->form, str_of(text))) {
        t->text[t->n++] = text;
        return 0;
    }
    free(text);
    return err_set(err, ERR_RANGE, "%s is '%s', want %s", where,
                   value_show(json_text(v), shown), form_want(k->form));
}

int lists_texts(const struct object *o, const char *name, struct config_texts *t,
                struct err *err)
{
    const struct setting *k = settings_find(o->t, str_of(name));
    const struct json *v = object_given(o, name);
    char where[OBJECT_WHERE_MAX];

    if (v == NULL)
        return 0;
    if (lists_check(k, v, JSON_KIND_ARRAY, name, err) < 0)
        return -1;
    t->text = xcalloc(json_count(v) + 1, sizeof(*t->text));
    for (size_t i = 0; i < json_count(v); i++) {
        object_point(where, "%s[%zu]", name, i);
        if (load_text(k, json_at(v, i), o->how, where, t, err) < 0)
            return -1;
    }
    return 0;
}
