/* fleet.h - do the routers of a fleet agree, and is anything stuck? */
#ifndef ADMIN_DOCTOR_FLEET_H
#define ADMIN_DOCTOR_FLEET_H

#include "admin/doctor/facts.h"
#include "admin/doctor/finding.h"
#include "shared/snapshot.h"

#define DOCTOR_FLEET_COOL_MS  300000 /* cooling longer than this is worth a word */
#define DOCTOR_FLEET_TRIPS    5 /* so many trips without a quiet minute: it does not heal */
#define DOCTOR_FLEET_CHECK_MS 3600000 /* a check's result older than this says nothing */

/* Adds findings for generation, routers, applied, push, config, versions, forced, regions.
 * ver: what every router has had time to apply, and to say so.  version: the CLI's own. */
void doctor_fleet_judge(const struct snapshot *snapshot, int64_t ver,
                        const struct doctor_facts *f, const char *version,
                        struct findings *out);

#endif
