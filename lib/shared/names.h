/* names.h - names of the fleet's keys in Redis: nobody else builds one.
 *
 * All carry the hash tag {sluice:F}, so every script stays in one slot of a Redis Cluster.
 * Scripts derive the rest from KEYS[1], which is always the meta key (lua/common.lua). */
#ifndef SHARED_NAMES_H
#define SHARED_NAMES_H

#include "base/base.h"

#define NAMES_FLEET_MAX 64
#define NAMES_NAME_MAX  (NAMES_FLEET_MAX + 32)

enum names_kind {
    NAMES_META, /* HASH: KEYS[1] of every script */
    NAMES_LOG,  /* STREAM: every change and every operator act */
    N_NAMES_KINDS
};

struct names_text {
    char text[NAMES_NAME_MAX + 1];
};

/* fleet: at most NAMES_FLEET_MAX bytes, without braces (the config refuses others). */
struct names_text names_of(const char *fleet, enum names_kind kind);

/* The channel with one state line per change.  Channels are those of all databases of a server, so
 * a fleet in another one than 0 has a channel of its own, and says so to the scripts: as KEYS[2]. */
struct names_text names_push(const char *fleet, int db);

#endif
