/* scripts.h - the fleet's Lua scripts, embedded at build time. */
#ifndef SHARED_SCRIPTS_H
#define SHARED_SCRIPTS_H

#include "redis/script.h"

enum script {
    SCRIPT_ATTACH,
    SCRIPT_SYNC,
    SCRIPT_REPORT,
    SCRIPT_PROBE,
    SCRIPT_DONE,
    SCRIPT_COOL,
    SCRIPT_FORCE,
    SCRIPT_LEAVE,
    SCRIPT_SNAPSHOT,
    SCRIPT_REASSERT,
    SCRIPT_CHECK,
    SCRIPT_AVERAGES,
    N_SCRIPTS
};

/* Made by scripts/embed_lua.sh from lib/shared/lua/<name>.lua; ends with a row of NULLs. */
extern const struct redis_script scripts_table[];

/* "attach", "sync", ...: the file's name without ".lua". */
const char *scripts_name(enum script s);
/* NULL when the build has no such file; a unit test holds that there is none missing. */
const struct redis_script *scripts_get(enum script s);

#endif
