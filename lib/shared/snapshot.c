/* snapshot.c - the reply of lua/snapshot.lua; that file's head has the layout. */
#include "shared/snapshot.h"

#include "redis/value.h"

#include <stdlib.h>
#include <string.h>

/* A word for people: cut at cap - 1, control bytes masked. */
static void copy(char *out, size_t cap, const struct redisReply *r)
{
    struct str s = redis_value_text(r);
    size_t n = s.len < cap - 1 ? s.len : cap - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = (unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f ? '?' : s.ptr[i];
    out[n] = '\0';
}

static int64_t number_or_0(const struct redisReply *r)
{
    int64_t n = 0;

    return redis_value_number(r, &n) ? n : 0;
}

static void decode_check(const struct redisReply *r, struct snapshot_check *c)
{
    if (!redis_value_is(r, "ok") && !redis_value_is(r, "fail"))
        return;
    copy(c->result, sizeof(c->result), redis_value_at(r, 0));
    c->t_ms = number_or_0(redis_value_at(r, 1));
    copy(c->what, sizeof(c->what), redis_value_at(r, 2));
    c->took_ms = number_or_0(redis_value_at(r, 3));
    copy(c->from, sizeof(c->from), redis_value_at(r, 4));
}

static int64_t number_or_none(const struct redisReply *r)
{
    int64_t n;

    return redis_value_number(r, &n) ? n : -1;
}

static bool decode_slot(const struct redisReply *r, struct snapshot_slot *k)
{
    if (!state_line_decode(redis_value_text(redis_value_at(r, 0)), &k->line) ||
        !redis_value_number(redis_value_at(r, 1), &k->ok) ||
        !redis_value_number(redis_value_at(r, 2), &k->fail) ||
        !redis_value_number(redis_value_at(r, 3), &k->slow) ||
        !redis_value_number(redis_value_at(r, 4), &k->leases) ||
        !redis_value_number(redis_value_at(r, 5), &k->changed_ms) ||
        !redis_value_number(redis_value_at(r, 6), &k->seen_ms))
        return false;
    copy(k->cooling, sizeof(k->cooling), redis_value_at(r, 7));
    decode_check(redis_value_at(r, 8), &k->check);
    k->measured.first_us = number_or_none(redis_value_at(redis_value_at(r, 9), 0));
    k->measured.total_us = number_or_none(redis_value_at(redis_value_at(r, 9), 1));
    k->measured.health = number_or_none(redis_value_at(redis_value_at(r, 9), 2));
    k->measured.inflight = number_or_none(redis_value_at(redis_value_at(r, 9), 3));
    return true;
}

static bool decode_router(const struct redisReply *r, struct snapshot_router *o)
{
    if (redis_value_text(redis_value_at(r, 0)).len == 0 ||
        !redis_value_number(redis_value_at(r, 8), &o->seen_ms))
        return false;
    copy(o->id, sizeof(o->id), redis_value_at(r, 0));
    copy(o->host, sizeof(o->host), redis_value_at(r, 1));
    copy(o->pid, sizeof(o->pid), redis_value_at(r, 2));
    copy(o->version, sizeof(o->version), redis_value_at(r, 3));
    copy(o->config, sizeof(o->config), redis_value_at(r, 4));
    o->started_ms = number_or_0(redis_value_at(r, 5));
    o->load = number_or_0(redis_value_at(r, 6));
    o->applied = number_or_0(redis_value_at(r, 7));
    copy(o->left, sizeof(o->left), redis_value_at(r, 9));
    return true;
}

static bool decode(struct snapshot *out, const struct redisReply *r)
{
    const struct redisReply *slots = redis_value_at(r, 5), *routers = redis_value_at(r, 6);
    struct str gen = redis_value_text(redis_value_at(r, 1));

    if (!redis_value_is(r, "LOOK") || gen.len == 0 || gen.len > VIEW_GEN_MAX ||
        routers == NULL || !redis_value_number(redis_value_at(r, 2), &out->ver) ||
        !redis_value_number(redis_value_at(r, 3), &out->now_ms) ||
        !redis_value_number(redis_value_at(r, 4), &out->born_ms))
        return false;
    copy(out->gen, sizeof(out->gen), redis_value_at(r, 1));
    out->slots = xcalloc(redis_value_count(slots) + 1, sizeof(out->slots[0]));
    for (; out->n_slots < redis_value_count(slots); out->n_slots++)
        if (!decode_slot(redis_value_at(slots, out->n_slots), &out->slots[out->n_slots]))
            return false;
    out->routers = xcalloc(redis_value_count(routers) + 1, sizeof(out->routers[0]));
    for (; out->n_routers < redis_value_count(routers); out->n_routers++)
        if (!decode_router(redis_value_at(routers, out->n_routers),
                           &out->routers[out->n_routers]))
            return false;
    return true;
}

bool snapshot_has_left(const struct snapshot_router *r, const char *slot)
{
    char name[VIEW_SLOT_MAX + 1];

    for (struct str rest = str_of(r->left); rest.ptr != NULL;) {
        struct str word = str_split(rest, ' ', &rest);

        if (state_line_unword(word, name, sizeof(name)) && strcmp(name, slot) == 0)
            return true;
    }
    return false;
}

int snapshot_decode(struct snapshot *out, const struct redisReply *r, struct err *err)
{
    char text[200];

    memset(out, 0, sizeof(*out));
    if (redis_value_is(r, "NONE") || decode(out, r))
        return 0;
    redis_value_show(r, text, sizeof(text));
    return err_set(err, ERR_STORE, "Redis answered the look script with: %s", text);
}

void snapshot_release(struct snapshot *l)
{
    free(l->slots);
    free(l->routers);
    memset(l, 0, sizeof(*l));
}
