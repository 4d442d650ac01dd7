/* config.c - the loaded config: what is found in it; load.c makes and frees it. */
#include "config/config.h"

#include "base/units.h"

static bool is_given(const struct config_trust *t)
{
    return t->ca_file != NULL || t->extra_ca_file != NULL;
}

const struct config_trust *config_trust_of(const struct config *c, size_t region)
{
    const struct config_trust *own = &c->regions[region].trust;

    return is_given(own) ? own : &c->upstream.trust;
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

bool config_texts_has(const struct config_texts *t, struct str s)
{
    for (size_t i = 0; i < t->n; i++)
        if (str_ieqz(s, t->text[i]))
            return true;
    return false;
}

int64_t config_hedge_after_ms(const struct config *c)
{
    int64_t ms = CONFIG_HEDGE_OFF;

    if (str_eqz(str_of(c->hedge.after), "p95"))
        return CONFIG_HEDGE_P95;
    if (str_eqz(str_of(c->hedge.after), "silence"))
        return CONFIG_HEDGE_SILENCE;
    if (duration_parse(str_of(c->hedge.after), &ms) < 0)
        return CONFIG_HEDGE_OFF; /* "off": the form let nothing else through */
    return ms;
}
