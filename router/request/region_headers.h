/* region_headers.h - what a request to a region carries beside its body: URL, our credentials,
 * and the few fields of the client's that may go on. */
#ifndef ROUTER_REQUEST_REGION_HEADERS_H
#define ROUTER_REQUEST_REGION_HEADERS_H

#include "base/buf.h"
#include "config/config.h"
#include "router/request/attempt.h"

#include <stddef.h>

#define ENVELOPE_LINES_MAX 24

struct envelope; /* made once per config: URLs and credential lines of every region */

struct envelope *envelope_new(const struct config *conf);
void envelope_free(struct envelope *e); /* overwrites the secrets */

struct envelope_lines {
    const char *url;                      /* borrowed from the envelope */
    const char *line[ENVELOPE_LINES_MAX]; /* "Name: value" */
    size_t n;
    struct buf text; /* behind the lines made for this request */
};

/* Fills *out for one attempt; valid until envelope_lines_release. */
void envelope_fill(const struct envelope *e, const struct attempt_ask *ask,
                   struct envelope_lines *out);
/* The same for a check from outside: health.path of that region, our credentials. */
void envelope_fill_check(const struct envelope *e, size_t region, struct envelope_lines *out);
void envelope_lines_release(struct envelope_lines *l);

#endif
