/* server.c - the Redis of a simulated fleet; server.h has the contract. */
#include "server.h"

#include "base/base.h"
#include "shared/scripts.h"

#include <lua5.1/lauxlib.h>
#include <lua5.1/lualib.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS INT64_C(1700000000000)
#define BASE     "{sluice:sim}:" /* the fleet of server_run() */

/* Each leaves out one rule.  The judge must notice within a few hundred histories. */
const struct server_mutant server_mutants[] = {
    {"no-epoch", "evidence of an older epoch counts",
     "if ep ~= r.ep or r.st ~= 'closed' or ver ~= heard then", "if r.st ~= 'closed' then", 2},
    {"no-expiry", "leases never end",
     "redis.call('ZREMRANGEBYSCORE', leases, '-inf', text(now))", "", 14},
    {"no-poll", "a sync always says that nothing is new", "if applied == ver then",
     "if true then", 15},
    {"no-generation", "a new server goes on with the old versions",
     "if same_run and not was_demoted() and not lost then", "if exists then", 15},
    {"no-reassert", "nobody may say what was known before", "if r and heard then",
     "if false then", 10},
    {"late-force", "a word before the first router stays in the old generation",
     "live_anew(true, '-', id, who, lost)", "", 10},
    {"two-versions", "a change counts twice", "ver = ver + 1", "ver = ver + 2", 5},
    {"same-epoch", "a transition keeps its epoch", "to, r.ep + 1, 0, why, by",
     "to, r.ep, 0, why, by", 5},
    {"silent", "one kind of change is not published", "redis.call('PUBLISH', channel, l)",
     "if kind ~= 'reopen' then redis.call('PUBLISH', channel, l) end", 5},
    {"herd", "any number of probes", "redis.call('ZCARD', leases) >= max", "false", 3},
    {"dead-lease", "a probe counts without a lease",
     "if not expiry or tonumber(expiry) <= now then", "if false then", 2},
    {"no-duplicates", "a report counts again when it comes again",
     "if seq <= (whole(redis.call('HGET', base .. 'seq', router)) or 0) then", "if false then",
     2},
    {"word-twice", "a request id is not remembered", "if before then", "if false then", 11},
    {"abandon-fails", "an abandoned probe is a failed one", "elseif verdict == 'fail' then",
     "elseif verdict ~= 'ok' then", 13},
    {"uncapped", "the open time has no cap", "d = math.min(d, max, OPEN_MAX)", "d = d * 4", 7},
    {"clock", "Redis' clock is taken as it comes", "if last > now or leaps then",
     "if leaps then", 9},
    {"leap", "the fleet's time follows Redis' clock wherever it leaps",
     "if last > now or leaps then", "if last > now then", 9},
    {"shorter", "the shorter of two cool-downs wins",
     "if now + wait <= math.max(r.lim, now) then", "if false then", 7},
    {"one-success", "one success closes", "if r.succ >= threshold then", "if true then", 4},
    {"no-doubt", "a trip is for good, whoever can use the region",
     "r.doubt = is_doubtful(key, need, now) and", "r.doubt = false and", 12},
    {"row-doubt", "a rate is not doubted", "r.doubt = is_doubtful(key, need, now) and",
     "r.doubt = r.hard >= threshold and is_doubtful(key, need, now) and", 12},
    {"slow-doubt", "a rate of slow ones is not doubted",
     "return percent(slowed, total) .. '_slow', part",
     "return percent(slowed, total) .. '_slow', {}", 12},
    {"one-doubt", "a failed probe is the word of all",
     "r.doubt = is_doubtful(key, need, r.tripped) and", "r.doubt = false and", 12},
    {"no-opinion", "a doubt does not let anybody try", "and not doubted then", "then", 12},
    {"own-opinion", "who doubts is who failed",
     "if doubted and redis.call('ZSCORE', base .. 'rep:' .. key, router) then", "if false then",
     12},
    {"no-overruling", "who was wrong goes on reporting", "    overrule()\n", "", 12},
    {"ramped", "what was never sick comes back slowly",
     "r.n, r.clean = math.max(0, r.n - 1), now",
     "r.n, r.clean, r.ramp = math.max(0, r.n - 1), now, now", 12},
    {"demoted", "a master that came back is the one that it was",
     "same_run and not was_demoted()", "same_run", 15},
    {"no-look", "nobody looks for lost keys", "local lost, sound = lost_key()",
     "local lost, sound", 15},
    {"made-anew", "a lost key is one that nobody knew", "lost = 'r:' .. key", "save_new(key)",
     1},
    {"no-sum", "what is left of a key is believed", "if summed and sum ~= digest(h, SEEN) then",
     "if false then", 5},
    {"no-count", "nobody counts the keys", "if n < (whole(m[1]) or 0) then", "if false then",
     15},
    {"no-delivery", "nobody looks whether pushes come", NULL, NULL, 16},
    {NULL, NULL, NULL, NULL, 0},
};

static struct {
    lua_State *L;
    const struct server_mutant *mutant;
    int compiled[N_SCRIPTS]; /* references in the registry */
    struct server *running;
} lua;

/* ---- what a script may call ---- */

