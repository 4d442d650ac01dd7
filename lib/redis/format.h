/* format.h - a command as RESP, into an output buffer with a cap. */
#ifndef REDIS_FORMAT_H
#define REDIS_FORMAT_H

#include "base/base.h"

#include <stddef.h>

struct bufferevent;

/* lens NULL: the arguments are NUL-terminated.  -1: the connection would have more than
 * max_bytes waiting to be sent; nothing was added. */
int redis_format_send(struct bufferevent *bev, size_t max_bytes, int argc,
                      const char *const *argv, const size_t *lens) MUST_CHECK;

/* Writes what waits as far as the socket takes it now; an error shows in the loop, if it ever
 * runs again. */
void redis_format_flush(struct bufferevent *bev);

#endif
