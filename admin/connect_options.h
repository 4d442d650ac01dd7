/* connect_options.h - which Redis and which fleet a run is about. */
#ifndef ADMIN_CONNECT_OPTIONS_H
#define ADMIN_CONNECT_OPTIONS_H

#include "admin/args.h"
#include "base/base.h"
#include "base/err.h"
#include "shared/names.h"

#include <stdint.h>

struct connect_options {
    char *url; /* may carry a password */
    char fleet[NAMES_FLEET_MAX + 1];
    char *ca_file, *cert_file, *key_file; /* the config's, for TLS; NULL: none */
    int64_t connect_ms, command_ms; /* at least the session's own; the config's when longer */
};

enum connect_options_verdict {
    CONNECT_OPTIONS_FOUND,
    CONNECT_OPTIONS_WRONG,   /* a file or a name that is no good */
    CONNECT_OPTIONS_USAGE,   /* the command line says nothing, or what it must not */
    CONNECT_OPTIONS_NO_STORE /* the config shares nothing */
};

/* --redis, else -c FILE, else SLUICE_REDIS; --fleet, else -c FILE, else SLUICE_FLEET, else
 * "default".  A password in --redis is refused: everybody on the host reads command lines.  The
 * caller calls where_release either way; err is set unless CONNECT_OPTIONS_FOUND. */
enum connect_options_verdict connect_options_find(struct connect_options *out,
                                                  const struct args *a, struct err *err);
void connect_options_release(struct connect_options *w); /* overwrites the URL */

#endif
