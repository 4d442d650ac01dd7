/* cooling.h - how long a region that said "not now" is left alone. */
#ifndef POLICY_COOLING_H
#define POLICY_COOLING_H

#include "policy/outcome.h"

#include <stdbool.h>
#include <stdint.h>

#define COOLING_GUESS_MS      1000             /* throttled, and no time was stated */
#define COOLING_STATED_MAX_MS (10 * 60 * 1000) /* more than this is not believed */
#define COOLING_QUOTA_MS      (10 * 60 * 1000) /* out of credit: lasting */
#define COOLING_AUTH_MS       (60 * 1000)      /* our key refused: an operator has to look */

enum cooling_why { COOLING_WHY_THROTTLED, COOLING_WHY_QUOTA, COOLING_WHY_AUTH, N_COOLING_WHY };

struct cooling { /* of one region, as this worker knows it; monotonic; zeroed at first */
    int64_t known_until_ms; /* a stated time, quota, auth */
    int64_t guess_until_ms; /* nobody stated it */
};

/* An attempt ended as o, one that cools or is misconfigured.  Returns for how long the region
 * is to be left alone; 0: not at all.  stated_ms: the vendor's word, -1: none. */
int64_t cooling_note(struct cooling *c, enum outcome o, int64_t stated_ms, int64_t now_ms);

enum cooling_why cooling_why_of(enum outcome o);
const char *cooling_why_name(enum cooling_why why); /* "throttled", "quota", "auth" */

/* Whether nothing but a guess of ours says that the region cools until lim_ms. */
bool cooling_is_guess(const struct cooling *c, int64_t lim_ms, int64_t now_ms);

#endif
