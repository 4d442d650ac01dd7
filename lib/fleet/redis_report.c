/* redis_report.c - evidence, probes, cooling and averages on their way to the fleet's scripts.
 */
#include "fleet/shared_state_parts.h"

#include "base/clock.h"
#include "redis/value.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>

#define FORCED_WAIT_MS 1000    /* when to ask again while an operator keeps the slot down */
#define ALONE_MAX_MS   3600000 /* DISSENT_MAX of lua/done.lua */
#define FAILED_WAIT_MS 100     /* and when Redis did not answer */
#define ARGS_MAX       20
#define NUMBER_BYTES   24
#define PER_SLOT       7 /* words of the averages */

/* The arguments of one script: words are borrowed, numbers written here. */
struct args {
    const char *v[ARGS_MAX];
    char numbers[ARGS_MAX][NUMBER_BYTES];
    size_t n;
};

static void add_word(struct args *a, const char *word)
{
    a->v[a->n++] = word;
}

static void add_number(struct args *a, int64_t n)
{
    snprintf(a->numbers[a->n], NUMBER_BYTES, "%lld", (long long)n);
    add_word(a, a->numbers[a->n]);
}

static void add_start(struct args *a, struct shared_state *s, size_t slot)
{
    a->n = 0;
    add_word(a, view_gen(s->view));
    add_word(a, view_get(s->view, slot)->name);
}

/* ---- evidence ---- */

static bool take_alone(struct shared_state *s, const struct redisReply *r)
{
    int slot = view_find(s->view, redis_value_text(redis_value_at(r, 2)));
    int64_t ms;

    if (!redis_value_is(r, "ALONE") || !redis_value_number(redis_value_at(r, 1), &ms) ||
        slot < 0)
        return false;
    if (s->ev.on_alone != NULL)
        s->ev.on_alone(s->ev.arg, (size_t)slot, ms < ALONE_MAX_MS ? ms : ALONE_MAX_MS);
    return true;
}

static void on_report(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_REPORT, r, why))
        ;
    else if (redis_value_is(r, "STALE") || redis_value_is(r, "TRIP"))
        shared_state_apply(s, redis_value_at(r, 1));
    else if (!redis_value_is(r, "OK") && !redis_value_is(r, "DUP") && !take_alone(s, r))
        shared_state_rubbish(s, SCRIPT_REPORT);
    shared_state_drop(s);
}

static void note_evidence(struct shared_state *s, const struct evidence_item *item)
{
    struct shared_state_doubt *d = &s->doubts[item->slot];

    if (item->evidence.ok > 0 || item->epoch != d->epoch)
        *d = (struct shared_state_doubt){.epoch = item->epoch};
    if (item->evidence.hard_since_ok > 0)
        d->failed = true;
}

static void send_report(struct shared_state *s, const struct evidence_item *item)
{
    const struct breaker_evidence *e = &item->evidence;
    const struct breaker_conf *c = &s->rules[item->slot].breaker;
    struct args a;

    note_evidence(s, item);
    add_start(&a, s, item->slot);
    add_number(&a, (int64_t)item->epoch);
    add_word(&a, s->router_id);
    add_number(&a, (int64_t)++s->seq);
    add_number(&a, e->ok);
    add_number(&a, e->fail);
    add_number(&a, e->slow);
    add_number(&a, e->hard_since_ok);
    add_number(&a, c->failure_threshold);
    add_number(&a, c->failure_rate);
    add_number(&a, c->minimum_requests);
    add_number(&a, c->slow_rate);
    add_number(&a, c->window_ms);
    add_number(&a, c->recovery_ms);
    add_number(&a, c->recovery_max_ms);
    add_number(&a, c->forgive_ms);
    add_number(&a, rand_jitter(&s->rand));
    add_word(&a, s->rules[item->slot].trip_confirm);
    if (shared_state_run(s, SCRIPT_REPORT, a.v, a.n, on_report, s) < 0)
        s->stats.dropped += (uint64_t)(e->ok + e->fail);
}

/* A failure of ours may have been part of a row that another router has overruled since.  Only
 * Redis knows; an empty report asks. */
