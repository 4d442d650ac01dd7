/* keyspace.h - Redis' data in memory: as much of it as the fleet's scripts use, and a copy of
 * all of it for a replica.  A command that is not here fails the simulation, so none is missed.
 */
#ifndef SIM_KEYSPACE_H
#define SIM_KEYSPACE_H

#include "base/base.h"

#include <lua5.1/lua.h>
#include <stdbool.h>
#include <stdint.h>

struct keyspace;

struct keyspace *keyspace_new(void);
struct keyspace *keyspace_copy(const struct keyspace *from);
void keyspace_free(struct keyspace *k);
void keyspace_expire(struct keyspace *k, int64_t now_ms); /* drops what has ended */
/* Runs one command, words argv[0..argc-1], at Redis' time now_ms, and leaves its answer on L's
 * stack; {err = "WRONGTYPE ..."} where it does not fit its key.  false: there is no such command.
 */
bool keyspace_call(struct keyspace *k, int64_t now_ms, lua_State *L, int argc,
                   const char *const *argv);

/* ---- what is not the fleet's doing ---- */

const char *keyspace_name(const struct keyspace *k, size_t i); /* NULL: no more keys */
void keyspace_lose(struct keyspace *k, const char *key);       /* evicted, deleted */
void keyspace_overwrite(struct keyspace *k, const char *key);  /* now a text */
/* Of a hash, which from then on has a field KEYSPACE_DAMAGED: for the judge alone. */
#define KEYSPACE_DAMAGED "!damaged"
void keyspace_lose_field(struct keyspace *k, const char *key, const char *field);

/* ---- what the judge reads ---- */

const char *keyspace_field(struct keyspace *k, const char *key,
                           const char *field); /* or NULL */
/* Members of a sorted set with a score above min. */
int keyspace_count_above(struct keyspace *k, const char *key, double min);
/* NaN: no such member. */
double keyspace_score(struct keyspace *k, const char *key, const char *member);
double keyspace_score_max(struct keyspace *k, const char *key); /* 0: empty */
/* A number that is another one when anything in the key is. */
uint64_t keyspace_digest(struct keyspace *k, const char *key);

#endif
