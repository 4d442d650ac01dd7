/* judge.c - the invariants; judge.h names them.
 *
 * What it compares comes from outside the code under test: the data before and after each
 * script, the lines that were published meanwhile, and its own books of which attempts began
 * and which probes succeeded. */
#include "judge_impl.h"

#include "base/base.h"
#include "redis/value.h"
#include "shared/state_line.h"
#include "vtime.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIM_MAX_MS    600000
#define LEAP_MS       10000 /* the fleet's time follows no longer step forward */
#define SCRIPT_ERRORS "a script failed: "

struct judge *judge_new(struct server *s, const struct breaker_conf *conf, int64_t lease_ms,
                        const char *const *slots, int n_slots, bool verbose)
{
    struct judge *j = xcalloc(1, sizeof(*j));

    j->s = s;
    j->conf = conf;
    j->lease_ms = lease_ms;
    j->verbose = verbose;
    j->n_slots = n_slots;
    for (int i = 0; i < n_slots; i++)
        snprintf(j->slots[i].name, sizeof(j->slots[i].name), "%s", slots[i]);
    j->begun = xcalloc(JUDGE_BEGUN_MAX, sizeof(j->begun[0]));
    return j;
}

static void forget_lines(struct judge *j)
{
    while (j->n_lines > 0)
        free(j->lines[--j->n_lines]);
}

void judge_free(struct judge *j)
{
    if (j == NULL)
        return;
    forget_lines(j);
    free(j->begun);
    free(j);
}

const char *judge_verdict(const struct judge *j)
{
    return j->verdict[0] != '\0' ? j->verdict : NULL;
}

uint64_t judge_digest(const struct judge *j)
{
    return j->digest;
}

void judge_fail(struct judge *j, const char *fmt, ...)
{
    va_list ap;

    if (j->verdict[0] != '\0')
        return;
    va_start(ap, fmt);
    vsnprintf(j->verdict, sizeof(j->verdict), fmt, ap);
    va_end(ap);
    judge_say(j, "BROKEN %s", j->verdict);
}

void judge_say(struct judge *j, const char *fmt, ...)
{
    va_list ap;

    if (!j->verbose)
        return;
    printf("%9.3f ", (double)vtime_us() / 1e6);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
}

/* ---- the data ---- */

const char *judge_data(struct judge *j, const char *kind, const char *slot, const char *field)
{
    char suffix[160], name[200];

    snprintf(suffix, sizeof(suffix), "%s%s", kind, slot);
    return keyspace_field(j->s->data, server_key(name, suffix), field);
}

int64_t judge_number(const char *s)
{
    return s != NULL ? strtoll(s, NULL, 10) : 0;
}

void judge_copy(char *to, size_t cap, const char *s)
{
    snprintf(to, cap, "%s", s != NULL ? s : "");
}

static uint64_t digest_of(struct judge *j, const char *kind, const char *slot)
{
    char suffix[160], name[200];

    snprintf(suffix, sizeof(suffix), "%s%s", kind, slot);
    return keyspace_digest(j->s->data, server_key(name, suffix));
}

struct judge_state judge_read_state(struct judge *j, const char *slot)
{
    struct judge_state s = {.ep = 1};
    const char *st = judge_data(j, "r:", slot, "st");

    for (int i = 0; st != NULL && i < N_BREAKER_STATES; i++)
        if (strcmp(st, breaker_state_name((enum breaker_state)i)) == 0)
            s.st = (enum breaker_state)i;
    if (judge_data(j, "r:", slot, "ep") != NULL)
        s.ep = (uint64_t)judge_number(judge_data(j, "r:", slot, "ep"));
    s.v = (uint64_t)judge_number(judge_data(j, "r:", slot, "v"));
    s.until_ms = judge_number(judge_data(j, "r:", slot, "until"));
    s.lim_ms = judge_number(judge_data(j, "r:", slot, "lim"));
    judge_copy(s.forced, sizeof(s.forced), judge_data(j, "r:", slot, "forced"));
    if (s.forced[0] == '\0')
        judge_copy(s.forced, sizeof(s.forced), "auto");
    if (judge_data(j, "r:", slot, KEYSPACE_DAMAGED) != NULL) { /* the rest is not believed */
        s.st = BREAKER_CLOSED;
        s.ep = 1;
        judge_copy(s.forced, sizeof(s.forced), "auto");
    }
    judge_copy(s.hard, sizeof(s.hard), judge_data(j, "r:", slot, "hard"));
    judge_copy(s.n, sizeof(s.n), judge_data(j, "r:", slot, "n"));
    judge_copy(s.succ, sizeof(s.succ), judge_data(j, "r:", slot, "succ"));
    s.window = digest_of(j, "w:", slot);
    s.leases = digest_of(j, "p:", slot);
    return s;
}

