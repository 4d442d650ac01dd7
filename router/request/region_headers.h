/* region_headers.h - what a request to a region carries beside its body: URL, our credentials
 * in the form its dialect has, and the few fields of the client's that may go on. */
#ifndef ROUTER_REQUEST_REGION_HEADERS_H
#define ROUTER_REQUEST_REGION_HEADERS_H

#include "base/buf.h"
#include "config/config.h"
#include "dialect/dialect.h"
#include "http/http_head.h"

#include <stdbool.h>
#include <stddef.h>

#define REGION_HEADERS_LINES_MAX (24 + CONFIG_HEADERS_MAX)

struct region_headers; /* made once per config: dialect, URLs and credentials of every region */

struct region_headers *region_headers_new(const struct config *conf);
void region_headers_free(struct region_headers *e); /* overwrites the secrets */

const struct dialect *region_headers_dialect(const struct region_headers *e, size_t region);

struct region_headers_ask {
    size_t region;
    enum dialect_path path;       /* one that the region's dialect has */
    bool stream;                  /* the client asked for one */
    const struct http_head *from; /* the client's head: what may go on is copied */
    const char *request_id;
};

struct region_headers_lines {
    const char *url;                            /* borrowed from the region_headers */
    const char *proxy;                          /* on the way to it; the config's */
    const struct config_trust *trust;           /* who may answer for that URL; the config's */
    const char *line[REGION_HEADERS_LINES_MAX]; /* "Name: value" */
    size_t n;
    struct buf text; /* behind the lines made for this request */
};

/* Fills *out for one attempt; valid until region_headers_lines_release. */
void region_headers_fill(const struct region_headers *e, const struct region_headers_ask *ask,
                         struct region_headers_lines *out);
/* The same for a check from outside: health.path of that region, our credentials. */
void region_headers_fill_check(const struct region_headers *e, size_t region,
                               struct region_headers_lines *out);
void region_headers_lines_release(struct region_headers_lines *l);

#endif
