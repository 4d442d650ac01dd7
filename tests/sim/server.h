/* server.h - the Redis of a simulated fleet: the real Lua scripts, run by the Lua that Redis
 * has (5.1), on a keyspace in memory and a clock that can step. */
#ifndef SIM_SERVER_H
#define SIM_SERVER_H

#include "keyspace.h"

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#define SERVER_WORDS_MAX 4200 /* of one call */

/* ---- the scripts, compiled once ---- */

struct server_mutant {
    const char *name, *what; /* for people */
    const char *from, *to;   /* in a script's text; NULL: it is a router that is another */
    int invariant;           /* that must be found broken; 0: any */
};
extern const struct server_mutant server_mutants[]; /* ends with a row of NULLs */

/* NULL: the scripts as they are.  false: the mutant's text is not in them any more. */
bool server_load(const struct server_mutant *mutant);
void server_unload(void);
bool server_mutant_is(const char *name); /* is it the one that is loaded? */

/* ---- a server ---- */

struct server {
    struct keyspace *data, *replica; /* replica NULL: none */
    int life;                        /* each start of a process has another run id */
    int history; /* so has each history of its data, which others continue */
    bool down, readonly;
    int64_t stalled_until_us;
    int64_t step_ms;    /* of its clock */
    int64_t forward_ms; /* of that, what the fleet's time may follow, in all */
    int64_t (*clock_us)(void);
    uint64_t calls, bytes;
    const char *script; /* that runs */
    const char *const *args;
    int n_args;
    void *arg;
    void (*on_publish)(void *arg, const char *line);
    void (*on_trouble)(void *arg, const char *what); /* a script failed */
};

/* clock_us: time of its host, step_ms not counted. */
struct server *server_new(int64_t (*clock_us)(void));
void server_free(struct server *s);
int64_t server_wall_ms(const struct server *s);
/* Runs EVALSHA or EVAL as it came over the wire; the caller frees the reply with
 * freeReplyObject(). */
struct redisReply *server_eval(struct server *s, int argc, const char *const *argv);
/* Any other command that the scripts use, and FLUSHALL; as server_eval(). */
struct redisReply *server_command(struct server *s, int argc, const char *const *argv);
/* A script by its name. */
struct redisReply *server_run(struct server *s, const char *script, int n_args,
                              const char *const *args);
/* An error in place of an answer; the caller frees. */
struct redisReply *server_refuses(const char *why);
/* "{sluice:sim}:<suffix>" */
const char *server_key(char out[200], const char *suffix);

#endif
