/* redis.h - is this Redis fit to hold a fleet's state? */
#ifndef ADMIN_DOCTOR_REDIS_H
#define ADMIN_DOCTOR_REDIS_H

#include "admin/doctor/facts.h"
#include "admin/doctor/finding.h"

/* Round trips: from here on worth a word, and too slow for routers (redis.command_timeout's
 * default). */
#define DOCTOR_REDIS_SLOW_US 10000
#define DOCTOR_REDIS_LATE_US 50000
/* redis.maxmemory in use, from here on worth a word; percent. */
#define DOCTOR_REDIS_FULL_PERCENT 90
/* Redis' clock behind what it said before; the fleet's own clock stands still meanwhile. */
#define DOCTOR_REDIS_STEP_MS 1000

/* Adds a finding for each of redis, version, role, eviction, memory, persistence, clock, acl.
 * where: the URL without secrets.  fleet: for the ACL rule. */
void doctor_redis_judge(const struct doctor_facts *f, const char *where, const char *fleet,
                        struct findings *out);

#endif
