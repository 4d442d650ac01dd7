/* redis_url.h - where Redis is and as whom we speak. */
#ifndef STATE_REDIS_URL_H
#define STATE_REDIS_URL_H

#include "base/base.h"
#include "base/err.h"

#include <stdbool.h>

struct redis_url { /* embedded copies; wiped by redis_url_release */
    bool is_unix;
    char host[256]; /* or the socket's path */
    int port;
    char user[128], password[256]; /* "" when absent */
    int db;
};

/* redis://[user:password@]host[:port][/db] or unix:///path[?db=n] (percent-encoding decoded in
 * user, password and path).  -1 with err, which never quotes the password. */
int redis_url_parse(struct redis_url *out, const char *url, struct err *err) MUST_CHECK;
void redis_url_release(struct redis_url *u); /* overwrites the secrets */
/* "redis://host:port/db" or "unix:///path?db=n": what may be shown. */
void redis_url_show(const struct redis_url *u, char *out, size_t cap);

#endif
