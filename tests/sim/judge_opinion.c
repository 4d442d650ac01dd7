/* judge_opinion.c - invariant 12: routers that see failures cannot keep a slot from those that
 * have seen none, but for the time of one probe each.
 *
 * Its own books say who has a part in the row, whose attempts make up a rate, whose probes
 * failed, and who was overruled.  What they say of one life of the data is forgotten with it,
 * and then less is asked for. */
#include "judge_impl.h"

#include "base/base.h"
#include "redis/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPINION_MS 10000 /* so long a success speaks for the slot */
#define LOST_MS    10000 /* and so long a router lives without a heartbeat */
#define DISSENT_MS 60000 /* an overruled router is not heard for that long, at least */

void judge_opinion_forget(struct judge_slot *k)
{
    memset(&k->opinion, 0, sizeof(k->opinion));
    k->opinion.is_blind = true;
}

static struct judge_teller *teller_of(struct judge_slot *k, const char *id)
{
    struct judge_opinion *o = &k->opinion;

    for (int i = 0; i < o->n; i++)
        if (strcmp(o->tellers[i].id, id) == 0)
            return &o->tellers[i];
    if (o->n == JUDGE_TELLERS_MAX)
        abort();
    judge_copy(o->tellers[o->n].id, sizeof(o->tellers[0].id), id);
    return &o->tellers[o->n++];
}

static void forget_row(struct judge_opinion *o)
{
    for (int i = 0; i < o->n; i++)
        o->tellers[i].in_row = false;
}

void judge_opinion_line(struct judge *j, struct judge_slot *k, const struct state_line *l)
{
    if (l->st == BREAKER_OPEN)
        k->opinion.doubt_until_ms = l->doubt ? l->until_ms : 0;
    else if (l->st == BREAKER_CLOSED)
        k->opinion.doubt_until_ms = 0;
    /* A report's row is needed until it has been looked at. */
    if (judge_is_reset(j) ||
        (l->st != k->was.st && l->st != BREAKER_HALF_OPEN && !judge_is_script(j, "report")))
        forget_row(&k->opinion);
}

/* Somebody who lives and has not seen the slot fail, though others have: of a trip among those
 * that used it shortly before. */
static const char *somebody_else(struct judge *j, const struct judge_opinion *o,
                                 int64_t tripped_ms)
{
    bool seen = false;
    char name[200];

    server_key(name, "routers");
    for (int i = 0; i < o->n; i++)
        seen |= o->tellers[i].doubted;
    for (int i = 0; i < o->n && seen; i++) {
        const struct judge_teller *t = &o->tellers[i];
        bool has_say = tripped_ms == 0 || t->ok_ms > tripped_ms - OPINION_MS;

        if (has_say && !t->doubted &&
            keyspace_score(j->s->data, name, t->id) > (double)(j->now_ms - LOST_MS))
            return t->id;
    }
    return NULL;
}

/* A line that opens the slot: in doubt, as long as somebody else may be able to use it. */
static void check_opening(struct judge *j, struct judge_slot *k, const char *confirm,
                          int64_t tripped_ms)
{
    const char *text = j->lines[j->n_lines - 1];
    const char *other = somebody_else(j, &k->opinion, tripped_ms);
    struct state_line l;

    if (k->opinion.is_blind || !state_line_decode((struct str){text, strlen(text)}, &l))
        return;
    if (strcmp(confirm, "second_opinion") == 0 && other != NULL && !l.doubt)
        judge_fail(j, "invariant 12: %s opened for good, and %s has not failed there", k->name,
                   other);
}

static void check_trip(struct judge *j, struct judge_slot *k)
{
    struct judge_opinion *o = &k->opinion;
    const char *why = judge_data(j, "r:", k->name, "why"); /* the line may say an operator's */
    bool in_row = why != NULL && strstr(why, "_in_a_row") != NULL;
    bool slow = why != NULL && strstr(why, "_slow") != NULL;

    for (int i = 0; i < o->n; i++)
        o->tellers[i].doubted = in_row
                                    ? o->tellers[i].in_row
                                    : (slow ? o->tellers[i].slow_ms : o->tellers[i].rate_ms) >
                                          j->now_ms - j->conf->window_ms;
    o->is_blind = false;
    check_opening(j, k, j->args[18], j->now_ms);
    forget_row(o);
}

