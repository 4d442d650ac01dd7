/* script.c - run a script by its hash, and by its text when Redis does not know it.
 *
 *   EVALSHA sha1 ... --> any reply but NOSCRIPT ------------------> cb
 *                    \-> NOSCRIPT --> EVAL text ... --> reply ----> cb
 *
 * The arguments are copied once, because the second sending happens when the caller's are gone.
 *
 * REJECTED  SCRIPT LOAD at connect: SCRIPT FLUSH and a failover lose it at any time, so
 * NOSCRIPT has to be handled all the same.
 */
#include "redis/script.h"

#include "redis/error.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIXED_ARGS 3 /* EVALSHA sha1 numkeys */

struct run {
    struct redis_owner *owner;
    const struct redis_script *script;
    redis_reply_cb *cb;
    void *arg;
    int argc;
    char n_keys[24];
    const char *argv[]; /* argc pointers, then the copies they point at */
};

static struct run *run_new(const char *const *keys, size_t n_keys, const char *const *args,
                           size_t n_args)
{
    size_t argc = FIXED_ARGS + n_keys + n_args, bytes = 0;

    for (size_t i = 0; i < n_keys; i++)
        bytes += strlen(keys[i]) + 1;
    for (size_t i = 0; i < n_args; i++)
        bytes += strlen(args[i]) + 1;

    struct run *run = xcalloc(1, sizeof(*run) + argc * sizeof(run->argv[0]) + bytes);
    char *at = (char *)&run->argv[argc];

    for (size_t i = 0; i < n_keys + n_args; i++) {
        const char *from = i < n_keys ? keys[i] : args[i - n_keys];
        size_t size = strlen(from) + 1;

        memcpy(at, from, size);
        run->argv[FIXED_ARGS + i] = at;
        at += size;
    }
    run->argc = (int)argc;
    snprintf(run->n_keys, sizeof(run->n_keys), "%zu", n_keys);
    run->argv[2] = run->n_keys;
    return run;
}

static void on_text_reply(void *arg, const struct redisReply *reply, const char *why)
{
    struct run *run = arg;

    if (redis_error_of(reply) == REDIS_ERROR_NOSCRIPT) {
        reply = NULL;
        why = "Redis answered NOSCRIPT to a script's text";
    }
    run->cb(run->arg, reply, why);
}

static void on_hash_reply(void *arg, const struct redisReply *reply, const char *why)
{
    struct run *run = arg;

    if (redis_error_of(reply) != REDIS_ERROR_NOSCRIPT) {
        run->cb(run->arg, reply, why);
        return;
    }

    /* This run is released after this callback: the second sending gets its own copy. */
    size_t n_keys = (size_t)strtoul(run->n_keys, NULL, 10);
    struct run *again = run_new(run->argv + FIXED_ARGS, n_keys, run->argv + FIXED_ARGS + n_keys,
                                (size_t)run->argc - FIXED_ARGS - n_keys);

    again->owner = run->owner;
    again->script = run->script;
    again->cb = run->cb;
    again->arg = run->arg;
    again->argv[0] = "EVAL";
    again->argv[1] = run->script->text;
    if (redis_link_send_owned(again->owner, again->argc, again->argv, NULL, on_text_reply,
                              again, free) < 0) {
        free(again);
        run->cb(run->arg, NULL, "the script's text could not be sent");
    }
}

int redis_script_run(struct redis_owner *o, const struct redis_script *script,
                     const char *const *keys, size_t n_keys, const char *const *args,
                     size_t n_args, redis_reply_cb *cb, void *arg)
{
    assert(n_keys <= INT32_MAX / 4 && n_args <= INT32_MAX / 4);
    struct run *run = run_new(keys, n_keys, args, n_args);

    run->owner = o;
    run->script = script;
    run->cb = cb;
    run->arg = arg;
    run->argv[0] = "EVALSHA";
    run->argv[1] = script->sha1;
    if (redis_link_send_owned(o, run->argc, run->argv, NULL, on_hash_reply, run, free) < 0) {
        free(run);
        return -1;
    }
    return 0;
}
