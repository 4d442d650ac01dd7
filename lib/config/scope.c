/* scope.c - names of what has a breaker; scope.h has the contract.
 *
 * A region's name has no '/', so the first one in "region/model" divides the two. */
#include "config/scope.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 160 /* of a name in a state line, where most marks take three bytes */

static size_t add(struct config *c, const char *name, size_t region)
{
    c->slots = xrealloc(c->slots, (c->n_slots + 1) * sizeof(*c->slots));
    c->slots[c->n_slots] = (struct config_slot){.name = xstrdup(name), .region = region};
    return c->n_slots++;
}

static size_t word_bytes(const char *name)
{
    size_t n = 0;

    for (; *name != '\0'; name++)
        n += text_is_plain_byte(*name) ? 1 : 3;
    return n;
}

static int write_name(const struct config *c, const struct config_model *m,
                      const struct config_target *t, char out[CONFIG_SLOT_NAME_MAX + 1],
                      struct err *err)
{
    const char *sent = config_sent_model(m, t), *region = c->regions[t->region].name;

    if (snprintf(out, CONFIG_SLOT_NAME_MAX + 1, "%s/%s", region, sent) <=
            CONFIG_SLOT_NAME_MAX &&
        word_bytes(out) <= WORD_MAX)
        return 0;
    return err_set(err, ERR_RANGE,
                   "models[\"%s\"] is '%s' in region '%s', which is too long for "
                   "breaker.scope \"model\": want at most %d bytes for both names and a slash",
                   m->name, sent, region, CONFIG_SLOT_NAME_MAX);
}

/* Two models of ours may be one in a region; then they share its breaker. */
static int make_slot(struct config *c, const struct config_model *m, struct config_target *t,
                     struct err *err)
{
    struct config_region *r = &c->regions[t->region];
    char name[CONFIG_SLOT_NAME_MAX + 1];

    if (write_name(c, m, t, name, err) < 0)
        return -1;
    for (size_t i = r->first_slot; i < c->n_slots; i++)
        if (strcmp(c->slots[i].name, name) == 0) {
            t->slot = i;
            return 0;
        }
    if (c->n_slots == CONFIG_SLOTS_MAX)
        return err_set(err, ERR_RANGE,
                       "models have more than %zu targets in all, which is too many for "
                       "breaker.scope \"model\": want \"region\"",
                       CONFIG_SLOTS_MAX - c->n_regions);
    t->slot = add(c, name, t->region);
    return 0;
}

static int make_region(struct config *c, size_t region, struct err *err)
{
    struct config_region *r = &c->regions[region];

    r->first_slot = c->n_slots;
    for (size_t i = 0; i < c->n_models; i++)
        for (size_t j = 0; j < c->models[i].n_targets; j++) {
            struct config_target *t = &c->models[i].targets[j];

            if (t->region == region && make_slot(c, &c->models[i], t, err) < 0)
                return -1;
        }
    r->n_slots = c->n_slots - r->first_slot;
    return 0;
}

int scope_make_slots(struct config *c, struct err *err)
{
    for (size_t i = 0; i < c->n_regions; i++)
        add(c, c->regions[i].name, i);
    for (size_t i = 0; i < c->n_models; i++)
        for (size_t j = 0; j < c->models[i].n_targets; j++)
            c->models[i].targets[j].slot = c->models[i].targets[j].region;
    if (!c->scope_model)
        return 0;
    if (c->n_models == 0)
        return err_set(err, ERR_CONFLICT,
                       "breaker.scope is \"model\" and there are no models, want models to "
                       "name what each region serves");
    for (size_t i = 0; i < c->n_regions; i++)
        if (make_region(c, i, err) < 0)
            return -1;
    return 0;
}