static void read_meta(struct judge *j)
{
    judge_copy(j->gen, sizeof(j->gen), judge_data(j, "meta", "", "gen"));
    j->ver = (uint64_t)judge_number(judge_data(j, "meta", "", "ver"));
    j->now_ms = judge_number(judge_data(j, "meta", "", "last"));
}

static int find_slot(const struct judge *j, const char *name)
{
    for (int i = 0; i < j->n_slots; i++)
        if (strcmp(j->slots[i].name, name) == 0)
            return i;
    return -1;
}

bool judge_is_script(const struct judge *j, const char *name)
{
    return strcmp(j->script, name) == 0;
}

bool judge_is_reset(const struct judge *j)
{
    return judge_is_script(j, "force") && j->n_args > 8 && strcmp(j->args[8], "reset") == 0;
}

/* ---- before ---- */

void judge_before(struct judge *j, const char *script, int n_args, const char *const *args,
                  bool again)
{
    char suffix[160], name[200], member[160];

    j->script = script;
    j->args = args;
    j->n_args = n_args;
    j->again = again;
    j->slot = n_args > 1 ? find_slot(j, args[1]) : -1;
    forget_lines(j);
    read_meta(j);
    for (int i = 0; i < j->n_slots; i++)
        j->slots[i].was = judge_read_state(j, j->slots[i].name);
    int64_t now_ms =
        server_wall_ms(j->s) + judge_number(judge_data(j, "meta", "", "off")); /* as theirs */

    bool leaps = j->now_ms > 0 && now_ms > j->now_ms + LEAP_MS &&
                 keyspace_score_max(j->s->data, server_key(name, "routers")) >
                     (double)j->now_ms - LEAP_MS;

    now_ms = now_ms > j->now_ms && !leaps ? now_ms : j->now_ms;
    j->lease_lives = j->settles = false;
    if (j->slot >= 0) {
        snprintf(suffix, sizeof(suffix), "p:%s", args[1]);
        j->leases = keyspace_count_above(j->s->data, server_key(name, suffix), (double)now_ms);
    }
    if (judge_is_script(j, "done") && j->slot >= 0) {
        snprintf(member, sizeof(member), "%s:%s", args[2], args[4]);
        j->lease_lives =
            keyspace_score(j->s->data, server_key(name, suffix), member) > (double)now_ms;
        const char *settling = judge_data(j, "r:", args[1], "dtok");

        j->settles = settling != NULL && strcmp(settling, member) == 0;
        j->tripped_ms = judge_number(judge_data(j, "r:", args[1], "tripped"));
    }
}

void judge_publish(struct judge *j, const char *line)
{
    for (const char *c = line; *c != '\0'; c++)
        j->digest = (j->digest ^ (unsigned char)*c) * UINT64_C(1099511628211);
    judge_say(j, "%s %s", j->script != NULL ? j->script : "?", line);
    if (j->n_lines == JUDGE_LINES_MAX)
        judge_fail(j, "invariant 5: a script published more than %d lines", JUDGE_LINES_MAX);
    else
        j->lines[j->n_lines++] = xstrdup(line);
}

/* ---- after: the lines ---- */

static void check_closing(struct judge *j, struct judge_slot *k)
{
    int enough = j->conf->success_threshold;
    bool probes = judge_is_script(j, "done") && strcmp(j->args[5], "ok") == 0 &&
                  j->lease_lives && (k->succ + 1 >= enough || j->settles);

    if (k->was.st == BREAKER_HALF_OPEN && probes)
        return;
    if (judge_is_reset(j))
        return;
    if (judge_is_script(j, "reassert"))
        return;
    judge_fail(j, "invariant 4: %s closed by %s after %d successes, of %d", k->name, j->script,
               k->succ, enough);
}

static void note_opening(struct judge *j, struct judge_slot *k, const struct state_line *l)
{
    bool reopened = judge_is_script(j, "report") || judge_is_script(j, "done");

    k->is_timed = l->st == BREAKER_OPEN && reopened;
    k->opened_us = vtime_us();
    k->opened_forward_ms = j->s->forward_ms;
    k->open_ms = l->until_ms - l->now_ms;
}

/* The open time is over in the data's time; short steps forward are the only excuse, and a probe
 * that settles a doubt. */
static void check_half_open(struct judge *j, const struct judge_slot *k)
{
    int64_t passed_ms = (vtime_us() - k->opened_us) / 1000 + 1;
    const char *why = judge_data(j, "r:", k->name, "why");
    bool settles = why != NULL && strcmp(why, "second_opinion") == 0;

    if (k->is_timed && !settles &&
        passed_ms + j->s->forward_ms - k->opened_forward_ms < k->open_ms)
        judge_fail(j, "invariant 9: %s is half-open after %lld of %lld ms", k->name,
                   (long long)passed_ms, (long long)k->open_ms);
}

