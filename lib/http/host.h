/* host.h - whose name a request came by (RFC 9110 7.2). */
#ifndef HTTP_HOST_H
#define HTTP_HOST_H

#include "base/str.h"

#include <stdbool.h>

/* The name in a Host that http_target_is_host() took: without its port, and without the dot at
 * the end that a fully qualified name may have.  A span of host. */
struct str http_host_name(struct str host);

/* Does no DNS server decide where that name leads?  So it is with an IP address in the form
 * browsers write it, and with localhost and every name below it (RFC 6761 6.3). */
bool http_host_is_fixed(struct str name);

#endif
