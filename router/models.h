/* models.h - GET /v1/models: what the config serves, made once. */
#ifndef ROUTER_MODELS_H
#define ROUTER_MODELS_H

#include "base/buf.h"
#include "config/config.h"

/* OpenAI's list object over every configured model.  -1: out of memory. */
int models_list(const struct config *conf, struct buf *out) MUST_CHECK;
/* One model's object; id is as it stands in the path.  -1 when no such model is served. */
int models_one(const struct config *conf, struct str id, struct buf *out) MUST_CHECK;

#endif
