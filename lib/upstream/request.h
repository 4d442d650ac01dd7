/* request.h - a struct upstream_request as options of a curl easy handle. */
#ifndef UPSTREAM_REQUEST_H
#define UPSTREAM_REQUEST_H

#include "upstream/upstream.h"

#include <curl/curl.h>

/* Parsed URLs, kept because parsing and recomposing one costs curl a tenth of an exchange. */
struct upstream_url;
struct upstream_urls {
    struct upstream_url *slots[16];
    size_t next; /* to be replaced */
};
void upstream_urls_release(struct upstream_urls *urls);

/* What curl borrows from one call until its handle is reset. */
struct upstream_wire {
    char *arena; /* header lines and the curl_slist over them */
    size_t cap, used;
    struct upstream_url *url;
    char *proxy;              /* as url's host, in its place: who is connected to; NULL: none */
    struct curl_slist forget; /* of upstream_wire_look_up() */
};

/* Sets method, URL, headers and body on a freshly reset handle.  NULL, or why it may not be
 * sent.  Either way upstream_wire_wipe() is due when the handle is done. */
const char *upstream_request_apply(struct upstream_wire *wire, CURL *easy,
                                   struct upstream_urls *urls,
                                   const struct upstream_request *req) MUST_CHECK;

/* Who is connected to for the request, as upstream/address.h wants it; NULL: apply did not come that far. */
const char *upstream_wire_host(const struct upstream_wire *wire);
/* Has curl look that host up anew, whatever it still knows of it.  After a good apply. */
const char *upstream_wire_look_up(struct upstream_wire *wire, CURL *easy) MUST_CHECK;

/* Overwrites the headers, drops the URL, keeps a little memory for the next call. */
void upstream_wire_wipe(struct upstream_wire *wire);
void upstream_wire_release(struct upstream_wire *wire);

#endif
