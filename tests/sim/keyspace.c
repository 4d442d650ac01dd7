/* keyspace.c - Redis' data in memory; keyspace.h has the contract.
 *
 * Hashes and sorted sets are small in this fleet, so both are arrays that are searched by a
 * hash of the name; a sorted set is sorted when it is read (keyspace_set.c). */
#include "keyspace_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s != '\0'; s++)
        h = (h ^ (unsigned char)*s) * 16777619u;
    return h;
}

struct keyspace *keyspace_new(void)
{
    return xcalloc(1, sizeof(struct keyspace));
}

void keyspace_drop_field(struct keyspace_entry *e, struct keyspace_field *f)
{
    free(f->name);
    free(f->value);
    *f = e->fields[--e->n];
}

static void drop_entry(struct keyspace *k, struct keyspace_entry *e)
{
    while (e->n > 0)
        keyspace_drop_field(e, &e->fields[e->n - 1]);
    free(e->fields);
    free(e->name);
    *e = k->entries[--k->n];
}

void keyspace_free(struct keyspace *k)
{
    if (k == NULL)
        return;
    while (k->n > 0)
        drop_entry(k, &k->entries[k->n - 1]);
    free(k->entries);
    free(k);
}

struct keyspace *keyspace_copy(const struct keyspace *from)
{
    struct keyspace *k = keyspace_new();

    k->n = k->cap = from->n;
    k->entries = xcalloc(from->n + 1, sizeof(k->entries[0]));
    for (size_t i = 0; i < from->n; i++) {
        const struct keyspace_entry *e = &from->entries[i];

        k->entries[i] = *e;
        k->entries[i].name = xstrdup(e->name);
        k->entries[i].cap = e->n;
        k->entries[i].fields = xcalloc(e->n + 1, sizeof(e->fields[0]));
        for (size_t j = 0; j < e->n; j++) {
            k->entries[i].fields[j] = e->fields[j];
            k->entries[i].fields[j].name = xstrdup(e->fields[j].name);
            if (e->fields[j].value != NULL)
                k->entries[i].fields[j].value = xstrdup(e->fields[j].value);
        }
    }
    return k;
}

void keyspace_expire(struct keyspace *k, int64_t now_ms)
{
    for (size_t i = k->n; i > 0; i--)
        if (k->entries[i - 1].ends_ms != 0 && k->entries[i - 1].ends_ms <= now_ms)
            drop_entry(k, &k->entries[i - 1]);
}

static struct keyspace_entry *find(struct keyspace *k, const char *name)
{
    uint32_t hash = hash_of(name);

    for (size_t i = 0; i < k->n; i++)
        if (k->entries[i].hash == hash && strcmp(k->entries[i].name, name) == 0)
            return &k->entries[i];
    return NULL;
}

struct keyspace_field *keyspace_field_of(const struct keyspace_entry *e, const char *name)
{
    uint32_t hash = hash_of(name);

    for (size_t i = 0; e != NULL && i < e->n; i++)
        if (e->fields[i].hash == hash && strcmp(e->fields[i].name, name) == 0)
            return &e->fields[i];
    return NULL;
}

/* The call's key, dead ones gone. */
struct keyspace_entry *keyspace_key_of(const struct keyspace_command *c)
{
    struct keyspace_entry *e = find(c->k, c->argv[1]);

    if (e == NULL || e->ends_ms == 0 || e->ends_ms > c->now_ms)
        return e;
    drop_entry(c->k, e);
    return NULL;
}

struct keyspace_entry *keyspace_make(const struct keyspace_command *c, bool is_set)
{
    struct keyspace_entry *e = keyspace_key_of(c);
    struct keyspace *k = c->k;

