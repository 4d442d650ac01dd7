/* dump.c - the effective config as text; dump.h has the contract. */
#include "config/dump.h"

#include "base/sha256.h"
#include "config/headers.h"
#include "config/value.h"

#include <stdio.h>
#include <string.h>

struct dump {
    const struct config *c;
    struct json_out o;
    bool digest; /* secrets as they are, and only what a whole fleet shares */
};

static void write_regions(struct dump *d);
static void write_models(struct dump *d);

/* What a region takes from the config's breaker and timeouts stands there; a model knows what is
 * its own. */
static bool is_inherited(const struct dump *d, enum settings_of which, const struct setting *k,
                         const void *base)
{
    const struct setting *of = settings_find(settings_table(SETTINGS_TOP), str_of(k->name));

    if (k->type == SETTING_STRING && value_string(k, base) == NULL)
        return true;
    if (which == SETTINGS_MODEL)
        return value_number(k, base) < 0;
    if (of == NULL)
        return false;
    return k->type == SETTING_STRING
               ? strcmp(value_string(k, base), value_string(of, d->c)) == 0
               : value_number(k, base) == value_number(of, d->c);
}

/* A key that a file holds is said by the file's name. */
static bool is_in_file(const struct dump *d, enum settings_of which, const struct setting *k,
                       const void *base)
{
    const struct config_region *r = base;

    return which == SETTINGS_REGION && !d->digest && r->api_key_file != NULL &&
           strcmp(k->name, "api_key") == 0;
}

static bool is_left_out(const struct dump *d, enum settings_of which, const struct setting *k,
                        const void *base)
{
    struct str leaf;

    if (str_eqz(str_split(str_of(k->name), '.', &leaf), "redis") && !d->c->redis.enabled)
        return true; /* its absence is a value: the router runs alone */
    if (d->digest && (k->fixed || k->own))
        return true; /* addresses and workers are each host's own */
    if (is_in_file(d, which, k, base))
        return true;
    if (k->type == SETTING_TARGETS || k->type == SETTING_FALLBACKS ||
        k->type == SETTING_REGION_NAME)
        return true; /* write_model's */
    return k->inherits != NULL && k->type < SETTING_LISTS && is_inherited(d, which, k, base);
}

static void write_flags(struct dump *d, const struct setting *k, const char *name,
                        const void *base)
{
    unsigned flags = *(const unsigned *)(const void *)((const char *)base + k->offset);

    json_out_key(&d->o, name);
    json_out_array(&d->o);
    for (size_t i = 0; k->words[i] != NULL; i++)
        if ((flags & 1u << i) != 0)
            json_out_text(&d->o, k->words[i]);
    json_out_end(&d->o);
}

static void write_texts(struct dump *d, const struct setting *k, const char *name,
                        const void *base)
{
    const struct config_texts *t = (const void *)((const char *)base + k->offset);

    json_out_key(&d->o, name);
    json_out_array(&d->o);
    for (size_t i = 0; i < t->n; i++)
        json_out_text(&d->o, t->text[i]); /* no form of a list has a '$' */
    json_out_end(&d->o);
}

static void write_value(struct dump *d, const struct setting *k, const char *name,
                        const void *base)
{
    if (k->type == SETTING_REGIONS) {
        write_regions(d);
    } else if (k->type == SETTING_MODELS) {
        write_models(d);
    } else if (k->type == SETTING_HEADERS) {
        json_out_key(&d->o, name);
        headers_write(base, !d->digest, &d->o);
    } else if (k->type == SETTING_FLAGS) {
        write_flags(d, k, name, base);
    } else if (k->type == SETTING_TEXTS) {
        write_texts(d, k, name, base);
    } else {
        json_out_key(&d->o, name);
        value_write(k, base, !d->digest, d->c->is_of_text, &d->o);
    }
}

/* The members of one object.  Settings of one section stand together in the table: a section
 * opens with its first row. */
static void write_rows(struct dump *d, enum settings_of which, const void *base)
{
    const struct setting_table *t = settings_table(which);
    struct str section = {NULL, 0};

    for (size_t i = 0; i < t->n; i++) {
        const struct setting *k = &t->rows[i];
        struct str leaf, head = str_split(str_of(k->name), '.', &leaf);

        if (is_left_out(d, which, k, base))
            continue;
        if (section.ptr != NULL && (leaf.ptr == NULL || !str_eq(section, head))) {
            json_out_end(&d->o);
            section = (struct str){NULL, 0};
        }
        if (leaf.ptr != NULL && section.ptr == NULL) {
            char name[32];

            snprintf(name, sizeof(name), STR_FMT, STR_ARG(head));
            json_out_key(&d->o, name);
            json_out_object(&d->o);
            section = head;
        }
        write_value(d, k, leaf.ptr != NULL ? leaf.ptr : k->name, base);
    }
    if (section.ptr != NULL)
        json_out_end(&d->o);
}

static void write_regions(struct dump *d)
{
    json_out_key(&d->o, "regions");
    json_out_array(&d->o);
    for (size_t i = 0; i < d->c->n_regions; i++) {
        json_out_object(&d->o);
        write_rows(d, SETTINGS_REGION, &d->c->regions[i]);
        json_out_end(&d->o);
    }
    json_out_end(&d->o);
}

static void write_model(struct dump *d, const struct config_model *m)
{
    json_out_key(&d->o, m->name);
    json_out_object(&d->o);
    json_out_key(&d->o, "targets");
    json_out_array(&d->o);
    for (size_t i = 0; i < m->n_targets; i++) {
        json_out_object(&d->o);
        json_out_key(&d->o, "region");
        json_out_text(&d->o, d->c->regions[m->targets[i].region].name);
        write_rows(d, SETTINGS_TARGET, &m->targets[i]);
        json_out_end(&d->o);
    }
    json_out_end(&d->o);
    json_out_key(&d->o, "fallbacks");
    json_out_array(&d->o);
    for (size_t i = 0; i < m->n_fallbacks; i++)
        json_out_text(&d->o, d->c->models[m->fallbacks[i]].name);
    json_out_end(&d->o);
    write_rows(d, SETTINGS_MODEL, m);
    json_out_end(&d->o);
}

static void write_models(struct dump *d)
{
    json_out_key(&d->o, "models");
    json_out_object(&d->o);
    for (size_t i = 0; i < d->c->n_models; i++)
        write_model(d, &d->c->models[i]);
    json_out_end(&d->o);
}

static int write_all(const struct config *c, bool digest, struct buf *out)
{
    struct dump d = {.c = c, .digest = digest};

    json_out_init(&d.o, out, true);
    json_out_object(&d.o);
    write_rows(&d, SETTINGS_TOP, c);
    json_out_end(&d.o);
    if (json_out_finish(&d.o) < 0)
        return -1;
    return buf_append(out, "\n", 1);
}

int config_dump(const struct config *c, struct buf *out)
{
    return write_all(c, false, out);
}

void config_digest(const struct config *c, char out[17])
{
    unsigned char hash[SHA256_BYTES];
    struct buf text;

    buf_init(&text, CONFIG_DUMP_MAX);
    if (write_all(c, true, &text) < 0)
        buf_clear(&text); /* unreachable below CONFIG_MAX_BYTES; a fixed digest then */
    sha256(buf_str(&text), hash);
    for (size_t i = 0; i < 8; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
    if (text.data != NULL)
        explicit_bzero(text.data, text.len);
    buf_release(&text);
}
