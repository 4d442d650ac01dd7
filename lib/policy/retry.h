/* retry.h - after a bad outcome: stop, another target, or the same one again, and when. */
#ifndef POLICY_RETRY_H
#define POLICY_RETRY_H

#include "policy/outcome.h"

#include <stdbool.h>
#include <stdint.h>

struct retry_conf {
    int num_retries;        /* further attempts per request, over all targets and fallbacks */
    int64_t backoff_ms;     /* base of the exponential back-off, full jitter */
    int64_t backoff_max_ms; /* its cap */
    int64_t wait_ms;        /* a stated Retry-After up to this long is waited out; 0: never */
};

struct retry_facts {
    enum outcome outcome;
    int status;             /* of the answer; 0 when there was none */
    int attempts;           /* made so far for this request, the ended one included */
    int same_retries;       /* how often this target was already retried for this request */
    bool reused;            /* the failed attempt ran on a reused connection */
    bool relayed;           /* bytes of an answer reached the client */
    bool others_left;       /* another usable, untried target exists */
    int64_t retry_after_ms; /* stated by the vendor; -1: none */
    int64_t left_ms;        /* until the request's deadline */
};

enum retry_verdict { RETRY_STOP, RETRY_OTHER, RETRY_SAME };

struct retry_plan {
    enum retry_verdict verdict;
    int64_t delay_ms; /* before the next attempt; 0: at once */
};

/* jitter 0..65535. Back-off: AWS "Exponential Backoff And Jitter", full jitter. */
struct retry_plan retry_plan(const struct retry_conf *conf, const struct retry_facts *f,
                             uint16_t jitter);

#endif
