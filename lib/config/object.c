/* object.c - one JSON object of the file, sorted and set by its table; object.h has the
 * contract. */
#include "config/object.h"

#include "config/value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 512 /* the names of one level, for a message */

void object_point(char where[OBJECT_WHERE_MAX], const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(where, OBJECT_WHERE_MAX, fmt, ap);
    va_end(ap);
}

void object_join(char where[OBJECT_WHERE_MAX], const char *at, const char *name)
{
    object_point(where, "%s%s%s", at, at[0] != '\0' ? "." : "", name);
}

const struct json *object_given(const struct object *o, const char *name)
{
    return o->given[settings_find(o->t, str_of(name)) - o->t->rows];
}

/* ---- unknown settings ---- */

/* Several settings of one section give the same head: the rows stand together. */
static void list_names(const char *const *names, size_t n, char out[NAMES_MAX])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < n && len < NAMES_MAX; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            len += (size_t)snprintf(out + len, NAMES_MAX - len, "%s\"%s\"", i > 0 ? ", " : "",
                                    names[i]);
}

/* The nearest name that could stand at this level: a setting's last part inside section, or a
 * setting or section of the object itself.  All of them where none is near. */
static int unknown(const struct object *o, const char *section, const char *name,
                   struct err *err)
{
    const char *names[SETTINGS_MAX];
    char heads[SETTINGS_MAX][32], where[OBJECT_WHERE_MAX], shown[VALUE_SHOWN_MAX],
        all[NAMES_MAX];
    size_t n = 0;

    for (size_t i = 0; i < o->t->n; i++) {
        struct str leaf, head = str_split(str_of(o->t->rows[i].name), '.', &leaf);

        if (section != NULL && !(leaf.ptr != NULL && str_eqz(head, section)))
            continue;
        snprintf(heads[n], sizeof(heads[n]), STR_FMT, STR_ARG(section != NULL ? leaf : head));
        names[n] = heads[n];
        n++;
    }
    const char *near = str_nearest(name, names, n);

    if (name[0] == '\0')
        name = "\"\"";
    if (section != NULL) {
        char inner[OBJECT_WHERE_MAX];

        object_join(inner, o->at, section);
        object_join(where, inner, value_show(str_of(name), shown));
    } else {
        object_join(where, o->at, value_show(str_of(name), shown));
    }
    if (near != NULL)
        return err_set(err, ERR_UNKNOWN_NAME, "%s is not a known setting, did you mean \"%s\"?",
                       where, near);
    list_names(names, n, all);
    return err_set(err, ERR_UNKNOWN_NAME, "%s is not a known setting, want one of %s", where,
                   all);
}

static bool is_section(const struct setting_table *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++) {
        struct str leaf, head = str_split(str_of(t->rows[i].name), '.', &leaf);

        if (leaf.ptr != NULL && str_eqz(head, name))
            return true;
    }
    return false;
}

/* ---- one object ---- */

static int collect_section(struct object *o, const char *section, const struct json *v,
                           struct err *err)
{
    struct json_iter it = {0};
    const struct json *value;
    const char *name;
    char path[OBJECT_WHERE_MAX];

    object_join(path, o->at, section);
    if (json_kind(v) != JSON_KIND_OBJECT)
        return err_set(err, ERR_RANGE, "%s is %s, want an object", path,
                       json_kind_name(json_kind(v)));
    while (json_next(v, &it, &name, &value)) {
        object_join(path, section, name); /* a name too long to fit is no setting's */
        const struct setting *k = settings_find(o->t, str_of(path));

        if (k == NULL)
            return unknown(o, section, name, err);
        o->given[k - o->t->rows] = value;
    }
    return 0;
}

int object_collect(struct object *o, const struct json *v, struct err *err)
{
    struct json_iter it = {0};
    const struct json *value;
    const char *name;

    if (json_kind(v) != JSON_KIND_OBJECT)
        return err_set(err, ERR_RANGE, "%s is %s, want an object",
                       o->at[0] != '\0' ? o->at : "the whole", json_kind_name(json_kind(v)));
    while (json_next(v, &it, &name, &value)) {
        const struct setting *k = settings_find(o->t, str_of(name));

        if (is_section(o->t, name)) {
            if (collect_section(o, name, value, err) < 0)
                return -1;
        } else if (k == NULL || strchr(name, '.') != NULL) {
            return unknown(o, NULL, name, err);
        } else {
            o->given[k - o->t->rows] = value;
        }
    }
    return 0;
}

int object_store(const struct object *o, void *base, struct err *err)
{
    char where[OBJECT_WHERE_MAX], want[SETTINGS_WANT_MAX];

    for (size_t i = 0; i < o->t->n; i++) {
        const struct setting *k = &o->t->rows[i];

        object_join(where, o->at, k->name);
        if (o->given[i] == NULL && settings_is_required(k)) {
            settings_want(k, true, want, sizeof(want));
            return err_set(err, ERR_RANGE, "%s is missing, want %s", where, want);
        }
        if (k->type >= SETTING_LISTS || k->type == SETTING_REGION_NAME)
            continue;
        if (o->given[i] == NULL)
            value_set_default(k, base);
        else if (value_set(k, base, o->given[i], o->how, where, err) < 0)
            return -1;
    }
    return 0;
}