static int call_time(lua_State *L)
{
    int64_t ms = server_wall_ms(lua.running);
    char s[24], us[24];

    snprintf(s, sizeof(s), "%lld", (long long)(ms / 1000));
    snprintf(us, sizeof(us), "%lld",
             (long long)(ms % 1000 * 1000 + lua.running->clock_us() % 1000));
    lua_createtable(L, 2, 0);
    lua_pushstring(L, s);
    lua_rawseti(L, -2, 1);
    lua_pushstring(L, us);
    lua_rawseti(L, -2, 2);
    return 1;
}

static int call_info(lua_State *L, const char *section)
{
    const struct server *s = lua.running;

    if (strcmp(section, "server") == 0)
        lua_pushfstring(L, "# Server\r\nrun_id:run%d\r\n", s->life);
    else if (s->history > 1)
        lua_pushfstring(L, "# Replication\r\nmaster_replid:id%d\r\nmaster_replid2:id%d\r\n",
                        s->history, s->history - 1);
    else
        lua_pushstring(L, "# Replication\r\nmaster_replid:id1\r\nmaster_replid2:0000\r\n");
    return 1;
}

/* A number as Redis' scripts write one into a command; Lua itself would cut it. */
static const char *word_of(lua_State *L, int i)
{
    char number[40];

    if (lua_type(L, i) == LUA_TNUMBER) {
        snprintf(number, sizeof(number), "%.17g", lua_tonumber(L, i));
        lua_pushstring(L, number);
        lua_replace(L, i);
    }
    return luaL_checkstring(L, i);
}

static int redis_pcall(lua_State *L)
{
    struct server *s = lua.running;
    const char *argv[256];
    int argc = lua_gettop(L);

    if (argc < 1 || argc > (int)ARRAY_LEN(argv))
        return luaL_error(L, "a call with %d words", argc);
    for (int i = 0; i < argc; i++)
        argv[i] = word_of(L, i + 1);
    if (strcmp(argv[0], "TIME") == 0)
        return call_time(L);
    if (strcmp(argv[0], "INFO") == 0 && argc == 2)
        return call_info(L, argv[1]);
    if (strcmp(argv[0], "PUBLISH") == 0 && argc == 3) {
        s->on_publish(s->arg, argv[2]);
        lua_pushinteger(L, 1);
        return 1;
    }
    if (!keyspace_call(s->data, server_wall_ms(s), L, argc, argv))
        return luaL_error(L, "the simulated Redis has no such %s", argv[0]);
    return 1;
}

static int redis_call(lua_State *L)
{
    redis_pcall(L);
    if (lua_istable(L, -1)) {
        lua_getfield(L, -1, "err");
        if (!lua_isnil(L, -1)) {
            lua_pop(L, 1);
            return lua_error(L);
        }
        lua_pop(L, 1);
    }
    return 1;
}

static int redis_sha1hex(lua_State *L)
{
    unsigned char sum[SHA_DIGEST_LENGTH];
    char out[2 * SHA_DIGEST_LENGTH + 1];
    size_t len;
    const char *text = luaL_checklstring(L, 1, &len);

    SHA1((const unsigned char *)text, len, sum);
    for (size_t i = 0; i < sizeof(sum); i++)
        snprintf(out + 2 * i, 3, "%02x", sum[i]);
    lua_pushstring(L, out);
    return 1;
}

/* ---- loading ---- */

/* The text with its first `from` replaced; the caller frees. */
static char *mutate(const char *text, const struct server_mutant *m, bool *found)
{
    const char *at = m != NULL && m->from != NULL ? strstr(text, m->from) : NULL;

    if (at == NULL)
        return xstrdup(text);
    size_t size = strlen(text) + strlen(m->to) + 1;
    char *out = xcalloc(1, size);

    *found = true;
    snprintf(out, size, "%.*s%s%s", (int)(at - text), text, m->to, at + strlen(m->from));
    return out;
}

bool server_load(const struct server_mutant *mutant)
{
    static const luaL_Reg redis[] = {
        {"call", redis_call}, {"pcall", redis_pcall}, {"sha1hex", redis_sha1hex}, {NULL, NULL}};
    bool found = mutant == NULL || mutant->from == NULL;

    lua.mutant = mutant;
    lua.L = luaL_newstate();
    luaL_openlibs(lua.L);
    luaL_register(lua.L, "redis", redis);
    lua_settop(lua.L, 0);
    for (int i = 0; i < N_SCRIPTS; i++) {
        const struct redis_script *t = scripts_get((enum script)i);
        char *text = mutate(t->text, mutant, &found);

        text[0] = text[1] = '-'; /* the line that begins with #! becomes a comment */
        if (luaL_loadbuffer(lua.L, text, strlen(text), t->name) != 0) {
            fprintf(stderr, "sim: %s\n", lua_tostring(lua.L, -1));
            abort();
        }
        lua.compiled[i] = luaL_ref(lua.L, LUA_REGISTRYINDEX);
        free(text);
    }
    return found;
}

void server_unload(void)
{
    lua_close(lua.L);
    lua.L = NULL;
}

