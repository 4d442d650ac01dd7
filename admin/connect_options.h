/* connect_options.h - which Redis and which fleet a run is about. */
#ifndef ADMIN_CONNECT_OPTIONS_H
#define ADMIN_CONNECT_OPTIONS_H

#include "admin/args.h"
#include "base/base.h"
#include "base/err.h"
#include "shared/names.h"

#include <stdint.h>

struct where {
    char *url; /* may carry a password */
    char fleet[KEYS_FLEET_MAX + 1];
    char *ca_file, *cert_file, *key_file; /* the config's, for TLS; NULL: none */
    int64_t connect_ms, command_ms; /* at least the session's own; the config's when longer */
};

enum where_verdict {
    WHERE_FOUND,
    WHERE_WRONG,   /* a file or a name that is no good */
    WHERE_USAGE,   /* the command line says nothing, or what it must not */
    WHERE_NO_STORE /* the config shares nothing */
};

/* --redis, else -c FILE, else SLUICE_REDIS; --fleet, else -c FILE, else SLUICE_FLEET, else
 * "default".  A password in --redis is refused: everybody on the host reads command lines.  The
 * caller calls where_release either way; err is set unless WHERE_FOUND. */
enum where_verdict where_find(struct where *out, const struct args *a, struct err *err);
void where_release(struct where *w); /* overwrites the URL */

#endif
