/* snapshot.c - the reply of lua/snapshot.lua; that file's head has the layout. */
#include "shared/snapshot.h"

#include "redis/value.h"

#include <stdlib.h>
#include <string.h>

/* A word for people: cut at cap - 1, control bytes masked. */
static void copy(char *out, size_t cap, const struct redisReply *r)
{
    struct str s = answer_text(r);
    size_t n = s.len < cap - 1 ? s.len : cap - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f ? '?' : s.ptr[i];
    out[n] = '\0';
}

static int64_t number_or_0(const struct redisReply *r)
{
    int64_t n = 0;

    return answer_number(r, &n) ? n : 0;
}

static void decode_check(const struct redisReply *r, struct look_check *c)
{
    if (!answer_is(r, "ok") && !answer_is(r, "fail"))
        return;
    copy(c->result, sizeof(c->result), answer_at(r, 0));
    c->t_ms = number_or_0(answer_at(r, 1));
    copy(c->what, sizeof(c->what), answer_at(r, 2));
    c->took_ms = number_or_0(answer_at(r, 3));
    copy(c->from, sizeof(c->from), answer_at(r, 4));
}

static int64_t number_or_none(const struct redisReply *r)
{
    int64_t n;

    return answer_number(r, &n) ? n : -1;
}

static bool decode_key(const struct redisReply *r, struct look_key *k)
{
    if (!codec_decode(answer_text(answer_at(r, 0)), &k->line) ||
        !answer_number(answer_at(r, 1), &k->ok) || !answer_number(answer_at(r, 2), &k->fail) ||
        !answer_number(answer_at(r, 3), &k->slow) ||
        !answer_number(answer_at(r, 4), &k->leases) ||
        !answer_number(answer_at(r, 5), &k->changed_ms) ||
        !answer_number(answer_at(r, 6), &k->seen_ms))
        return false;
    copy(k->cooling, sizeof(k->cooling), answer_at(r, 7));
    decode_check(answer_at(r, 8), &k->check);
    k->measured.first_us = number_or_none(answer_at(answer_at(r, 9), 0));
    k->measured.total_us = number_or_none(answer_at(answer_at(r, 9), 1));
    k->measured.health = number_or_none(answer_at(answer_at(r, 9), 2));
    k->measured.inflight = number_or_none(answer_at(answer_at(r, 9), 3));
    return true;
}

static bool decode_router(const struct redisReply *r, struct look_router *o)
{
    if (answer_text(answer_at(r, 0)).len == 0 || !answer_number(answer_at(r, 8), &o->seen_ms))
        return false;
    copy(o->id, sizeof(o->id), answer_at(r, 0));
    copy(o->host, sizeof(o->host), answer_at(r, 1));
    copy(o->pid, sizeof(o->pid), answer_at(r, 2));
    copy(o->version, sizeof(o->version), answer_at(r, 3));
    copy(o->config, sizeof(o->config), answer_at(r, 4));
    o->started_ms = number_or_0(answer_at(r, 5));
    o->load = number_or_0(answer_at(r, 6));
    o->applied = number_or_0(answer_at(r, 7));
    return true;
}

static bool decode(struct look *out, const struct redisReply *r)
{
    const struct redisReply *keys = answer_at(r, 5), *routers = answer_at(r, 6);
    struct str gen = answer_text(answer_at(r, 1));

    if (!answer_is(r, "LOOK") || gen.len == 0 || gen.len > VIEW_GEN_MAX || routers == NULL ||
        !answer_number(answer_at(r, 2), &out->ver) ||
        !answer_number(answer_at(r, 3), &out->now_ms) ||
        !answer_number(answer_at(r, 4), &out->born_ms))
        return false;
    copy(out->gen, sizeof(out->gen), answer_at(r, 1));
    out->keys = xcalloc(answer_count(keys) + 1, sizeof(out->keys[0]));
    for (; out->n_keys < answer_count(keys); out->n_keys++)
        if (!decode_key(answer_at(keys, out->n_keys), &out->keys[out->n_keys]))
            return false;
    out->routers = xcalloc(answer_count(routers) + 1, sizeof(out->routers[0]));
    for (; out->n_routers < answer_count(routers); out->n_routers++)
        if (!decode_router(answer_at(routers, out->n_routers), &out->routers[out->n_routers]))
            return false;
    return true;
}

int look_decode(struct look *out, const struct redisReply *r, struct err *err)
{
    char text[200];

    memset(out, 0, sizeof(*out));
    if (answer_is(r, "NONE") || decode(out, r))
        return 0;
    answer_show(r, text, sizeof(text));
    return err_set(err, ERR_STORE, "Redis answered the look script with: %s", text);
}

void look_release(struct look *l)
{
    free(l->keys);
    free(l->routers);
    memset(l, 0, sizeof(*l));
}
