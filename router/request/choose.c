/* choose.c - targets of a model, and the next one to try; choose.h has the contract.
 *
 * The plans are made once per config.  Per request only flags are kept, so choosing costs a
 * pass over a short array and no allocation. */
#include "router/request/choose.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_MAX_BYTES 800  /* of a log line */
#define TARGETS_MAX   1024 /* per plan: a model's and all its fallbacks' */

struct choose {
    const struct config *conf;
    struct choose_plan *models; /* one per configured model */
    struct choose_plan any;     /* without models: every region, the name unchanged */
};

static void add(struct choose_plan *p, struct choose_target t)
{
    if (p->n >= TARGETS_MAX)
        return;
    p->targets = xrealloc(p->targets, (p->n + 1) * sizeof(*p->targets));
    p->targets[p->n++] = t;
}

static void add_model(struct choose_plan *p, const struct config *conf,
                      const struct config_model *m, int tier)
{
    for (size_t i = 0; i < m->n_targets; i++) {
        const struct config_target *t = &m->targets[i];
        /* a fallback is another model: its own name goes upstream */
        const char *name = t->model != NULL ? t->model : tier > 0 ? m->name : NULL;

        add(p, (struct choose_target){.region = t->region,
                                      .slot = t->slot,
                                      .name = conf->slots[t->slot].name,
                                      .model = name,
                                      .tier = tier,
                                      .priority = t->priority,
                                      .context_window = t->context_window,
                                      .timeouts = &t->timeouts});
    }
}

struct choose *choose_new(const struct config *conf)
{
    struct choose *c = xcalloc(1, sizeof(*c));

    c->conf = conf;
    c->models = xcalloc(conf->n_models + 1, sizeof(*c->models));
    for (size_t i = 0; i < conf->n_models; i++) {
        const struct config_model *m = &conf->models[i];

        c->models[i].total_ms =
            m->timeouts.total_ms >= 0 ? m->timeouts.total_ms : conf->timeouts.total_ms;
        add_model(&c->models[i], conf, m, 0);
        for (size_t k = 0; k < m->n_fallbacks; k++)
            add_model(&c->models[i], conf, &conf->models[m->fallbacks[k]], (int)k + 1);
    }
    c->any.total_ms = conf->timeouts.total_ms;
    for (size_t i = 0; i < conf->n_regions; i++)
        add(&c->any, (struct choose_target){.region = i,
                                            .slot = i,
                                            .name = conf->regions[i].name,
                                            .priority = conf->regions[i].priority,
                                            .timeouts = &conf->regions[i].timeouts});
    return c;
}

void choose_free(struct choose *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->conf->n_models; i++)
        free(c->models[i].targets);
    free(c->models);
    free(c->any.targets);
    free(c);
}

const struct choose_plan *choose_find(const struct choose *c, const char *model)
{
    int i;

    if (c->conf->n_models == 0)
        return &c->any;
    i = config_find_model(c->conf, str_of(model));
    return i >= 0 ? &c->models[i] : NULL;
}

static bool is_too_small(const struct choose_target *t, int64_t window_over)
{
    return window_over > 0 && t->context_window <= window_over;
}

/* Among open targets, the one that returns first. */
static int pick_last_resort(const struct choose_plan *plan, const struct choose_state *st,
                            const struct picker_target *t, const struct fleet *f)
{
    int64_t best_ms = INT64_MAX, until_ms;
    int best = -1;

    for (size_t i = 0; i < plan->n; i++) {
        if (t[i].why != PICKER_OPEN || is_too_small(&plan->targets[i], st->window_over) ||
            !permit_may_last_resort(f, plan->targets[i].slot, &until_ms))
            continue;
        if (until_ms < best_ms) {
            best_ms = until_ms;
            best = (int)i;
        }
    }
    return best;
}

/* Why each target was passed over, for whoever asks where a request went. */
static void say_why(const struct choose_plan *plan, const struct choose_state *st,
                    const struct picker_target *t, int at, bool last_resort)
{
    char text[WHY_MAX_BYTES] = "";
    size_t len = 0;

    if (st->log == NULL || !log_is_on(LOG_DEBUG))
        return;
    for (size_t i = 0; i < plan->n && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s=%s", i > 0 ? " " : "",
                                plan->targets[i].name, picker_why_name(t[i].why));
    log_at(LOG_DEBUG, st->log, "target choice=%s%s targets=\"%s%s\"",
           at >= 0 ? plan->targets[at].name : "-", last_resort ? " last_resort" : "", text,
           len >= sizeof(text) ? "..." : "");
}

/* One that a probe has to try is wanted, for a later request: this one does not wait. */
static enum picker_why ask(struct fleet *f, size_t slot, int64_t now_ms)
{
    enum picker_why why = permit_check(f, slot, PERMIT_ASKER_NEW, now_ms);

    if (why == PICKER_OPEN)
        permit_want(f, slot, now_ms);
    return why;
}

int choose_pick(const struct choose_plan *plan, const struct choose_state *st, int except,
                struct fleet *f, bool allow_last_resort, int64_t now_ms, bool *last_resort)
{
    struct picker_target t[TARGETS_MAX];
    int at;

    *last_resort = false;
    for (size_t i = 0; i < plan->n; i++) {
        const struct choose_target *from = &plan->targets[i];

        t[i] = (struct picker_target){.tier = from->tier, .priority = from->priority};
        if (st->tried[i] || (int)i == except)
            t[i].why = PICKER_TRIED;
        else if (is_too_small(from, st->window_over))
            t[i].why = PICKER_TOO_SMALL;
        else if (st->well_only && !permit_is_well(f, from->slot))
            t[i].why = PICKER_FAILING;
        else
            t[i].why = ask(f, from->slot, now_ms);
    }
    at = picker_pick(t, plan->n);
    if (at < 0 && allow_last_resort) {
        at = pick_last_resort(plan, st, t, f);
        *last_resort = at >= 0;
    }
    say_why(plan, st, t, at, *last_resort);
    return at;
}

bool choose_awaits_last_resort(const struct choose_plan *plan, const struct choose_state *st,
                               const struct fleet *f)
{
    for (size_t i = 0; i < plan->n; i++)
        if (!st->tried[i] && !is_too_small(&plan->targets[i], st->window_over) &&
            permit_awaits_last_resort(f, plan->targets[i].slot))
            return true;
    return false;
}
