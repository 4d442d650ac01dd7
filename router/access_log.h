/* access_log.h - the last step of an attempt and of a request: counters and one log line. */
#ifndef ROUTER_ACCESS_LOG_H
#define ROUTER_ACCESS_LOG_H

#include "base/log.h"
#include "router/request/attempt.h"
#include "router/metrics.h"
#include "router/worker.h"

#include <stdint.h>

struct access_log_attempt {
    size_t region;
    int number; /* 1 for the first of a request */
    const struct attempt_end *end;
};
void access_log_attempt(struct worker *w, const struct log_ctx *log,
                        const struct access_log_attempt *a);

struct access_log_request {
    enum metrics_request result;
    int status;         /* towards the client; 0: none went out */
    const char *region; /* that answered; "-" */
    int attempts;
    int64_t total_us, overhead_us;
    uint64_t bytes;
    char upstream_id[ATTEMPT_UPSTREAM_ID_MAX + 1]; /* of the answer that was passed on; "" */
};
void access_log_request(struct worker *w, const struct log_ctx *log,
                        const struct access_log_request *r);

#endif
