/* control.h - the private listener: health for load balancers, metrics, state. */
#ifndef ROUTER_CONTROL_H
#define ROUTER_CONTROL_H

#include "router/worker.h"

struct control;

/* Answers GET /livez /readyz /health/live /health/ready /metrics /state on fd (borrowed; shared
 * by the workers of one supervisor, so any of them may answer). */
struct control *control_new(struct worker *w, int fd);
void control_free(struct control *c);

#endif
