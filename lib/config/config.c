/* config.c - the loaded config: find and free; load.c makes it. */
#include "config/config.h"

#include "base/duration.h"
#include "config/value.h"

#include <stdlib.h>

static void release(enum settings_of which, void *base)
{
    const struct key_table *t = settings_table(which);

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
    for (size_t i = 0; i < c->n_regions; i++)
        release(SETTINGS_REGION, &c->regions[i]);
    for (size_t i = 0; i < c->n_slots; i++)
        free(c->slots[i].name);
    release(SETTINGS_TOP, c);
    free(c->slots);
    free(c->models);
    free(c->regions);
    free(c->path);
    free(c);
}

const char *config_sent_model(const struct config_model *m, const struct config_target *t)
{
    return t->model != NULL ? t->model : m->name;
}

int config_find_model(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->n_models; i++)
        if (str_eqz(name, c->models[i].name))
            return (int)i;
    return -1;
}

int config_find_region(const struct config *c, struct str name)
{
    for (size_t i = 0; i < c->n_regions; i++)
        if (c->regions[i].name != NULL && str_eqz(name, c->regions[i].name))
            return (int)i;
    return -1;
}

int64_t config_hedge_after_ms(const struct config *c)
{
    int64_t ms = CONFIG_HEDGE_OFF;

    if (str_eqz(str_of(c->hedge.after), "p95"))
        return CONFIG_HEDGE_P95;
    if (duration_parse(str_of(c->hedge.after), &ms) < 0)
        return CONFIG_HEDGE_OFF; /* "off": the form let nothing else through */
    return ms;
}
