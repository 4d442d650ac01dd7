/* load.c - from a file to a checked struct config, and the end of one.
 *
 * Every object of the file goes through the same two steps, driven by its table in settings.c:
 * object_collect() sorts the members to their rows and refuses unknown ones, object_store()
 * sets every scalar, default or given, and finds what is missing.  Lists are built afterwards,
 * regions first, because targets and fallbacks name things that must exist by then.
 *
 * The first fault ends the loading: one sentence with file, path in the JSON and expectation.
 */
#include "base/buf.h"
#include "config/check.h"
#include "config/config.h"
#include "config/dump.h"
#include "config/headers.h"
#include "config/lists.h"
#include "config/object.h"
#include "config/region_key.h"
#include "config/scope.h"
#include "config/value.h"
#include "config/warn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* models.NAME.targets[] is 5 */

/* ---- regions ---- */

/* A recovery timeout that is longer than the cap that nobody named is not doubled. */
static void settle_recovery(const struct object *o, struct breaker_conf *r)
{
    if (object_given(o, "breaker.recovery_timeout_max") == NULL &&
        r->recovery_max_ms < r->recovery_ms)
        r->recovery_max_ms = r->recovery_ms;
}

static int load_region(struct config *c, size_t i, const struct json *v,
                       const struct expand *how, struct err *err)
{
    char at[OBJECT_WHERE_MAX];
    struct object o = {.t = settings_table(SETTINGS_REGION), .at = at, .how = how};

    object_point(at, "regions[%zu]", i);
    c->regions[i].breaker = c->breaker; /* what is not given is inherited */
    c->regions[i].breaker.trip_confirm = xstrdup(c->breaker.trip_confirm);
    c->regions[i].timeouts = c->timeouts;
    if (object_collect(&o, v, err) < 0 || object_store(&o, &c->regions[i], err) < 0 ||
        region_key_load(&c->regions[i], &o, err) < 0 ||
        lists_flags(&o, "lenient", &c->regions[i].lenient, err) < 0 ||
        headers_load(&c->regions[i], &o, err) < 0)
        return -1;
    settle_recovery(&o, &c->regions[i].breaker.rule);
    int first = config_find_region(c, str_of(c->regions[i].name));

    if ((size_t)first != i)
        return err_set(err, ERR_CONFLICT,
                       "%s.name is '%s', which regions[%d] has already: want another name", at,
                       c->regions[i].name, first);
    return 0;
}

static int load_regions(struct config *c, const struct object *root, struct err *err)
{
    const struct json *v = object_given(root, "regions");
    const struct setting *k = settings_find(root->t, STR("regions"));

    if (lists_check(k, v, JSON_KIND_ARRAY, k->name, err) < 0)
        return -1;
    c->n_regions = json_count(v);
    c->regions = xcalloc(c->n_regions, sizeof(*c->regions));
    for (size_t i = 0; i < c->n_regions; i++)
        if (load_region(c, i, json_at(v, i), root->how, err) < 0)
            return -1;
    return 0;
}

/* ---- models ---- */

static int find_region(const struct config *c, const struct object *o, size_t *out,
                       struct err *err)
{
    const struct setting *k = settings_find(o->t, STR("region"));
    const struct json *v = object_given(o, "region");
    const char *names[CONFIG_REGIONS_MAX];
    char where[OBJECT_WHERE_MAX], shown[VALUE_SHOWN_MAX];

    object_join(where, o->at, k->name);
    char *name = value_text(k, v, o->how, where, err);

    if (name == NULL)
        return -1;
    int found = config_find_region(c, str_of(name));

    if (found < 0) {
        for (size_t i = 0; i < c->n_regions; i++)
            names[i] = c->regions[i].name;
        const char *near = str_nearest(name, names, c->n_regions);

        err_set(err, ERR_UNKNOWN_NAME, "%s is '%s', want the name of a region%s%s%s", where,
                value_show(json_text(v), shown), near != NULL ? ", did you mean \"" : "",
                near != NULL ? near : "", near != NULL ? "\"?" : "");
    }
    free(name);
    *out = (size_t)found;
    return found < 0 ? -1 : 0;
}

/* The same region may serve a model twice under two names, never under one. */
static int check_target_twice(const struct config *c, const struct config_model *m, size_t i,
                              const char *at, struct err *err)
{
    const struct config_target *t = &m->targets[i];

    for (size_t j = 0; j < i; j++) {
        const struct config_target *u = &m->targets[j];

        if (u->region == t->region &&
            strcmp(config_sent_model(m, u), config_sent_model(m, t)) == 0)
            return err_set(err, ERR_CONFLICT,
                           "%s is region '%s' with the model name of targets[%zu]: want each "
                           "region and model name once",
                           at, c->regions[t->region].name, j);
    }
    return 0;
}

