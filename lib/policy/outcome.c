/* outcome.c - the one table that says what follows from the way an attempt ended.
 *
 * The breaker, the retry rules, the metrics and the spine all read this; none of them looks
 * at a status code again.  Which bytes mean which outcome is each vendor's own matter and
 * stands in lib/dialect.
 *
 * Unfit is what we cannot pass on, not what the region failed to deliver: an event above our
 * limit, a coding that we do not read.  It may do better elsewhere, and one client's huge answer
 * must not open a breaker for everybody.
 *
 * Throttled and out of credit cool the region instead of hurting it: a vendor that says
 * "later" is working, and counting that as a failure would open the breaker under load for
 * longer than the vendor asked for.
 */
#include "policy/outcome.h"

#include <assert.h>
#include <stddef.h>

#define same_no   OUTCOME_SAME_NO
#define same_500  OUTCOME_SAME_LONE_500
#define same_conn OUTCOME_SAME_REUSED
#define same_wait OUTCOME_SAME_AFTER_WAIT

/* clang-format off */
static const struct outcome_traits table[N_OUTCOMES] = {
    /*                         name           hurts  heals  other  larger cools  misconf same */
    [OUTCOME_OK]           = {"ok",           false, true,  false, false, false, false, same_no},
    [OUTCOME_CLIENT_FAULT] = {"client_fault", false, false, false, false, false, false, same_no},
    [OUTCOME_TOO_LONG]     = {"too_long",     false, false, true,  true,  false, false, same_no},
    [OUTCOME_AUTH]         = {"auth",         false, false, true,  false, false, true,  same_no},
    [OUTCOME_THROTTLED]    = {"throttled",    false, false, true,  false, true,  false, same_wait},
    [OUTCOME_QUOTA]        = {"quota",        false, false, true,  false, true,  false, same_no},
    [OUTCOME_SERVER_ERROR] = {"server_error", true,  false, true,  false, false, false, same_500},
    [OUTCOME_CONNECT]      = {"connect",      true,  false, true,  false, false, false, same_conn},
    [OUTCOME_TIMEOUT]      = {"timeout",      true,  false, true,  false, false, false, same_no},
    [OUTCOME_BROKEN]       = {"broken",       true,  false, true,  false, false, false, same_no},
    [OUTCOME_UNFIT]        = {"unfit",        false, false, true,  false, false, false, same_no},
    [OUTCOME_ABORTED]      = {"aborted",      false, false, false, false, false, false, same_no},
};
/* clang-format on */

const struct outcome_traits *outcome_traits(enum outcome o)
{
    assert((unsigned)o < N_OUTCOMES && table[o].name != NULL);
    return &table[o];
}
