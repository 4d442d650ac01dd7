/* keyspace_impl.h - the inside of keyspace*.c; nobody else includes it. */
#ifndef SIM_KEYSPACE_IMPL_H
#define SIM_KEYSPACE_IMPL_H

#include "keyspace.h"

enum keyspace_type {
    KEYSPACE_ANY, /* a command on keys of any type */
    KEYSPACE_HASH,
    KEYSPACE_SET,
    KEYSPACE_STREAM,
    KEYSPACE_TEXT, /* no key of the fleet's is one */
};

struct keyspace_field {
    uint32_t hash;
    char *name, *value; /* value: of a hash */
    double score;       /* of a sorted set */
};

struct keyspace_entry {
    uint32_t hash;
    char *name;
    int64_t ends_ms; /* 0: never */
    enum keyspace_type type;
    struct keyspace_field *fields;
    size_t n, cap;
};

struct keyspace {
    struct keyspace_entry *entries;
    size_t n, cap;
};

struct keyspace_command {
    struct keyspace *k;
    int64_t now_ms;
    lua_State *L;
    int argc;
    const char *const *argv;
};

/* The command's key, NULL: there is none; dead ones go. */
struct keyspace_entry *keyspace_key_of(const struct keyspace_command *c);
struct keyspace_entry *keyspace_make(const struct keyspace_command *c, enum keyspace_type type);
struct keyspace_field *keyspace_field_of(const struct keyspace_entry *e, const char *name);
struct keyspace_field *keyspace_put(struct keyspace_entry *e, const char *name, bool *is_new);
void keyspace_drop_field(struct keyspace_entry *e, struct keyspace_field *f);
void keyspace_drop_empty(struct keyspace *k, struct keyspace_entry *e);
bool keyspace_say(const struct keyspace_command *c, lua_Number n); /* the answer n; true */

/* keyspace_set.c: each a command. */
bool keyspace_zadd(const struct keyspace_command *c);
bool keyspace_zcard(const struct keyspace_command *c);
bool keyspace_zscore(const struct keyspace_command *c);
bool keyspace_zrange(const struct keyspace_command *c);
bool keyspace_zrangebyscore(const struct keyspace_command *c);
bool keyspace_zrevrangebyscore(const struct keyspace_command *c);
bool keyspace_zcount(const struct keyspace_command *c);
bool keyspace_zremrangebyscore(const struct keyspace_command *c);
bool keyspace_zremrangebyrank(const struct keyspace_command *c);

#endif