/* A model that thinks for minutes does so everywhere: its own limit goes first. */
static struct config_timeouts join_timeouts(const struct config_timeouts *region,
                                            const struct config_timeouts *model)
{
    struct config_timeouts t = *region;

    t.first_byte_ms = model->first_byte_ms >= 0 ? model->first_byte_ms : t.first_byte_ms;
    t.first_content_ms =
        model->first_content_ms >= 0 ? model->first_content_ms : t.first_content_ms;
    t.idle_ms = model->idle_ms >= 0 ? model->idle_ms : t.idle_ms;
    t.answer_ms = model->answer_ms >= 0 ? model->answer_ms : t.answer_ms;
    return t;
}

static int load_target(struct config *c, struct config_model *m, size_t i,
                       const struct object *model, const struct json *v, struct err *err)
{
    char at[OBJECT_WHERE_MAX];
    struct object o = {.t = settings_table(SETTINGS_TARGET), .at = at, .how = model->how};
    struct config_target *t = &m->targets[i];

    object_point(at, "%s.targets[%zu]", model->at, i);
    t->context_window = m->context_window; /* what is not given is inherited */
    if (object_collect(&o, v, err) < 0 || object_store(&o, t, err) < 0)
        return -1;
    if (find_region(c, &o, &t->region, err) < 0)
        return -1;
    if (object_given(&o, "priority") == NULL)
        t->priority = c->regions[t->region].priority;
    t->timeouts = join_timeouts(&c->regions[t->region].timeouts, &m->timeouts);
    return check_target_twice(c, m, i, at, err);
}

static int load_targets(struct config *c, struct config_model *m, const struct object *o,
                        struct err *err)
{
    const struct setting *k = settings_find(o->t, STR("targets"));
    const struct json *v = object_given(o, "targets");
    char where[OBJECT_WHERE_MAX];

    object_join(where, o->at, k->name);
    if (lists_check(k, v, JSON_KIND_ARRAY, where, err) < 0)
        return -1;
    m->n_targets = json_count(v);
    m->targets = xcalloc(m->n_targets, sizeof(*m->targets));
    for (size_t i = 0; i < m->n_targets; i++)
        if (load_target(c, m, i, o, json_at(v, i), err) < 0)
            return -1;
    return 0;
}

static int refuse_fallback(const struct config *c, const char *where, struct str written,
                           const char *why, struct err *err)
{
    const char **names = xcalloc(c->n_models, sizeof(*names));
    char shown[VALUE_SHOWN_MAX];

    for (size_t i = 0; i < c->n_models; i++)
        names[i] = c->models[i].name;
    const char *near = why == NULL ? str_nearest(written.ptr, names, c->n_models) : NULL;

    err_set(err, why == NULL ? ERR_UNKNOWN_NAME : ERR_CONFLICT, "%s is '%s', %s%s%s%s", where,
            value_show(written, shown), why != NULL ? why : "want the name of a model",
            near != NULL ? ", did you mean \"" : "", near != NULL ? near : "",
            near != NULL ? "\"?" : "");
    free(names);
    return -1;
}

static int load_fallback(struct config *c, struct config_model *m, const struct object *o,
                         const struct json *v, const char *where, struct err *err)
{
    const struct setting *k = settings_find(o->t, STR("fallbacks"));
    const char *why = NULL;

    if (json_kind(v) != JSON_KIND_STRING)
        return err_set(err, ERR_RANGE, "%s is %s, want the name of a model", where,
                       json_kind_name(json_kind(v)));
    char *name = value_text(k, v, o->how, where, err);

    if (name == NULL)
        return -1;
    int found = config_find_model(c, str_of(name));

    if (found >= 0 && &c->models[found] == m)
        why = "the model itself: want another one";
    for (size_t i = 0; i < m->n_fallbacks && found >= 0; i++)
        if (m->fallbacks[i] == (size_t)found)
            why = "which stands there already: want each model once";
    if (found < 0 || why != NULL)
        found = refuse_fallback(c, where, json_text(v), why, err);
    else
        m->fallbacks[m->n_fallbacks++] = (size_t)found;
    free(name);
    return found < 0 ? -1 : 0;
}

static int load_fallbacks(struct config *c, struct config_model *m, const struct object *o,
                          struct err *err)
{
    const struct setting *k = settings_find(o->t, STR("fallbacks"));
    const struct json *v = object_given(o, "fallbacks");
    char list[OBJECT_WHERE_MAX], where[OBJECT_WHERE_MAX];

    if (v == NULL)
        return 0;
    object_join(list, o->at, k->name);
    if (lists_check(k, v, JSON_KIND_ARRAY, list, err) < 0)
        return -1;
    m->fallbacks = xcalloc(json_count(v) + 1, sizeof(*m->fallbacks));
    for (size_t i = 0; i < json_count(v); i++) {
        object_point(where, "%s[%zu]", list, i);
        if (load_fallback(c, m, o, json_at(v, i), where, err) < 0)
            return -1;
    }
    return 0;
}

static int load_model(struct config *c, struct config_model *m, const struct json *v,
                      const struct expand *how, struct err *err)
{
    char at[OBJECT_WHERE_MAX];
    struct object o = {.t = settings_table(SETTINGS_MODEL), .at = at, .how = how};

    object_point(at, "models[\"%s\"]", m->name);
    m->timeouts = (struct config_timeouts){-1, -1, -1, -1, -1, -1};
    if (object_collect(&o, v, err) < 0 || object_store(&o, m, err) < 0)
        return -1;
    if (load_targets(c, m, &o, err) < 0)
        return -1;
    return load_fallbacks(c, m, &o, err);
}

