/* keyspace_set.c - commands on sorted sets. */
#include "keyspace_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int by_score(const void *a, const void *b)
{
    const struct keyspace_field *x = a, *y = b;

    return x->score < y->score ? -1 : x->score > y->score ? 1 : strcmp(x->name, y->name);
}

static struct keyspace_entry *sorted(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);

    if (e != NULL)
        qsort(e->fields, e->n, sizeof(e->fields[0]), by_score);
    return e;
}

bool keyspace_zadd(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_make(c, KEYSPACE_SET);
    int added = 0;
    bool is_new;

    for (int i = 2; i + 1 < c->argc; i += 2) {
        keyspace_put(e, c->argv[i + 1], &is_new)->score = strtod(c->argv[i], NULL);
        added += is_new;
    }
    return keyspace_say(c, added);
}

bool keyspace_zcard(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);

    return keyspace_say(c, e != NULL ? (double)e->n : 0);
}

static void push_score(lua_State *L, double score)
{
    char text[40];

    snprintf(text, sizeof(text), "%.17g", score);
    lua_pushstring(L, text);
}

bool keyspace_zscore(const struct keyspace_command *c)
{
    struct keyspace_field *f = keyspace_field_of(keyspace_key_of(c), c->argv[2]);

    if (f != NULL)
        push_score(c->L, f->score);
    else
        lua_pushboolean(c->L, 0);
    return true;
}

/* "5", "(5", "-inf", "+inf" */
static bool is_within(double score, const char *min, const char *max)
{
    double low = strtod(min + (*min == '('), NULL), high = strtod(max + (*max == '('), NULL);

    return (*min == '(' ? score > low : score >= low) &&
           (*max == '(' ? score < high : score <= high);
}

static bool has_word(const struct keyspace_command *c, const char *word, int *at)
{
    for (*at = 4; *at < c->argc; ++*at)
        if (strcmp(c->argv[*at], word) == 0)
            return true;
    return false;
}

static void push_members(const struct keyspace_command *c, const struct keyspace_entry *e,
                         size_t from, size_t to, bool scores)
{
    int n = 0;

    for (size_t i = from; i < to; i++) {
        lua_pushstring(c->L, e->fields[i].name);
        lua_rawseti(c->L, -2, ++n);
        if (scores) {
            push_score(c->L, e->fields[i].score);
            lua_rawseti(c->L, -2, ++n);
        }
    }
}

static long rank_of(const char *s, size_t n)
{
    long rank = strtol(s, NULL, 10);

    return rank < 0 ? rank + (long)n : rank;
}

bool keyspace_zrange(const struct keyspace_command *c)
{
    struct keyspace_entry *e = sorted(c);
    int at;

    lua_newtable(c->L);
    if (e == NULL)
        return true;
    long from = rank_of(c->argv[2], e->n), to = rank_of(c->argv[3], e->n) + 1;

    from = from < 0 ? 0 : from;
    to = to > (long)e->n ? (long)e->n : to;
    if (from < to)
        push_members(c, e, (size_t)from, (size_t)to, has_word(c, "WITHSCORES", &at));
    return true;
}

bool keyspace_zrangebyscore(const struct keyspace_command *c)
{
    struct keyspace_entry *e = sorted(c);
    size_t from = 0, to, max = SIZE_MAX;
    int at;

    lua_newtable(c->L);
    if (e == NULL)
        return true;
    if (has_word(c, "LIMIT", &at))
        max = (size_t)strtoul(c->argv[at + 2], NULL, 10);
    while (from < e->n && !is_within(e->fields[from].score, c->argv[2], c->argv[3]))
        from++;
    for (to = from; to < e->n && to - from < max; to++)
        if (!is_within(e->fields[to].score, c->argv[2], c->argv[3]))
            break;
    push_members(c, e, from, to, has_word(c, "WITHSCORES", &at));
    return true;
}

bool keyspace_zrevrangebyscore(const struct keyspace_command *c)
{
    struct keyspace_entry *e = sorted(c);
    int n = 0;

    lua_newtable(c->L);
    for (size_t i = e != NULL ? e->n : 0; i > 0; i--) {
        if (is_within(e->fields[i - 1].score, c->argv[3], c->argv[2])) {
            lua_pushstring(c->L, e->fields[i - 1].name);
            lua_rawseti(c->L, -2, ++n);
        }
    }
    return true;
}

bool keyspace_zcount(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);
    int n = 0;

    for (size_t i = 0; e != NULL && i < e->n; i++)
        n += is_within(e->fields[i].score, c->argv[2], c->argv[3]);
    return keyspace_say(c, n);
}

bool keyspace_zremrangebyscore(const struct keyspace_command *c)
{
    struct keyspace_entry *e = keyspace_key_of(c);
    int n = 0;

    for (size_t i = e != NULL ? e->n : 0; i > 0; i--) {
        if (is_within(e->fields[i - 1].score, c->argv[2], c->argv[3])) {
            keyspace_drop_field(e, &e->fields[i - 1]);
            n++;
        }
    }
    keyspace_drop_empty(c->k, e);
    return keyspace_say(c, n);
}

bool keyspace_zremrangebyrank(const struct keyspace_command *c)
{
    struct keyspace_entry *e = sorted(c);
    long from = e != NULL ? rank_of(c->argv[2], e->n) : 0;
    long to = e != NULL ? rank_of(c->argv[3], e->n) : -1;
    int n = 0;

    for (long i = to; i >= from && i >= 0; i--, n++)
        keyspace_drop_field(e, &e->fields[i]);
    keyspace_drop_empty(c->k, e);
    return keyspace_say(c, n);
}
