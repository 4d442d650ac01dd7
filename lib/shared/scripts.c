/* scripts.c - the fleet's Lua scripts; scripts.h has the contract. */
#include "shared/scripts.h"

#include <assert.h>
#include <string.h>

static const char *const names[N_SCRIPTS] = {
    [SCRIPT_ATTACH] = "attach",     [SCRIPT_SYNC] = "sync",   [SCRIPT_REPORT] = "report",
    [SCRIPT_PROBE] = "probe",       [SCRIPT_DONE] = "done",   [SCRIPT_COOL] = "cool",
    [SCRIPT_FORCE] = "force",       [SCRIPT_LEAVE] = "leave", [SCRIPT_SNAPSHOT] = "snapshot",
    [SCRIPT_REASSERT] = "reassert", [SCRIPT_CHECK] = "check", [SCRIPT_AVERAGES] = "averages",
};

const char *scripts_name(enum script s)
{
    assert((unsigned)s < N_SCRIPTS && names[s] != NULL);
    return names[s];
}

const struct redis_script *scripts_get(enum script s)
{
    const char *name = scripts_name(s);

    for (const struct redis_script *t = scripts_table; t->name != NULL; t++)
        if (strcmp(t->name, name) == 0)
            return t;
    return NULL;
}