static void check_caps(struct judge *j, const struct judge_slot *k, const struct state_line *l,
                       bool same_gen)
{
    if (l->st == BREAKER_OPEN && l->until_ms - l->now_ms > j->conf->recovery_max_ms)
        judge_fail(j, "invariant 7: %s is open for %lld ms", k->name,
                   (long long)(l->until_ms - l->now_ms));
    if (l->lim_ms - l->now_ms > LIM_MAX_MS)
        judge_fail(j, "invariant 7: %s cools too long", k->name);
    if (same_gen && k->was.lim_ms > l->now_ms && l->lim_ms < k->was.lim_ms)
        judge_fail(j, "invariant 7: the cool-down of %s became shorter", k->name);
    if (same_gen && l->now_ms < j->now_ms)
        judge_fail(j, "invariant 9: the fleet's time ran back");
}

static void check_line(struct judge *j, const char *text, const char *gen, uint64_t *ver)
{
    struct state_line l;

    if (!state_line_decode((struct str){text, strlen(text)}, &l)) {
        judge_fail(j, "invariant 7: nobody can read '%s'", text);
        return;
    }
    int i = find_slot(j, l.slot);

    if (i < 0 || strcmp(l.gen, gen) != 0) {
        judge_fail(j, "invariant 5: a line of another slot or generation: %s", text);
        return;
    }
    struct judge_slot *k = &j->slots[i];
    bool cools = (judge_is_script(j, "cool") || judge_is_script(j, "reassert")) &&
                 l.st == k->was.st && strcmp(view_forced_name(l.forced), k->was.forced) == 0 &&
                 l.ep == k->was.ep;
    bool same_gen = strcmp(gen, j->gen) == 0;

    if (l.ver != ++*ver)
        judge_fail(j, "invariant 5: version %llu came after %llu", (unsigned long long)l.ver,
                   (unsigned long long)*ver - 1);
    if (l.ep != k->was.ep + (cools ? 0 : 1))
        judge_fail(j, "invariant 5: %s went from epoch %llu to %llu", k->name,
                   (unsigned long long)k->was.ep, (unsigned long long)l.ep);
    check_caps(j, k, &l, same_gen);
    if (l.st == BREAKER_CLOSED && k->was.st != BREAKER_CLOSED)
        check_closing(j, k);
    if (l.st == BREAKER_HALF_OPEN && k->was.st == BREAKER_OPEN)
        check_half_open(j, k);
    if (l.st != k->was.st || judge_is_script(j, "done"))
        note_opening(j, k, &l);
    judge_opinion_line(j, k, &l);
    if (!cools)
        k->succ = 0;
    k->was.st = l.st;
    k->was.ep = l.ep;
    k->was.v = l.ver;
    k->was.lim_ms = l.lim_ms > k->was.lim_ms ? l.lim_ms : k->was.lim_ms;
    judge_copy(k->was.forced, sizeof(k->was.forced), view_forced_name(l.forced));
}

/* ---- after: the rest ---- */

/* Is the call's evidence of this generation and epoch, and of a state that takes it? */
static bool is_current(const struct judge *j, const struct judge_state *before, int ep_arg,
                       enum breaker_state st)
{
    return strcmp(j->args[0], j->gen) == 0 &&
           (uint64_t)judge_number(j->args[ep_arg]) == before->ep && before->st == st;
}

static bool counts_equal(const struct judge_state *a, const struct judge_state *b)
{
    return strcmp(a->hard, b->hard) == 0 && strcmp(a->n, b->n) == 0 &&
           strcmp(a->succ, b->succ) == 0;
}

struct judge_begun *judge_begun_of(struct judge *j, int router, int slot, const char *gen,
                                   uint64_t ep)
{
    for (int i = j->n_begun - 1; i >= 0; i--) {
        struct judge_begun *b = &j->begun[i];

        if (b->router == router && b->slot == slot && b->ep == ep && strcmp(b->gen, gen) == 0)
            return b;
    }
    return NULL;
}

static void check_report(struct judge *j, const struct judge_state *before,
                         const struct judge_state *now, const struct redisReply *r)
{
    bool current = is_current(j, before, 2, BREAKER_CLOSED);
    const char *name = j->slots[j->slot].name;

    if (!current && (!counts_equal(before, now) || before->window != now->window) &&
        now->ep == before->ep)
        judge_fail(j, "invariant 2: a report of epoch %s changed %s in epoch %llu", j->args[2],
                   name, (unsigned long long)before->ep);
    if (!redis_value_is(r, "OK") && !redis_value_is(r, "TRIP"))
        return;
    int router = j->args[3][1] - '0'; /* r0.1: the first router's first life */
    struct judge_begun *b =
        judge_begun_of(j, router, j->slot, j->args[0], (uint64_t)judge_number(j->args[2]));
    int n = (int)(judge_number(j->args[5]) + judge_number(j->args[6]));

    if (n == 0)
        return;
    if (!current)
        judge_fail(j, "invariant 2: a report of another epoch counted on %s", name);
    if (b != NULL)
        b->counted += n;
    if (b == NULL || b->counted > b->begun)
        judge_fail(j, "invariant 2: %s counted for %s in epoch %s what never began", name,
                   j->args[3], j->args[2]);
}

