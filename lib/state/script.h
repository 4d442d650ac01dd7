/* script.h - the Lua scripts, embedded at build time, sent by EVALSHA and after NOSCRIPT as EVAL
 * (nothing ran, so sending again is safe). */
#ifndef STATE_SCRIPT_H
#define STATE_SCRIPT_H

#include "state/redis_link.h"

enum script { SCRIPT_ATTACH, SCRIPT_SYNC, SCRIPT_REPORT, SCRIPT_PROBE, SCRIPT_DONE, SCRIPT_COOL, SCRIPT_FORCE, SCRIPT_LEAVE, N_SCRIPTS };

struct script_text { /* made by scripts/embed_lua.sh from lib/state/lua/<name>.lua */
    const char *name, *sha1, *text;
};
const struct script_text *script_text(enum script s);

/* Runs s with the keys and arguments (NUL-terminated).  cb as for redis_link_send: never sees
 * NOSCRIPT.  -1: not sent. */
int script_run(struct redis_link *l, enum script s, const char *const *keys, size_t n_keys,
               const char *const *args, size_t n_args, redis_link_reply_cb *cb, void *arg) MUST_CHECK;

#endif
