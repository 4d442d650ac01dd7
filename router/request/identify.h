/* identify.h - the id that follows a request through logs and vendors. */
#ifndef ROUTER_REQUEST_IDENTIFY_H
#define ROUTER_REQUEST_IDENTIFY_H

#include "base/rand.h"
#include "http/http_head.h"

#define IDENTIFY_ID_MAX 64

/* The client's own x-request-id when it is 1..64 of [A-Za-z0-9._-] (so it can be logged and
 * sent on as it is), else "req_" and 20 random hex digits. out holds IDENTIFY_ID_MAX + 1 bytes.
 */
void identify_request_id(const struct http_head *head, struct rand *r, char *out);

#endif
