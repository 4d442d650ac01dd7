/* admit.c - bounds what one worker has in flight; admit.h has the contract. */
#include "router/request/admit.h"

bool admit_request(const struct worker *w, struct reply_error *e)
{
    if (w->slot->inflight < w->conf->requests_max)
        return true;
    *e = (struct reply_error){
        .status = 503,
        .type = "server_error",
        .code = "overloaded",
        .message = "this router has as many requests in flight as http.max_requests allows",
        .retry_after_ms = 1000,
    };
    return false;
}