    if (e != NULL)
        return e;
    if (k->n == k->cap) {
        k->cap = 2 * k->cap + 16;
        k->entries = xrealloc(k->entries, k->cap * sizeof(k->entries[0]));
    }
    e = &k->entries[k->n++];
    *e = (struct keyspace_entry){
        .hash = hash_of(c->argv[1]), .name = xstrdup(c->argv[1]), .is_set = is_set};
    return e;
}

struct keyspace_field *keyspace_put(struct keyspace_entry *e, const char *name, bool *is_new)
{
    struct keyspace_field *f = keyspace_field_of(e, name);

    *is_new = f == NULL;
    if (f != NULL)
        return f;
    if (e->n == e->cap) {
        e->cap = 2 * e->cap + 8;
        e->fields = xrealloc(e->fields, e->cap * sizeof(e->fields[0]));
    }
    f = &e->fields[e->n++];
    *f = (struct keyspace_field){.hash = hash_of(name), .name = xstrdup(name)};
    return f;
}

void keyspace_drop_empty(struct keyspace *k, struct keyspace_entry *e)
{
    if (e != NULL && e->n == 0)
        drop_entry(k, e);
}

bool keyspace_say(const struct keyspace_command *c, lua_Number n)
{
    lua_pushnumber(c->L, n);
    return true;
}

static void push_text(lua_State *L, const char *s)
{
    if (s != NULL)
        lua_pushstring(L, s);
    else
        lua_pushboolean(L, 0); /* what a script sees as nil */
}

/* ---- hashes ---- */

static bool hset(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_make(c, false);
    int added = 0;
    bool is_new;

    for (int i = 2; i + 1 < c->argc; i += 2) {
        struct keyspace_field *f = keyspace_put(e, c->argv[i], &is_new);

        free(f->value);
        f->value = xstrdup(c->argv[i + 1]);
        added += is_new;
    }
    return keyspace_say(c, added);
}

static bool hsetnx(const struct keyspace_command *c)
{
    return keyspace_field_of(keyspace_key_of(c), c->argv[2]) != NULL ? keyspace_say(c, 0)
                                                                     : hset(c);
}

static bool hget(const struct keyspace_command *c)
{
    struct keyspace_field *f = keyspace_field_of(keyspace_key_of(c), c->argv[2]);

    push_text(c->L, f != NULL ? f->value : NULL);
    return true;
}

static bool hmget(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);

    lua_createtable(c->L, c->argc - 2, 0);
    for (int i = 2; i < c->argc; i++) {
        struct keyspace_field *f = keyspace_field_of(e, c->argv[i]);

        push_text(c->L, f != NULL ? f->value : NULL);
        lua_rawseti(c->L, -2, i - 1);
    }
    return true;
}

static bool hgetall(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);

    lua_newtable(c->L);
    for (size_t i = 0; e != NULL && i < e->n; i++) {
        lua_pushstring(c->L, e->fields[i].name);
        lua_rawseti(c->L, -2, (int)(2 * i + 1));
        lua_pushstring(c->L, e->fields[i].value);
        lua_rawseti(c->L, -2, (int)(2 * i + 2));
    }
    return true;
}

static bool has_field(const struct keyspace_command *c)
{
    return keyspace_say(c, keyspace_field_of(keyspace_key_of(c), c->argv[2]) != NULL);
}

static bool drop_fields(const struct keyspace_command *c) /* HDEL and ZREM */
{
    struct keyspace_entry *e = keyspace_key_of(c);
    int dropped = 0;

    for (int i = 2; e != NULL && i < c->argc; i++) {
        struct keyspace_field *f = keyspace_field_of(e, c->argv[i]);

        if (f != NULL) {
            keyspace_drop_field(e, f);
            dropped++;
        }
    }
    keyspace_drop_empty(c->k, e);
    return keyspace_say(c, dropped);
}

/* ---- any key ---- */

static bool del(const struct keyspace_command *c)
{
    int n = 0;

    for (int i = 1; i < c->argc; i++) {
        struct keyspace_entry *e = find(c->k, c->argv[i]);

        if (e != NULL) {
            drop_entry(c->k, e);
            n++;
        }
    }
    return keyspace_say(c, n);
}

