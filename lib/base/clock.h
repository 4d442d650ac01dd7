/* clock.h - the clocks.  Only router/, admin/ and the loop-driven half of lib/ call
 * these; everything in lib/policy takes the time as an argument. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_mono_ms(void); /* CLOCK_MONOTONIC; never goes back */
int64_t clock_mono_us(void);
int64_t clock_wall_ms(void); /* since 1970; for people and HTTP dates only */

#endif
