/* view_slot.c - what a router knows of one slot; view_slot.h has the contract. */
#include "shared/view_slot.h"

static const char *const forced_names[N_VIEW_FORCED] = {
    [VIEW_AUTO] = "auto", [VIEW_UP] = "up", [VIEW_DOWN] = "down", [VIEW_DRAIN] = "drain"};

const char *view_forced_name(enum view_forced f)
{
    return forced_names[f];
}

enum view_forced view_forced_now(const struct view_slot *k, int64_t now_ms)
{
    return k->forced_until_ms <= now_ms ? VIEW_AUTO : k->forced;
}
