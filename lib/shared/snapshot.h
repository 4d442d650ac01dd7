/* snapshot.h - the reply of lua/snapshot.lua: everything about a fleet at a glance. */
#ifndef SHARED_SNAPSHOT_H
#define SHARED_SNAPSHOT_H

#include "base/base.h"
#include "base/err.h"
#include "shared/state_line.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct redisReply;

struct snapshot_check { /* what the fleet's checker saw last of a region */
    char result[5];     /* "ok", "fail", or "": never checked */
    int64_t t_ms, took_ms;
    char what[VIEW_WORD_MAX + 1], from[VIEW_WORD_MAX + 1];
};

struct snapshot_measured {      /* how a region does for the fleet; -1: nobody knows */
    int64_t first_us, total_us; /* an attempt's first byte, its end */
    int64_t health;             /* 0..100 */
    int64_t inflight;
};

struct snapshot_slot {
    struct state_line line;
    int64_t ok, fail, slow; /* attempts in the window */
    int64_t leases;         /* probes under way */
    int64_t changed_ms;     /* last change; Redis' time, like all here */
    int64_t seen_ms;        /* last time a router named it */
    char cooling[21];       /* "throttled", "quota", "auth", or ""; while line.lim_ms != 0 */
    struct snapshot_check check;
    struct snapshot_measured measured;
};

struct snapshot_router { /* words are what the router says of itself; control bytes are '?' */
    char id[VIEW_WORD_MAX + 1], host[257], pid[33], version[65], config[65];
    int64_t started_ms, load, applied, seen_ms;
    /* slots that its own breaker keeps it from, encoded, a space between two */
    char left[2048];
};

struct snapshot {
    char gen[VIEW_GEN_MAX + 1]; /* "": no router ever attached */
    int64_t ver, now_ms, born_ms;
    struct snapshot_slot *slots;
    size_t n_slots;
    struct snapshot_router *routers; /* live ones */
    size_t n_routers;
};

/* Has this router left slot, which the fleet keeps? */
bool snapshot_has_left(const struct snapshot_router *r, const char *slot);
/* Fills *out; the caller calls snapshot_release either way.  {"NONE"} is a success with gen "".
 * -1: an error reply, or a reply that is not the script's. */
int snapshot_decode(struct snapshot *out, const struct redisReply *r,
                    struct err *err) MUST_CHECK;
void snapshot_release(struct snapshot *l);

#endif
