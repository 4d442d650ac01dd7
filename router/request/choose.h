/* choose.h - which targets serve a model, and which of them is tried next. */
#ifndef ROUTER_REQUEST_CHOOSE_H
#define ROUTER_REQUEST_CHOOSE_H

#include "base/base.h"
#include "base/log.h"
#include "config/config.h"
#include "policy/picker.h"
#include "fleet/permit.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct choose_target {
    size_t region, slot; /* slot: what its breaker is, in fleet.h's sense */
    const char *name;    /* of the slot, for people */
    const char *model;   /* the name used there; NULL: the client's own */
    int tier;            /* 0: the model's own targets; then its fallbacks, in order */
    int priority;
    int64_t context_window; /* 0: unknown */
    const struct config_timeouts *timeouts;
};

struct choose_plan { /* what may serve one model; immutable */
    struct choose_target *targets;
    size_t n;
    int64_t total_ms; /* for a whole request */
};

struct choose; /* the plans of one config */

struct choose *choose_new(const struct config *conf); /* borrows conf */
void choose_free(struct choose *c);

/* The plan of a client's model name; NULL: the config lists models and this is none. */
const struct choose_plan *choose_find(const struct choose *c, const char *model);

struct choose_state {    /* of one request */
    bool *tried;         /* one per target */
    bool well_only;      /* none whose last attempt failed: the retries' budget is spent */
    int64_t window_over; /* only targets with a larger window; 0: any */
    const struct log_ctx
        *log; /* of the debug line that says what each target was; NULL: none */
};

/* Index of the next target, -1 when none may be used.  except: the index of one that counts as
 * tried for this call, -1: none.  *last_resort: it is one that is open, tried because nothing
 * better is left. */
int choose_pick(const struct choose_plan *plan, const struct choose_state *st, int except,
                struct fleet *f, bool allow_last_resort, int64_t now_ms, bool *last_resort);

/* None may be used: is one of them open, with as many last resorts on the way as it may have? */
bool choose_awaits_last_resort(const struct choose_plan *plan, const struct choose_state *st,
                               const struct fleet *f);

#endif