bool server_mutant_is(const char *name)
{
    return lua.mutant != NULL && strcmp(lua.mutant->name, name) == 0;
}

/* ---- running ---- */

struct server *server_new(int64_t (*clock_us)(void))
{
    struct server *s = xcalloc(1, sizeof(*s));

    s->data = keyspace_new();
    s->life = s->history = 1;
    s->clock_us = clock_us;
    return s;
}

void server_free(struct server *s)
{
    if (s == NULL)
        return;
    keyspace_free(s->data);
    keyspace_free(s->replica);
    free(s);
}

int64_t server_wall_ms(const struct server *s)
{
    return START_MS + s->clock_us() / 1000 + s->step_ms;
}

const char *server_key(char out[200], const char *suffix)
{
    snprintf(out, 200, BASE "%s", suffix);
    return out;
}

static struct redisReply *reply_new(int type, const char *text)
{
    struct redisReply *r = xcalloc(1, sizeof(*r));

    r->type = type;
    if (text != NULL) {
        r->str = xstrdup(text);
        r->len = strlen(text);
    }
    return r;
}

struct redisReply *server_refuses(const char *why)
{
    return reply_new(REDIS_REPLY_ERROR, why);
}

/* What Redis makes of a script's value, on top of the stack. */
static struct redisReply *reply_of(lua_State *L)
{
    struct redisReply *r;

    switch (lua_type(L, -1)) {
    case LUA_TNUMBER:
        r = reply_new(REDIS_REPLY_INTEGER, NULL);
        r->integer = (long long)lua_tonumber(L, -1);
        return r;
    case LUA_TSTRING:
        return reply_new(REDIS_REPLY_STRING, lua_tostring(L, -1));
    case LUA_TTABLE:
        r = reply_new(REDIS_REPLY_ARRAY, NULL);
        r->elements = lua_objlen(L, -1);
        r->element = xcalloc(r->elements + 1, sizeof(*r->element));
        for (size_t i = 0; i < r->elements; i++) {
            lua_rawgeti(L, -1, (int)i + 1);
            r->element[i] = reply_of(L);
            lua_pop(L, 1);
        }
        return r;
    default:
        return reply_new(REDIS_REPLY_NIL, NULL);
    }
}

static void set_words(const char *name, int n, const char *const *words)
{
    lua_createtable(lua.L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_pushstring(lua.L, words[i]);
        lua_rawseti(lua.L, -2, i + 1);
    }
    lua_setglobal(lua.L, name);
}

static struct redisReply *fail(struct server *s)
{
    char what[300];
    bool is_table = lua_istable(lua.L, -1); /* it raised the error itself */

    if (is_table)
        lua_getfield(lua.L, -1, "err");
    snprintf(what, sizeof(what), "%s%s script: %s", is_table ? "" : "ERR ",
             lua_isstring(lua.L, -1) ? lua_tostring(lua.L, -1) : "?", s->script);
    s->on_trouble(s->arg, what);
    return reply_new(REDIS_REPLY_ERROR, what);
}

static struct redisReply *run(struct server *s, enum script which, const char *meta, int n_args,
                              const char *const *args)
{
    struct redisReply *r;

    s->calls++;
    s->script = scripts_name(which);
    s->args = args;
    s->n_args = n_args;
    lua.running = s;
    set_words("KEYS", 1, &meta);
    set_words("ARGV", n_args, args);
    lua_rawgeti(lua.L, LUA_REGISTRYINDEX, lua.compiled[which]);
    r = lua_pcall(lua.L, 0, 1, 0) == 0 ? reply_of(lua.L) : fail(s);
    lua_settop(lua.L, 0);
    lua.running = NULL;
    return r;
}

struct redisReply *server_run(struct server *s, const char *script, int n_args,
                              const char *const *args)
{
    for (int i = 0; i < N_SCRIPTS; i++)
        if (strcmp(scripts_name((enum script)i), script) == 0)
            return run(s, (enum script)i, BASE "meta", n_args, args);
    abort();
}

struct redisReply *server_eval(struct server *s, int argc, const char *const *argv)
{
    /* EVALSHA sha1 1 meta args..., EVAL text 1 meta args... */
    for (int i = 0; argc > 3 && i < N_SCRIPTS; i++) {
        const struct redis_script *t = scripts_get((enum script)i);

        if (strcmp(argv[1], t->sha1) == 0 || strcmp(argv[1], t->text) == 0)
            return run(s, (enum script)i, argv[3], argc - 4, argv + 4);
    }
    return reply_new(REDIS_REPLY_ERROR, "ERR unknown command");
}

struct redisReply *server_command(struct server *s, int argc, const char *const *argv)
{
    struct redisReply *r;

    if (argc == 1 && strcmp(argv[0], "FLUSHALL") == 0) {
        keyspace_free(s->data);
        s->data = keyspace_new();
        return reply_new(REDIS_REPLY_STRING, "OK");
    }
    if (keyspace_call(s->data, server_wall_ms(s), lua.L, argc, argv))
        r = reply_of(lua.L);
    else
        r = reply_new(REDIS_REPLY_ERROR, "ERR unknown command");
    lua_settop(lua.L, 0);
    return r;
}
