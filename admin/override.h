/* override.h - an operator's word: said to the fleet, and waited for. */
#ifndef ADMIN_OVERRIDE_H
#define ADMIN_OVERRIDE_H

#include "admin/args.h"
#include "base/base.h"
#include "base/err.h"
#include "shared/state_line.h"
#include "shared/snapshot.h"

#include <stdbool.h>
#include <stdint.h>

struct session;

#define OVERRIDE_ID_MAX 64

struct override {
    const char *region;
    enum view_forced word;
    int64_t ttl_ms;       /* 0: no end */
    const char *reason;   /* "" for none */
    int64_t expect_epoch; /* -1: any */
    bool reset;
    char actor[VIEW_WORD_MAX + 1];
    char id[OVERRIDE_ID_MAX + 1]; /* request id */
};

/* From "down" and the options; the region is the caller's.  -1 with a sentence: a reason or an
 * id that cannot be stored. */
int override_init(struct override *o, const char *word, const struct args *a,
                  struct err *err) MUST_CHECK;
/* "alice@host-1": SUDO_USER, else USER, else the user's name or number. */
void override_actor(char *out, size_t cap);

struct override_result {
    bool conflict, unknown;
    uint64_t ver;           /* routers that have applied it obey */
    struct state_line line; /* the slot as it is now; conflict: as somebody else made it */
};

/* Says it once: a connection lost on the way is made anew, and the request id keeps the second
 * saying without effect.  conflict and unknown are answers, not errors. */
int override_say(const struct override *o, struct session *s, struct override_result *out,
                 struct err *err) MUST_CHECK;

/* Takes snapshots until every live router has applied ver, the deadline passed, or the
 * data began anew (*snapshot has another generation).  It is filled anew; the caller releases it
 * either way. */
int override_wait(struct session *s, const char *gen, uint64_t ver, int64_t deadline_ms,
                  struct snapshot *snapshot, struct err *err) MUST_CHECK;

#endif
