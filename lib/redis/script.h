/* script.h - run a Lua script by its hash, and by its text when Redis does not know it
 * (EVALSHA, and after NOSCRIPT EVAL: nothing ran, so sending again is safe). */
#ifndef REDIS_SCRIPT_H
#define REDIS_SCRIPT_H

#include "redis/link.h"

#include <stddef.h>

struct redis_script { /* must outlive its runs: a table of literals */
    const char *name, *sha1, *text;
};

/* Runs it with the keys and arguments (NUL-terminated, copied).  cb as for redis_link_send:
 * never sees NOSCRIPT, and the second sending has a deadline of its own.  -1: not sent, cb will
 * not be called. */
int redis_script_run(struct redis_owner *o, const struct redis_script *script,
                     const char *const *keys, size_t n_keys, const char *const *args,
                     size_t n_args, redis_reply_cb *cb, void *arg) MUST_CHECK;

#endif