static int name_models(struct config *c, const struct json *v, struct err *err)
{
    struct json_iter it = {0};
    const struct json *value;
    const char *name;
    char shown[VALUE_SHOWN_MAX];

    while (json_next(v, &it, &name, &value)) {
        if (strlen(name) > CONFIG_NAME_MAX || !form_matches(FORM_MODEL, str_of(name)))
            return err_set(err, ERR_RANGE, "models has the name '%s', want %s, 1..%d bytes",
                           value_show(str_of(name), shown), form_want(FORM_MODEL),
                           CONFIG_NAME_MAX);
        c->models[c->n_models++].name = xstrdup(name);
    }
    return 0;
}

static int load_models(struct config *c, const struct object *root, struct err *err)
{
    const struct setting *k = settings_find(root->t, STR("models"));
    const struct json *v = object_given(root, "models"), *value;
    struct json_iter it = {0};
    const char *name;

    if (v == NULL)
        return 0;
    if (lists_check(k, v, JSON_KIND_OBJECT, k->name, err) < 0)
        return -1;
    c->models = xcalloc(json_count(v) + 1, sizeof(*c->models));
    if (name_models(c, v, err) < 0)
        return -1;
    for (size_t i = 0; json_next(v, &it, &name, &value); i++)
        if (load_model(c, &c->models[i], value, root->how, err) < 0)
            return -1;
    return 0;
}

/* ---- the file ---- */

static int fill(struct config *c, const struct json *root, const struct expand *how,
                struct err *err)
{
    struct object o = {.t = settings_table(SETTINGS_TOP), .at = "", .how = how};

    if (object_collect(&o, root, err) < 0 || object_store(&o, c, err) < 0)
        return -1;
    settle_recovery(&o, &c->breaker.rule);
    c->redis.enabled = json_get(root, "redis") != NULL;
    if (lists_texts(&o, "http.cors", &c->http.cors, err) < 0 ||
        lists_texts(&o, "http.hosts", &c->http.hosts, err) < 0)
        return -1;
    if (load_regions(c, &o, err) < 0 || load_models(c, &o, err) < 0 || config_check(c, err) < 0)
        return -1;
    return scope_make_slots(c, err);
}

static void release(enum settings_of which, void *base)
{
    const struct setting_table *t = settings_table(which);

    for (size_t i = 0; i < t->n; i++)
        value_release(&t->rows[i], base);
}

void config_free(struct config *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->n_models; i++) {
        struct config_model *m = &c->models[i];

        for (size_t j = 0; j < m->n_targets; j++)
            release(SETTINGS_TARGET, &m->targets[j]);
        release(SETTINGS_MODEL, m);
        free(m->name);
        free(m->targets);
        free(m->fallbacks);
    }
    for (size_t i = 0; i < c->n_regions; i++) {
        headers_release(&c->regions[i]);
        release(SETTINGS_REGION, &c->regions[i]);
    }
    for (size_t i = 0; i < c->n_slots; i++)
        free(c->slots[i].name);
    release(SETTINGS_TOP, c);
    free(c->slots);
    free(c->models);
    free(c->regions);
    free(c->oddities);
    free(c->path);
    free(c);
}

static struct config *parse(const char *name, struct str text, const struct expand *how,
                            struct err *err)
{
    struct json *root = json_parse(text, CONFIG_MAX_BYTES, DEPTH_MAX, err);
    struct config *c = NULL, *result = NULL;

    if (root == NULL)
        goto out;
    c = xcalloc(1, sizeof(*c));
    c->path = xstrdup(name);
    c->is_of_text = how != NULL && how->is_of_text;
    if (fill(c, root, how, err) < 0)
        goto out;
    config_digest(c, c->digest);
    c->oddities = warn_about_texts(root, how);
    result = c; /* success: ownership moves to the caller */
    c = NULL;
out:
    if (result == NULL)
        err_wrap(err, "config '%s'", name);
    config_free(c);
    json_free(root);
    return result;
}

struct config *config_parse(const char *name, struct str text, struct err *err)
{
    return parse(name, text, NULL, err);
}

static struct config *parse_file(const char *path, const struct expand *how, struct err *err)
{
    struct config *c = NULL;
    struct buf text;

    buf_init(&text, CONFIG_MAX_BYTES);
    if (buf_read_file(&text, path, err) < 0)
        err_wrap(err, "config '%s'", path);
    else
        c = parse(path, buf_str(&text), how, err);
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    buf_release(&text);
    return c;
}

struct config *config_read(const char *path, struct err *err)
{
    const struct expand how = {.beside = path, .is_of_text = true};

    return parse_file(path, &how, err);
}

struct config *config_load(const char *path, struct err *err)
{
    const struct expand how = {.beside = path};
    struct config *c = parse_file(path, &how, err);

    if (c == NULL || config_check_start(c, err) == 0)
        return c;
    err_wrap(err, "config '%s'", path);
    config_free(c);
    return NULL;
}
