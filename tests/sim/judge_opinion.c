/* judge_opinion.c - invariant 12: one router that alone reports failures cannot keep a slot from
 * those that can use it.
 *
 * Its own books say who succeeded, who has a part in the row, and who was overruled.  What they
 * say of one life of the data is forgotten with it, and then less is asked for. */
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

/* Somebody who lives, has no part in the row and used the slot of late. */
static const char *somebody_else(struct judge *j, const struct judge_opinion *o)
{
    char name[200];

    server_key(name, "routers");
    for (int i = 0; i < o->n; i++) {
        const struct judge_teller *t = &o->tellers[i];
        double seen = keyspace_score(j->s->data, name, t->id);

        if (!t->in_row && t->ok_ms > j->now_ms - OPINION_MS &&
            seen > (double)(j->now_ms - LOST_MS))
            return t->id;
    }
    return NULL;
}

static void check_trip(struct judge *j, struct judge_slot *k)
{
    struct judge_opinion *o = &k->opinion;
    const char *text = j->lines[j->n_lines - 1], *other;
    struct state_line l;

    if (!state_line_decode((struct str){text, strlen(text)}, &l))
        return;
    bool in_row =
        strstr(l.why, "_in_a_row") != NULL && strcmp(j->args[18], "second_opinion") == 0;

    other = somebody_else(j, o);
    if (in_row && other != NULL && !l.doubt)
        judge_fail(j, "invariant 12: %s tripped %s for good although %s can use it", j->args[3],
                   k->name, other);
    for (int i = 0; i < o->n && l.doubt; i++)
        o->tellers[i].doubted = o->tellers[i].in_row;
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
    if (!redis_value_is(r, "TRIP") || j->n_lines == 0 || j->n_args < 19)
        return;
    t->in_row = true;
    check_trip(j, k);
}

static void check_probe(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    bool may = strcmp(k->was.forced, "down") != 0 && strcmp(k->was.forced, "drain") != 0;

    if (strcmp(j->args[6], "ask") != 0 || !may || k->opinion.doubt_until_ms <= j->now_ms)
        return;
    if (teller_of(k, j->args[2])->doubted && redis_value_is(r, "GRANT"))
        judge_fail(j, "invariant 12: %s judges on its own failures on %s", j->args[2], k->name);
    if (!teller_of(k, j->args[2])->doubted && j->leases == 0 && !redis_value_is(r, "GRANT"))
        judge_fail(j, "invariant 12: the trip of %s is in doubt and %s may not try it", k->name,
                   j->args[2]);
}

static void check_done(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    struct judge_opinion *o = &k->opinion;
    struct state_line l;

    if (!j->settles || !j->lease_lives || strcmp(j->args[5], "ok") != 0)
        return;
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

void judge_opinion_after(struct judge *j, struct judge_slot *k, const struct redisReply *r)
{
    if (strcmp(j->args[0], j->gen) != 0)
        return;
    if (judge_is_script(j, "report"))
        check_report(j, k, r);
    else if (judge_is_script(j, "probe"))
        check_probe(j, k, r);
    else if (judge_is_script(j, "done"))
        check_done(j, k, r);
}
