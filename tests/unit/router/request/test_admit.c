/* test_admit.c - the bound of requests in flight; the request that asks is not counted. */
#include "router/request/admit.h"

#include <criterion/criterion.h>

Test(admit, at_the_limit)
{
    struct config conf = {.requests_max = 3};
    struct metrics_block slot = {0};
    struct worker w = {.conf = &conf, .slot = &slot};

    for (int n = 0; n <= 4; n++) {
        struct reply_error e = {0};

        slot.inflight = n;
        cr_expect_eq(admit_request(&w, &e), n < 3, "%d in flight", n);
        cr_expect_eq(e.status, n < 3 ? 0 : 503);
        if (n >= 3) {
            cr_expect_str_eq(e.code, "overloaded");
            cr_expect_eq(e.retry_after_ms, 1000);
            cr_expect_not(e.no_retry);
        }
    }
}