static bool exists(const struct keyspace_command *c)
{
    return keyspace_say(c, keyspace_key_of(c) != NULL);
}

static bool pexpire(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);

    if (e != NULL)
        e->ends_ms = c->now_ms + strtoll(c->argv[2], NULL, 10);
    return keyspace_say(c, e != NULL);
}

static bool xadd(const struct keyspace_command *c) /* nobody reads the log here */
{
    lua_pushstring(c->L, "0-1");
    return true;
}

static const struct {
    const char *name;
    bool (*run)(const struct keyspace_command *c);
    int argc_min;
} commands[] = {
    {"HSET", hset, 4},
    {"HSETNX", hsetnx, 4},
    {"HGET", hget, 3},
    {"HMGET", hmget, 3},
    {"HGETALL", hgetall, 2},
    {"HEXISTS", has_field, 3},
    {"HDEL", drop_fields, 3},
    {"ZADD", keyspace_zadd, 4},
    {"ZREM", drop_fields, 3},
    {"ZCARD", keyspace_zcard, 2},
    {"ZSCORE", keyspace_zscore, 3},
    {"ZRANGE", keyspace_zrange, 4},
    {"ZRANGEBYSCORE", keyspace_zrangebyscore, 4},
    {"ZREVRANGEBYSCORE", keyspace_zrevrangebyscore, 4},
    {"ZCOUNT", keyspace_zcount, 4},
    {"ZREMRANGEBYSCORE", keyspace_zremrangebyscore, 4},
    {"ZREMRANGEBYRANK", keyspace_zremrangebyrank, 4},
    {"DEL", del, 2},
    {"EXISTS", exists, 2},
    {"PEXPIRE", pexpire, 3},
    {"XADD", xadd, 5},
};

bool keyspace_call(struct keyspace *k, int64_t now_ms, lua_State *L, int argc,
                   const char *const *argv)
{
    struct keyspace_command c = {.k = k, .now_ms = now_ms, .L = L, .argc = argc, .argv = argv};

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (strcmp(commands[i].name, argv[0]) == 0)
            return argc >= commands[i].argc_min && commands[i].run(&c);
    return false;
}

const char *keyspace_field(struct keyspace *k, const char *key, const char *field)
{
    struct keyspace_field *f = keyspace_field_of(find(k, key), field);

    return f != NULL ? f->value : NULL;
}

int keyspace_count_above(struct keyspace *k, const char *key, double min)
{
    struct keyspace_entry *e = find(k, key);
    int n = 0;

    for (size_t i = 0; e != NULL && i < e->n; i++)
        n += e->fields[i].score > min;
    return n;
}

double keyspace_score(struct keyspace *k, const char *key, const char *member)
{
    struct keyspace_field *f = keyspace_field_of(find(k, key), member);

    return f != NULL ? f->score : NAN;
}

double keyspace_score_max(struct keyspace *k, const char *key)
{
    struct keyspace_entry *e = find(k, key);
    double max = 0;

    for (size_t i = 0; e != NULL && i < e->n; i++)
        max = e->fields[i].score > max ? e->fields[i].score : max;
    return max;
}

uint64_t keyspace_digest(struct keyspace *k, const char *key)
{
    struct keyspace_entry *e = find(k, key);
    uint64_t sum = 0; /* whatever the order */

    for (size_t i = 0; e != NULL && i < e->n; i++) {
        const struct keyspace_field *f = &e->fields[i];
        uint64_t x = hash_of(f->name);

        x = x * UINT64_C(0x9e3779b97f4a7c15) + (f->value != NULL ? hash_of(f->value) : 0);
        x = x * UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)f->score;
        sum += x * UINT64_C(0xbf58476d1ce4e5b9);
    }
    return sum;
}
