/* acl.c - what a Redis user must be allowed for a router and the CLI to work.
 *
 * Redis checks what a script calls as if the user had called it.  Types that only the fleet's
 * keys can have come as categories, so that a newer router needs no new rule; whatever reaches
 * beyond the keys is named one by one.  sluice.json(5) prints the rule, and a test holds the
 * three to each other: this line, the page, and what the scripts call.
 */
#include "shared/acl.h"

#include <stdio.h>

void acl_rule(const char *fleet, char out[ACL_MAX])
{
    snprintf(out, ACL_MAX,
             "~{sluice:%s}:* &{sluice:%s}:* +@hash +@sortedset +@stream +del +pexpire "
             "+eval +evalsha +publish +subscribe +time +info +ping +client|setname",
             fleet, fleet);
}
