/* names.h - names of the fleet's keys in Redis: nobody else builds one.
 *
 * All carry the hash tag {sluice:F}, so every script stays in one slot of a Redis Cluster.
 * Scripts derive the rest from KEYS[1], which is always the meta key (lua/common.lua). */
#ifndef SHARED_NAMES_H
#define SHARED_NAMES_H

#include "base/base.h"

#define KEYS_FLEET_MAX 64
#define KEYS_NAME_MAX  (KEYS_FLEET_MAX + 32)

enum keys_kind {
    KEYS_META, /* HASH: KEYS[1] of every script */
    KEYS_PUSH, /* channel: one state line per change */
    KEYS_LOG,  /* STREAM: every change and every operator act */
    N_KEYS_KINDS
};

struct keys_name {
    char text[KEYS_NAME_MAX + 1];
};

/* fleet: at most KEYS_FLEET_MAX bytes, without braces (the config refuses others). */
struct keys_name keys_name(const char *fleet, enum keys_kind kind);

#endif