static void check_report(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    struct judge_teller *t = teller_of(k, j->args[3]);

    if (!redis_value_is(r, "OK") && !redis_value_is(r, "TRIP"))
        return;
    if (t->local_until_ms > j->now_ms)
        judge_fail(j, "invariant 12: %s was overruled on %s, and counts", t->id, k->name);
    if (judge_number(j->args[5]) > 0) {
        t->ok_ms = j->now_ms;
        forget_row(&k->opinion);
    }
    t->in_row |= judge_number(j->args[8]) > 0;
    t->rate_ms = strcmp(j->args[19], "1") == 0 ? j->now_ms : 0;
    t->slow_ms = strcmp(j->args[20], "1") == 0 ? j->now_ms : 0;
    if (redis_value_is(r, "TRIP") && j->n_lines > 0)
        check_trip(j, k);
}

static void check_probe(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    bool may = strcmp(k->was.forced, "down") != 0 && strcmp(k->was.forced, "drain") != 0;

    if (strcmp(j->args[6], "ask") != 0 || !may || k->opinion.is_blind ||
        k->opinion.doubt_until_ms <= j->now_ms)
        return;
    if (teller_of(k, j->args[2])->doubted && redis_value_is(r, "GRANT"))
        judge_fail(j, "invariant 12: %s judges on its own failures on %s", j->args[2], k->name);
    if (!teller_of(k, j->args[2])->doubted && j->leases == 0 && !redis_value_is(r, "GRANT"))
        judge_fail(j, "invariant 12: the trip of %s is in doubt and %s may not try it", k->name,
                   j->args[2]);
}

static void check_second_opinion(struct judge *j, struct judge_slot *k,
                                 const struct redisReply *r)
{
    struct judge_opinion *o = &k->opinion;
    struct state_line l;

    if (!redis_value_is(r, "MOVED") || j->n_lines == 0 ||
        !state_line_decode((struct str){j->lines[0], strlen(j->lines[0])}, &l) ||
        l.st != BREAKER_CLOSED || l.ramp_ms != 0)
        judge_fail(j, "invariant 12: a second opinion did not bring %s back", k->name);
    for (int i = 0; i < o->n; i++) {
        if (o->tellers[i].doubted)
            o->tellers[i].local_until_ms = j->now_ms + DISSENT_MS;
        o->tellers[i].doubted = false;
    }
}

static void check_done(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    struct judge_opinion *o = &k->opinion;

    if (!j->lease_lives || (!redis_value_is(r, "MOVED") && !j->settles))
        return;
    if (strcmp(j->args[5], "ok") == 0 && j->settles && j->tripped_ms > 0)
        check_second_opinion(j, k, r);
    if (strcmp(j->args[5], "fail") != 0 || j->n_lines == 0)
        return;
    for (int i = 0; i < o->n && !j->settles; i++)
        o->tellers[i].doubted = false;
    o->is_blind &= j->settles;
    teller_of(k, j->args[2])->doubted = true;
    check_opening(j, k, j->args[10], j->settles ? j->tripped_ms : 0);
}

/* Who lives is heard of with its first words. */
static void note_router(struct judge *j)
{
    const char *id = judge_is_script(j, "attach")                                   ? j->args[0]
                     : judge_is_script(j, "sync") || judge_is_script(j, "reassert") ? j->args[1]
                                                                                    : NULL;

    for (int i = 0; id != NULL && i < j->n_slots; i++)
        teller_of(&j->slots[i], id);
}

void judge_opinion_after(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    if (k == NULL)
        note_router(j);
    if (k == NULL || strcmp(j->args[0], j->gen) != 0)
        return;
    if (judge_is_script(j, "report"))
        check_report(j, k, r);
    else if (judge_is_script(j, "probe"))
        check_probe(j, k, r);
    else if (judge_is_script(j, "done"))
        check_done(j, k, r);
}