void redis_report_note_doubt(struct shared_state *s, size_t slot)
{
    struct shared_state_doubt *d = &s->doubts[slot];
    const struct view_slot *k = view_get(s->view, slot);

    if (!d->failed || k->ep <= d->epoch)
        return;
    if (k->st == BREAKER_OPEN) {
        d->doubted = k->doubt;
    } else if (k->st == BREAKER_CLOSED) {
        if (d->doubted && s->phase == PHASE_ATTACHED && !s->freed)
            send_report(s, &(struct evidence_item){.slot = slot, .epoch = k->ep});
        *d = (struct shared_state_doubt){0};
    }
}

static void plan_flush(struct shared_state *s)
{
    int64_t due_ms = evidence_due_ms(s->batch);

    if (due_ms >= 0 && s->phase == PHASE_ATTACHED)
        redis_attach_arm(s, s->flush, due_ms - clock_mono_ms());
}

void redis_report_flush(struct shared_state *s)
{
    struct evidence_item item;

    if (s->phase != PHASE_ATTACHED)
        return; /* attaching sends what is left, being away drops it */
    while (evidence_take(s->batch, clock_mono_ms(), &item))
        send_report(s, &item);
    plan_flush(s);
}

void redis_report_add(struct shared_state *s, size_t slot, uint64_t epoch,
                      enum breakers_evidence what, bool slow)
{
    struct evidence_item displaced;
    int64_t was_ms = evidence_due_ms(s->batch);

    if (s->mode != MODE_ATTACHED) {
        s->stats.dropped++;
        return;
    }
    switch (evidence_add(s->batch, slot, epoch, what == BREAKERS_FAIL, slow, clock_mono_ms(),
                         &displaced)) {
    case EVIDENCE_DISPLACED:
        if (s->phase == PHASE_ATTACHED)
            send_report(s, &displaced);
        else
            s->stats.dropped += (uint64_t)(displaced.evidence.ok + displaced.evidence.fail);
        break;
    case EVIDENCE_LATE:
        s->stats.dropped++;
        break;
    case EVIDENCE_QUEUED:
        break;
    }
    if (evidence_due_ms(s->batch) != was_ms)
        plan_flush(s);
}

/* ---- probes ---- */

/* Unlinks and frees p; the answer goes to the owner, here and now: we are in the loop. */
static void answer(struct shared_state_probe_asked *p, enum breaker_grant grant, int64_t epoch,
                   int64_t wait_ms)
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

static bool answer_from(struct shared_state_probe_asked *p, const struct redisReply *r)
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
    struct shared_state_probe_asked *p = arg;
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
    char name[NUMBER_BYTES];
    struct args a;

    snprintf(name, sizeof(name), "%llu", (unsigned long long)token);
    add_start(&a, s, slot);
    add_word(&a, s->router_id);
    add_word(&a, name);
    add_number(&a, s->rules[slot].probe_lease_ms);
    add_number(&a, s->rules[slot].breaker.half_open_max_calls);
    add_word(&a, how);
    return shared_state_run(s, SCRIPT_PROBE, a.v, a.n, cb, arg);
}

