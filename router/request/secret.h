/* secret.h - a region's key in what the region says. */
#ifndef ROUTER_REQUEST_SECRET_H
#define ROUTER_REQUEST_SECRET_H

#include "base/str.h"
#include "config/config.h"

#include <stdbool.h>
#include <stddef.h>

/* Does text hold one of r's secrets: its key, as below, or the whole value of a header field of
 * its config, or its last word, if that is of 8 bytes or more? */
bool secret_of_region_is_shown(struct str text, const struct config_region *r);
/* Writes a star over each byte of those; were there any? */
bool secret_mask_of_region(char *text, size_t len, const struct config_region *r);

/* Does text hold key, or so much of its ends as vendors show of one?  "" is in no text. */
bool secret_is_shown(struct str text, const char *key);
/* Writes a star over each byte of those; were there any? */
bool secret_mask(char *text, size_t len, const char *key);

#endif
