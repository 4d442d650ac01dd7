/* metrics_text.h - /metrics: Prometheus' text format 0.0.4. */
#ifndef ROUTER_METRICS_TEXT_H
#define ROUTER_METRICS_TEXT_H

#include "base/buf.h"
#include "router/metrics.h"

/* -1: out's cap does not allow it, or there is no snapshot to be had. */
int metrics_text_render(const struct metrics *m, struct buf *out) MUST_CHECK;

#endif
