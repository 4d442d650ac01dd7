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

struct keyspace_entry *keyspace_make(const struct keyspace_command *c, enum keyspace_type type)
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
        .hash = hash_of(c->argv[1]), .name = xstrdup(c->argv[1]), .type = type};
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
    struct keyspace_entry *e = keyspace_make(c, KEYSPACE_HASH);
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

static bool set(const struct keyspace_command *c) /* what is in it does not matter here */
{
    keyspace_overwrite(c->k, c->argv[1]);
    lua_pushstring(c->L, "OK");
    return true;
}

static bool xadd(const struct keyspace_command *c) /* nobody reads the log here */
{
    keyspace_make(c, KEYSPACE_STREAM);
    lua_pushstring(c->L, "0-1");
    return true;
}

/* clang-format off */
static const struct {
    const char *name;
    bool (*run)(const struct keyspace_command *c);
    int argc_min;
    enum keyspace_type type;
} commands[] = {
    {"HSET",             hset,                      4, KEYSPACE_HASH},
    {"HSETNX",           hsetnx,                    4, KEYSPACE_HASH},
    {"HGET",             hget,                      3, KEYSPACE_HASH},
    {"HMGET",            hmget,                     3, KEYSPACE_HASH},
    {"HGETALL",          hgetall,                   2, KEYSPACE_HASH},
    {"HEXISTS",          has_field,                 3, KEYSPACE_HASH},
    {"HDEL",             drop_fields,               3, KEYSPACE_HASH},
    {"ZADD",             keyspace_zadd,             4, KEYSPACE_SET},
    {"ZREM",             drop_fields,               3, KEYSPACE_SET},
    {"ZCARD",            keyspace_zcard,            2, KEYSPACE_SET},
    {"ZSCORE",           keyspace_zscore,           3, KEYSPACE_SET},
    {"ZRANGE",           keyspace_zrange,           4, KEYSPACE_SET},
    {"ZRANGEBYSCORE",    keyspace_zrangebyscore,    4, KEYSPACE_SET},
    {"ZREVRANGEBYSCORE", keyspace_zrevrangebyscore, 4, KEYSPACE_SET},
    {"ZCOUNT",           keyspace_zcount,           4, KEYSPACE_SET},
    {"ZREMRANGEBYSCORE", keyspace_zremrangebyscore, 4, KEYSPACE_SET},
    {"ZREMRANGEBYRANK",  keyspace_zremrangebyrank,  4, KEYSPACE_SET},
    {"XADD",             xadd,                      5, KEYSPACE_STREAM},
    {"DEL",              del,                       2, KEYSPACE_ANY},
    {"EXISTS",           exists,                    2, KEYSPACE_ANY},
    {"PEXPIRE",          pexpire,                   3, KEYSPACE_ANY},
    {"SET",              set,                       3, KEYSPACE_ANY},
};
/* clang-format on */

static bool is_of_other_type(const struct keyspace_command *c, enum keyspace_type type)
{
    const struct keyspace_entry *e = keyspace_key_of(c);

    return type != KEYSPACE_ANY && e != NULL && e->type != type;
}

static bool refuse(lua_State *L)
{
    lua_createtable(L, 0, 1);
    lua_pushstring(L, "WRONGTYPE Operation against a key holding the wrong kind of value");
    lua_setfield(L, -2, "err");
    return true;
}

bool keyspace_call(struct keyspace *k, int64_t now_ms, lua_State *L, int argc,
                   const char *const *argv)
{
    struct keyspace_command c = {.k = k, .now_ms = now_ms, .L = L, .argc = argc, .argv = argv};

    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, argv[0]) != 0)
            continue;
        if (argc < commands[i].argc_min)
            return false;
        return is_of_other_type(&c, commands[i].type) ? refuse(L) : commands[i].run(&c);
    }
    return false;
}

/* ---- what is not the fleet's doing ---- */

const char *keyspace_name(const struct keyspace *k, size_t i)
{
    return i < k->n ? k->entries[i].name : NULL;
}

void keyspace_lose(struct keyspace *k, const char *key)
{
    struct keyspace_entry *e = find(k, key);

    if (e != NULL)
        drop_entry(k, e);
}

void keyspace_overwrite(struct keyspace *k, const char *key)
{
    const char *argv[] = {"SET", key};

    keyspace_lose(k, key);
    keyspace_make(&(struct keyspace_command){.k = k, .argc = 2, .argv = argv}, KEYSPACE_TEXT);
}

void keyspace_lose_field(struct keyspace *k, const char *key, const char *field)
{
    struct keyspace_entry *e = find(k, key);
    struct keyspace_field *f = keyspace_field_of(e, field);
    bool is_new;

    if (f == NULL)
        return;
    keyspace_drop_field(e, f);
    f = keyspace_put(e, KEYSPACE_DAMAGED, &is_new);
    if (is_new)
        f->value = xstrdup("");
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
