/* region_state.h - what this worker's own attempts at a slot have shown; permit.c keeps it. */
#ifndef FLEET_REGION_STATE_H
#define FLEET_REGION_STATE_H

#include "policy/cooling.h"
#include "policy/ramp.h"

#include <stdbool.h>

struct region_state {
    struct cooling cooling;
    struct ramp ramp;       /* what our failures took from its share */
    int last_resorts;       /* in flight */
    int last_resort_room;   /* that many more may be: successes in a row */
    bool failing;           /* our last attempt that counts for or against it failed */
    int auths;              /* our key was refused that often in a row */
    uint64_t provoked_by;   /* the client that saw the last failure of a kind that a client can
                               provoke, since a success; 0: none */
    int64_t ok_ms;          /* our last success there; 0: none */
    int64_t doubt_until_ms; /* of a trip that may be overruled; 0: none */
    bool is_local;          /* our own breaker decides, as last noted */
    bool has_left;          /* and keeps us from what the fleet can use */
};

#endif
