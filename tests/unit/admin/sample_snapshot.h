/* sample_snapshot.h - a fleet with a bit of everything, for the tests of what is printed. */
#ifndef TESTS_UNIT_ADMIN_SAMPLE_SNAPSHOT_H
#define TESTS_UNIT_ADMIN_SAMPLE_SNAPSHOT_H

#include "shared/snapshot.h"

#define SAMPLE_NOW_MS INT64_C(1795218795381) /* 2026-11-20 23:53:15 UTC */

/* Version 12; slots closed, open and forced down, half-open and cooling; three routers, one
 * behind at 10, one with another config.  Time zone UTC.  The caller calls snapshot_release. */
void sample_snapshot(struct snapshot *l);

#endif
