/* vtime.h - virtual time: one queue of jobs, in order, and every clock and timer of the routers
 * hangs on it.  What runs in the simulator believes in libevent and in clock.h; vtime.c stands
 * in front of both when the program is linked, and of getrandom(2), so a seed is a history. */
#ifndef SIM_VTIME_H
#define SIM_VTIME_H

#include "base/rand.h"

#include <stdbool.h>
#include <stdint.h>

#define VTIME_OWNERS 64 /* each sees clocks of its own; 0 is the world */

struct vtime_job;

void vtime_start(uint64_t seed); /* an empty queue at time 0 */
void vtime_stop(void);           /* frees what is left */
int64_t vtime_us(void);
/* Runs fn(arg) at at_us (now, if that is past) as owner. */
struct vtime_job *vtime_at(int64_t at_us, int owner, void (*fn)(void *arg), void *arg);
void vtime_cancel(struct vtime_job *job); /* NULL is fine */
/* Runs the next job; false: there is none up to until_us, and it is until_us now. */
bool vtime_step(int64_t until_us);
/* Whose code runs: clocks and new timers are its own. */
int vtime_owner(void);
int vtime_become(int owner); /* returns who it was */
/* How far a router's clocks are off. */
void vtime_set_offset(int owner, int64_t mono_ms, int64_t wall_ms);
struct rand *vtime_rand(void); /* the world's chance */

#endif
