/* scripts.h - the Lua scripts, embedded at build time, sent by EVALSHA and after NOSCRIPT as
 * EVAL (nothing ran, so sending again is safe). */
#ifndef SHARED_SCRIPTS_H
#define SHARED_SCRIPTS_H

#include "redis/link.h"

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
    SCRIPT_SHARE,
    N_SCRIPTS
};

struct script_text { /* made by scripts/embed_lua.sh from lib/shared/lua/<name>.lua */
    const char *name, *sha1, *text;
};
extern const struct script_text script_texts[]; /* ends with a row of NULLs */

/* "attach", "sync", ...: the file's name without ".lua". */
const char *script_name(enum script s);
/* NULL when the build has no such file; a unit test holds that there is none missing. */
const struct script_text *script_text(enum script s);

/* Runs s with the keys and arguments (NUL-terminated, copied).  cb as for redis_link_send:
 * never sees NOSCRIPT, and the second sending has a deadline of its own.  -1: not sent, cb will
 * not be called. */
int script_run(struct redis_link *l, enum script s, const char *const *keys, size_t n_keys,
               const char *const *args, size_t n_args, redis_link_reply_cb *cb,
               void *arg) MUST_CHECK;

#endif