void redis_report_probe(struct shared_state *s, size_t slot, uint64_t token)
{
    struct shared_state_probe_asked *p = xcalloc(1, sizeof(*p));

    p->s = s;
    p->slot = slot;
    p->token = token;
    if (s->phase == PHASE_ATTACHED && send_probe(s, slot, token, "ask", on_probe, p) == 0) {
        p->next = s->probes;
        p->at = &s->probes;
        if (p->next != NULL)
            p->next->at = &p->next;
        s->probes = p;
        return;
    }
    free(p);
    breakers_later_answer(s->later, &(struct breakers_probe_answer){.slot = slot,
                                                                    .token = token,
                                                                    .grant = BREAKER_BUSY,
                                                                    .wait_ms = FAILED_WAIT_MS});
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

void redis_report_probe_renew(struct shared_state *s, size_t slot, uint64_t token)
{
    /* Not sent: the lease ends by itself, which is what leases are for. */
    if (s->phase == PHASE_ATTACHED && send_probe(s, slot, token, "renew", on_renew, s) < 0)
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

void redis_report_done(struct shared_state *s, size_t slot, uint64_t epoch, uint64_t token,
                       enum breaker_verdict verdict)
{
    const struct breaker_conf *c = &s->rules[slot].breaker;
    char name[NUMBER_BYTES];
    struct args a;

    snprintf(name, sizeof(name), "%llu", (unsigned long long)token);
    add_start(&a, s, slot);
    add_word(&a, s->router_id);
    add_number(&a, (int64_t)epoch);
    add_word(&a, name);
    add_word(&a, breakers_verdict_name(verdict));
    add_number(&a, c->recovery_ms);
    add_number(&a, c->recovery_max_ms);
    add_number(&a, c->success_threshold);
    add_number(&a, rand_jitter(&s->rand));
    if (s->phase != PHASE_ATTACHED ||
        shared_state_run(s, SCRIPT_DONE, a.v, a.n, on_done, s) < 0)
        s->stats.dropped++;
}

/* ---- cooling ---- */

static void on_cool(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_COOL, r, why))
        ;
    else if (redis_value_is(r, "OK"))
        shared_state_apply(s, redis_value_at(r, 1));
    else if (!redis_value_is(r, "NOTED"))
        shared_state_rubbish(s, SCRIPT_COOL);
    shared_state_drop(s);
}

void redis_report_cool(struct shared_state *s, size_t slot, int64_t for_ms,
                       enum breakers_cool why)
{
    struct args a;

    add_start(&a, s, slot);
    add_word(&a, s->router_id);
    add_number(&a, for_ms);
    add_word(&a, breakers_cool_name(why));
    if (s->phase != PHASE_ATTACHED ||
        shared_state_run(s, SCRIPT_COOL, a.v, a.n, on_cool, s) < 0)
        s->stats.dropped++;
}

/* ---- averages: how the slots do for this router, and for the fleet ---- */

static int64_t number_or_none(const struct redisReply *r)
{
    int64_t n;

    return redis_value_number(r, &n) ? n : -1;
}

static void on_shared(void *arg, const struct redisReply *r, const char *why)
{
    struct shared_state *s = arg;

    shared_state_hold(s);
    if (!shared_state_usable(s, SCRIPT_SHARE, r, why)) {
        shared_state_drop(s);
        return;
    }
    if (!redis_value_is(r, "OK") || redis_value_count(r) != s->n_shared + 1)
        shared_state_rubbish(s, SCRIPT_SHARE);
    else
        for (size_t i = 0; i < s->n_shared && !s->freed; i++) {
            const struct redisReply *row = redis_value_at(r, i + 1);
            int64_t health = number_or_none(redis_value_at(row, 2));
            struct shared_state_measured m = {
                .first_us = number_or_none(redis_value_at(row, 0)),
                .total_us = number_or_none(redis_value_at(row, 1)),
                .health = health <= 100 ? (int)health : -1,
                .inflight = number_or_none(redis_value_at(row, 3))};

            if (s->ev.on_share != NULL)
                s->ev.on_share(s->ev.arg, i, &m);
        }
    shared_state_drop(s);
}

void redis_report_averages(struct shared_state *s, const struct shared_state_measure *of,
                           size_t slots)
{
    size_t n = 2;
    const char **args;
    char(*numbers)[NUMBER_BYTES];

    if (s->phase != PHASE_ATTACHED)
        return;
    s->n_shared = slots;
    args = xcalloc(2 + slots * PER_SLOT, sizeof(*args));
    numbers = xcalloc(slots * PER_SLOT, sizeof(*numbers));
    args[0] = view_gen(s->view);
    args[1] = s->router_id;
    for (size_t i = 0; i < slots; i++) {
        const int64_t row[] = {of[i].first_us, of[i].total_us, of[i].weight,
                               of[i].inflight, of[i].health,   of[i].health_weight};

        args[n++] = view_get(s->view, i)->name;
        for (size_t k = 0; k < ARRAY_LEN(row); k++, n++) {
            snprintf(numbers[n - 2], NUMBER_BYTES, "%lld", (long long)row[k]);
            args[n] = numbers[n - 2];
        }
    }
    if (shared_state_run(s, SCRIPT_SHARE, args, n, on_shared, s) < 0)
        s->stats.dropped++;
    free(args);
    free(numbers);
}