static void check_done(struct judge *j, const struct judge_state *before,
                       const struct judge_state *now, const struct redisReply *r)
{
    struct judge_slot *k = &j->slots[j->slot];
    bool current = is_current(j, before, 3, BREAKER_HALF_OPEN);

    if ((!current || !j->lease_lives) && now->ep == before->ep &&
        (!counts_equal(before, now) || before->leases != now->leases))
        judge_fail(j, "invariant 2: an outcome without a lease changed %s", k->name);
    if (strcmp(j->args[5], "abandon") == 0 && current && j->lease_lives &&
        now->ep == before->ep && (!counts_equal(before, now) || before->leases == now->leases))
        judge_fail(j, "invariant 13: an abandoned probe changed %s, or kept its slot", k->name);
    if (strcmp(j->args[5], "abandon") == 0 && now->st != before->st)
        judge_fail(j, "invariant 13: an abandoned probe moved %s", k->name);
    if (strcmp(j->args[5], "ok") == 0 && redis_value_is(r, "OK"))
        k->succ++;
}

static void check_leases(struct judge *j, const struct judge_slot *k)
{
    char suffix[160], name[200];

    snprintf(suffix, sizeof(suffix), "p:%s", k->name);
    server_key(name, suffix);
    int n = keyspace_count_above(j->s->data, name, (double)j->now_ms);

    if (j->gen[0] == '\0')
        return; /* no life of the data, no time */
    if (n > j->conf->half_open_max_calls)
        judge_fail(j, "invariant 3: %d leases live on %s", n, k->name);
    if (keyspace_score_max(j->s->data, name) > (double)(j->now_ms + j->lease_ms))
        judge_fail(j, "invariant 7: a lease on %s ends too late", k->name);
}

void judge_after(struct judge *j, const struct redisReply *r)
{
    struct judge_state before[JUDGE_SLOTS_MAX];
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver = j->ver;

    judge_copy(gen, sizeof(gen), judge_data(j, "meta", "", "gen"));
    if (strcmp(gen, j->gen) != 0)
        ver = 0;
    for (int i = 0; i < j->n_slots; i++)
        before[i] = j->slots[i].was;
    for (int i = 0; i < j->n_lines; i++)
        check_line(j, j->lines[i], gen, &ver);
    if (j->again && j->n_lines > 0)
        judge_fail(j, "invariant 11: %s published when it came again", j->script);
    char old_gen[VIEW_GEN_MAX + 1];

    judge_copy(old_gen, sizeof(old_gen), j->gen);
    if (j->slot >= 0) {
        struct judge_state now = judge_read_state(j, j->slots[j->slot].name);

        if (judge_is_script(j, "report"))
            check_report(j, &before[j->slot], &now, r);
        else if (judge_is_script(j, "done"))
            check_done(j, &before[j->slot], &now, r);
        if (j->again &&
            (!counts_equal(&before[j->slot], &now) || before[j->slot].window != now.window ||
             before[j->slot].leases != now.leases))
            judge_fail(j, "invariant 11: %s had an effect when it came again", j->script);
    }
    read_meta(j);
    if (j->ver != ver)
        judge_fail(j, "invariant 5: the fleet is at version %llu, its lines at %llu",
                   (unsigned long long)j->ver, (unsigned long long)ver);
    for (int i = 0; i < j->n_slots; i++) {
        struct judge_slot *k = &j->slots[i];
        struct judge_state now = judge_read_state(j, k->name);

        if (now.st != k->was.st || now.ep != k->was.ep ||
            strcmp(now.forced, k->was.forced) != 0)
            judge_fail(j, "invariant 5: %s changed %s and nobody was told", j->script, k->name);
        check_leases(j, k);
    }
    if (r != NULL && r->type == REDIS_REPLY_ERROR)
        judge_fail(j, SCRIPT_ERRORS "%s", r->str);
    if (strcmp(old_gen, j->gen) != 0) {
        judge_say(j, "generation %s after %s", j->gen, old_gen);
        for (int i = 0; i < j->n_slots; i++) {
            j->slots[i].is_timed = false;
            judge_opinion_forget(&j->slots[i]);
        }
    } else {
        judge_opinion_after(j, j->slot >= 0 ? &j->slots[j->slot] : NULL, r);
    }
    j->script = NULL;
}
