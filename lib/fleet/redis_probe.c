/* redis_probe.c - the right to one probe: asked for, lengthened, and what came of it. */
#include "fleet/shared_state_parts.h"

#include "redis/value.h"

#include <stdlib.h>

#define FORCED_WAIT_MS 1000 /* when to ask again while an operator keeps the slot down */
#define FAILED_WAIT_MS 100  /* and when Redis did not answer */
#define ARGS_MAX       12

struct asked {                /* one probe that waits for its answer */
    struct asked *next, **at; /* at: what points here */
    struct shared_state *s;
    size_t slot;
    uint64_t token;
};

struct redis_probe {
    struct asked *asked;
    struct breakers_later *later; /* the answers that we give ourselves */
};

/* Unlinks and frees p; the answer goes to the owner, here and now: we are in the loop. */
static void answer(struct asked *p, enum breaker_grant grant, int64_t epoch, int64_t wait_ms)
{
    struct shared_state *s = p->s;
    struct breakers_probe_answer a = {.slot = p->slot,
                                      .token = p->token,
                                      .grant = grant,
                                      .epoch = (uint64_t)epoch,
                                      .wait_ms = wait_ms};

    *p->at = p->next;
    if (p->next != NULL)
        p->next->at = p->at;
    free(p);
    s->ev.on_probe(s->ev.arg, &a);
}

static bool answer_from(struct asked *p, const struct redisReply *r)
{
    struct str no = redis_value_text(redis_value_at(r, 1));
    int64_t n;

    if (redis_value_is(r, "GRANT") && redis_value_number(redis_value_at(r, 1), &n))
        answer(p, BREAKER_GRANTED, n, 0);
    else if (!redis_value_is(r, "NO"))
        return false;
    else if (str_eqz(no, "closed"))
        answer(p, BREAKER_NOT_NEEDED, 0, 0);
    else if (str_eqz(no, "forced"))
        answer(p, BREAKER_BUSY, 0, FORCED_WAIT_MS);
    else if (str_eqz(no, "wait") && redis_value_number(redis_value_at(r, 2), &n))
        answer(p, BREAKER_WAIT, 0, n);
    else if (str_eqz(no, "busy") && redis_value_number(redis_value_at(r, 2), &n))
        answer(p, BREAKER_BUSY, 0, n);
    else
        return false;
    return true;
}

static void on_probe(void *arg, const struct redisReply *r, const char *why)
{
    struct asked *p = arg;
    struct shared_state *s = p->s;

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_PROBE, r, why)) {
        if (!s->freed) /* else p is gone as well */
            answer(p, BREAKER_BUSY, 0, FAILED_WAIT_MS);
    } else if (!answer_from(p, r)) {
        answer(p, BREAKER_BUSY, 0, FAILED_WAIT_MS);
        shared_state_rubbish(s, SCRIPT_PROBE);
    }
    shared_state_drop(s);
}

static int send_probe(struct shared_state *s, size_t slot, uint64_t token, const char *how,
                      redis_reply_cb *cb, void *arg)
{
    struct redis_args a;

    shared_state_args(s, slot, ARGS_MAX, &a);
    redis_args_word(&a, s->router_id);
    redis_args_unsigned(&a, token);
    redis_args_number(&a, s->rules[slot].probe_lease_ms);
    redis_args_number(&a, s->rules[slot].breaker.half_open_max_calls);
    redis_args_word(&a, how);
    return shared_state_run(s, SCRIPT_PROBE, &a, cb, arg);
}

void redis_probe_ask(struct shared_state *s, size_t slot, uint64_t token)
{
    struct asked *p = xcalloc(1, sizeof(*p));

    p->s = s;
    p->slot = slot;
    p->token = token;
    if (redis_attach_is_level(s) && send_probe(s, slot, token, "ask", on_probe, p) == 0) {
        p->next = s->probe->asked;
        p->at = &s->probe->asked;
        if (p->next != NULL)
            p->next->at = &p->next;
        s->probe->asked = p;
        return;
    }
    free(p);
    breakers_later_answer(
        s->probe->later,
        &(struct breakers_probe_answer){
            .slot = slot, .token = token, .grant = BREAKER_BUSY, .wait_ms = FAILED_WAIT_MS});
}

static void on_renew(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    if (shared_state_usable(s, SCRIPT_PROBE, r, why) && !redis_value_is(r, "GRANT") &&
        !redis_value_is(r, "NO"))
        shared_state_rubbish(s, SCRIPT_PROBE);
    shared_state_drop(s);
}

void redis_probe_renew(struct shared_state *s, size_t slot, uint64_t token)
{
    /* Not sent: the lease ends by itself, which is what leases are for. */
    if (redis_attach_is_level(s) && send_probe(s, slot, token, "renew", on_renew, s) < 0)
        s->stats.dropped++;
}

static void on_done(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_DONE, r, why))
        ;
    else if (redis_value_is(r, "MOVED") || redis_value_is(r, "STALE"))
        shared_state_apply(s, redis_value_at(r, 1));
    else if (!redis_value_is(r, "OK") && !redis_value_is(r, "EXPIRED"))
        shared_state_rubbish(s, SCRIPT_DONE);
    shared_state_drop(s);
}

void redis_probe_done(struct shared_state *s, size_t slot, uint64_t epoch, uint64_t token,
                      enum breaker_verdict verdict)
{
    const struct breaker_conf *c = &s->rules[slot].breaker;
    struct redis_args a;

    if (!redis_attach_is_level(s)) {
        s->stats.dropped++;
        return;
    }
    shared_state_args(s, slot, ARGS_MAX, &a);
    redis_args_word(&a, s->router_id);
    redis_args_unsigned(&a, epoch);
    redis_args_unsigned(&a, token);
    redis_args_word(&a, breakers_verdict_name(verdict));
    redis_args_number(&a, c->recovery_ms);
    redis_args_number(&a, c->recovery_max_ms);
    redis_args_number(&a, c->success_threshold);
    redis_args_number(&a, rand_jitter(&s->rand));
    redis_args_word(&a, s->rules[slot].trip_confirm);
    if (shared_state_run(s, SCRIPT_DONE, &a, on_done, s) < 0)
        s->stats.dropped++;
}

/* ---- up and down ---- */

static void give(void *arg)
{
    struct shared_state *s = arg;
    struct breakers_probe_answer a;

    shared_state_hold(s);
    while (!s->freed && breakers_later_take(s->probe->later, &a))
        s->ev.on_probe(s->ev.arg, &a);
    shared_state_drop(s);
}

void redis_probe_open(struct shared_state *s)
{
    s->probe = xcalloc(1, sizeof(*s->probe));
    s->probe->later = breakers_later_new(s->base, give, s);
}

void redis_probe_close(struct shared_state *s)
{
    breakers_later_free(s->probe->later);
    for (struct asked *p = s->probe->asked, *next; p != NULL; p = next) {
        next = p->next;
        free(p);
    }
}

void redis_probe_free(struct shared_state *s)
{
    free(s->probe);
}
