/* scope.h - what the fleet keeps a breaker for: regions, or the models in them. */
#ifndef CONFIG_SCOPE_H
#define CONFIG_SCOPE_H

#include "base/base.h"
#include "config/config.h"

/* Fills c->slots from regions, models and scope_model, and with it the slot of each target and
 * the slots of each region.  -1 with err: a scope that these models cannot have. */
int scope_make_slots(struct config *c, struct err *err) MUST_CHECK;

#endif
