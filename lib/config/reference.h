/* reference.h - the reference of all settings for the manual, made from the tables of settings.
 */
#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

#include "base/base.h"
#include "base/buf.h"

/* Each appends its text; -1: the buffer's cap. 256 KiB are enough for any of them. */
#define CONFIG_REFERENCE_MAX (256u << 10)
int config_reference_mdoc(struct buf *out)
    MUST_CHECK; /* the generated part of sluice.json(5) */
int config_reference_markdown(struct buf *out) MUST_CHECK; /* one table of all settings */
int config_limits_markdown(struct buf *out) MUST_CHECK;    /* one table of all limits */

#endif
