/* acl.h - what a Redis user must be allowed for a router and the CLI to work. */
#ifndef SHARED_ACL_H
#define SHARED_ACL_H

#include "shared/names.h"

#include <stddef.h>

#define ACL_MAX (2 * NAMES_FLEET_MAX + 256)

/* "~{sluice:F}:* &{sluice:F}:* +@hash ...", as ACL SETUSER takes it behind the user's name. */
void acl_rule(const char *fleet, char out[ACL_MAX]);

#endif
