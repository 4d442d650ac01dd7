/* store.c - hands each call of store.h to the implementation behind it. */
#include "fleet/store.h"

#include "fleet/store_ops.h"

#include <assert.h>

static const char *const cool_names[] = {[STORE_COOL_THROTTLED] = "throttled",
                                         [STORE_COOL_QUOTA] = "quota",
                                         [STORE_COOL_AUTH] = "auth"};

static const char *const verdict_names[] = {[BREAKER_PROBE_OK] = "ok",
                                            [BREAKER_PROBE_FAIL] = "fail",
                                            [BREAKER_PROBE_ABANDON] = "abandon"};

const char *store_cool_name(enum store_cool why)
{
    assert((size_t)why < ARRAY_LEN(cool_names));
    return cool_names[why];
}

const char *store_verdict_name(enum breaker_verdict v)
{
    assert((size_t)v < ARRAY_LEN(verdict_names));
    return verdict_names[v];
}

void store_free(struct store *s)
{
    if (s != NULL)
        s->ops->free(s);
}

bool store_is_attached(const struct store *s)
{
    return s->ops->is_attached(s);
}

size_t store_count(const struct store *s)
{
    return s->ops->count(s);
}

const struct view_slot *store_get(const struct store *s, size_t slot)
{
    assert(slot < s->ops->count(s));
    return s->ops->get(s, slot);
}

uint64_t store_ver(const struct store *s)
{
    return s->ops->ver(s);
}

const char *store_gen(const struct store *s)
{
    return s->ops->gen(s);
}

void store_report(struct store *s, size_t slot, uint64_t epoch, enum store_evidence what,
                  bool slow)
{
    assert(slot < s->ops->count(s));
    s->ops->report(s, slot, epoch, what, slow);
}

void store_probe(struct store *s, size_t slot, uint64_t token)
{
    assert(slot < s->ops->count(s));
    s->ops->probe(s, slot, token);
}

void store_probe_renew(struct store *s, size_t slot, uint64_t token)
{
    assert(slot < s->ops->count(s));
    s->ops->probe_renew(s, slot, token);
}

void store_done(struct store *s, size_t slot, uint64_t epoch, uint64_t token,
                enum breaker_verdict verdict)
{
    assert(slot < s->ops->count(s));
    s->ops->done(s, slot, epoch, token, verdict);
}

void store_cool(struct store *s, size_t slot, int64_t for_ms, enum store_cool why)
{
    assert(slot < s->ops->count(s));
    s->ops->cool(s, slot, for_ms > 0 ? for_ms : 0, why);
}

bool store_check(struct store *s, size_t slot, int64_t lease_ms, const struct store_check *seen,
                 int64_t took_ms)
{
    assert(slot < s->ops->count(s));
    return s->ops->check != NULL && s->ops->check(s, slot, lease_ms, seen, took_ms);
}

void store_share(struct store *s, const struct store_measure *of, size_t n)
{
    if (s->ops->share != NULL)
        s->ops->share(s, of, n);
}

void store_set_load(struct store *s, int inflight)
{
    s->ops->set_load(s, inflight);
}

void store_get_stats(const struct store *s, struct store_stats *out)
{
    s->ops->get_stats(s, out);
}

int store_save(const struct store *s, struct buf *out)
{
    return s->ops->save != NULL ? s->ops->save(s, out) : -1;
}

int store_restore(struct store *s, struct str text, struct err *err)
{
    if (s->ops->restore == NULL)
        return err_set(err, ERR_STORE, "without Redis there is no shared view to restore");
    return s->ops->restore(s, text, err);
}
