/* scale.h - what a large fleet costs. */
#ifndef SIM_SCALE_H
#define SIM_SCALE_H

int scale_print(void); /* an exit code */

#endif
