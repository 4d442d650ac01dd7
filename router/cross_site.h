/* cross_site.h - may a web page send this?  What a browser says of the page behind a request
 * (Fetch, https://fetch.spec.whatwg.org; Fetch Metadata) and what a page is told in return. */
#ifndef ROUTER_CROSS_SITE_H
#define ROUTER_CROSS_SITE_H

#include "config/config.h"
#include "http/exchange.h"

#include <stdbool.h>
#include <stddef.h>

/* false: *r says why the request is refused.  origins: whose pages may ask (http.cors), NULL for
 * none, whatever the config says; hosts: http.hosts. */
bool cross_site_may(const struct config_texts *origins, const struct config_texts *hosts,
                    const struct http_head *head, struct http_refusal *r);

/* Does a browser ask, before a request of a page that may ask, whether it may be sent (Fetch
 * 3.3.2, "CORS-preflight request")? */
bool cross_site_is_preflight(const struct http_head *head);
/* It may, with these methods ("GET, HEAD") and of the fields it would have with those that our
 * clients use. */
void cross_site_answer_preflight(struct exchange *ex, const char *methods);

/* What every answer says to a page that may ask: exchange_handler.add_fields. */
size_t cross_site_fields(const struct config_texts *origins, const struct http_head *head,
                         struct http_reply_field f[EXCHANGE_ADDED_MAX]);

#endif
