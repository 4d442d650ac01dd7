/* judge_router.c - what routers do and see, and what must hold in the end. */
#include "base/base.h"
#include "judge_impl.h"
#include "vtime.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void judge_begin(struct judge *j, int router, int slot, const char *gen, uint64_t epoch)
{
    struct judge_begun *b = judge_begun_of(j, router, slot, gen, epoch);

    if (b == NULL) {
        if (j->n_begun == JUDGE_BEGUN_MAX) {
            memmove(j->begun, j->begun + JUDGE_BEGUN_MAX / 2,
                    JUDGE_BEGUN_MAX / 2 * sizeof(j->begun[0]));
            j->n_begun = JUDGE_BEGUN_MAX / 2;
        }
        b = &j->begun[j->n_begun++];
        *b = (struct judge_begun){.router = router, .slot = slot, .ep = epoch};
        judge_copy(b->gen, sizeof(b->gen), gen);
    }
    b->begun++;
}

void judge_router(struct judge *j, int router)
{
    memset(&j->seen[router], 0, sizeof(j->seen[router]));
}

void judge_view(struct judge *j, int router, const struct shared_state *s)
{
    struct judge_seen *was = &j->seen[router];
    const char *gen = judge_data(j, "meta", "", "gen");
    bool same = strcmp(was->gen, shared_state_gen(s)) == 0 && was->gen[0] != '\0';

    if (gen != NULL && strcmp(gen, shared_state_gen(s)) == 0)
        was->excused = false;
    if (same && shared_state_ver(s) < was->ver)
        judge_fail(j, "invariant 1: router %d went back to version %llu", router,
                   (unsigned long long)shared_state_ver(s));
    for (int i = 0; i < j->n_slots; i++) {
        const struct view_slot *k = shared_state_get(s, (size_t)i);

        if (same && (k->ver < was->slot_ver[i] || k->ep < was->slot_ep[i]))
            judge_fail(j, "invariant 1: router %d went back to epoch %llu of %s", router,
                       (unsigned long long)k->ep, k->name);
        was->slot_ver[i] = k->ver;
        was->slot_ep[i] = k->ep;
        if (!was->excused && j->slots[i].word[0] != '\0' &&
            strcmp(k->why, j->slots[i].why) == 0)
            was->knows[i] = true;
    }
    was->ver = shared_state_ver(s);
    judge_copy(was->gen, sizeof(was->gen), shared_state_gen(s));
}

void judge_await(struct judge *j, int router, const struct delivery *d, uint64_t ver)
{
    struct judge_seen *s = &j->seen[router];

    if (!d->subscribed || !d->has_base || ver <= d->pushed || s->unheard != 0)
        return;
    s->unheard = ver;
    s->subscription = d->number;
    s->unheard_us = vtime_us();
}

void judge_delivery(struct judge *j, int router, const struct delivery *d, bool excused,
                    int64_t limit_us)
{
    struct judge_seen *s = &j->seen[router];

    if (s->unheard == 0)
        return;
    if (!d->subscribed || d->number != s->subscription || d->pushed >= s->unheard)
        s->unheard = 0; /* replaced, or it came */
    else if (excused)
        s->unheard_us = vtime_us();
    else if (vtime_us() - s->unheard_us > limit_us)
        judge_fail(j, "invariant 16: router %d still listens where version %llu did not come",
                   router, (unsigned long long)s->unheard);
}

void judge_word(struct judge *j, int slot, const char *word, const char *why)
{
    judge_copy(j->slots[slot].word, sizeof(j->slots[slot].word), word);
    judge_copy(j->slots[slot].why, sizeof(j->slots[slot].why), why);
    j->slots[slot].held = true;
    for (int i = 0; i < JUDGE_ROUTERS_MAX; i++)
        j->seen[i].knows[slot] = false;
}

static void lose(struct judge *j, struct judge_slot *k)
{
    k->is_timed = false;
    k->succ = (int)judge_number(judge_data(j, "r:", k->name, "succ"));
    judge_opinion_forget(k);
}

void judge_lost(struct judge *j)
{
    for (int i = 0; i < j->n_slots; i++) {
        j->slots[i].held = false;
        lose(j, &j->slots[i]);
    }
}

void judge_leapt(struct judge *j)
{
    for (int i = 0; i < j->n_slots; i++)
        judge_opinion_forget(&j->slots[i]);
}

void judge_lost_key(struct judge *j, const char *key)
{
    char name[200];
    bool all =
        strcmp(key, server_key(name, "routers")) == 0; /* who lives says what a leap is */

    for (int i = 0; i < j->n_slots; i++) {
        j->slots[i].is_timed &= !all;
        const char *at = strrchr(key, ':');
        struct judge_slot *k = &j->slots[i];

        if (at == NULL || strcmp(at + 1, k->name) != 0)
            continue;
        char suffix[160];

        snprintf(suffix, sizeof(suffix), "r:%s", k->name);
        if (strcmp(key, server_key(name, suffix)) == 0)
            k->held = false;
        lose(j, k);
    }
}

void judge_excuse(struct judge *j, int router)
{
    memset(j->seen[router].knows, 0, sizeof(j->seen[router].knows));
    j->seen[router].excused = true;
}

static int strictness(const char *word)
{
    static const char *const words[] = {"auto", "up", "drain", "down"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

/* Between several lives a stricter word with an end may have won, and be over since. */
static bool has_ended(struct judge *j, const char *slot)
{
    const char *why = judge_data(j, "r:", slot, "why");

    return why != NULL && strcmp(why, "forced_state_ran_out") == 0;
}

void judge_words_kept(struct judge *j, const bool *live, int n, bool one_life)
{
    for (int i = 0; i < j->n_slots; i++) {
        struct judge_state s = judge_read_state(j, j->slots[i].name);
        const char *word = j->slots[i].word;
        bool kept = one_life ? strcmp(s.forced, word) == 0
                             : strictness(s.forced) >= strictness(word) ||
                                   has_ended(j, j->slots[i].name);

        if (!kept && j->slots[i].held && word[0] != '\0')
            judge_fail(j, "invariant 10: %s was said to be %s, and it is %s", j->slots[i].name,
                       word, s.forced);
        for (int r = 0; r < n && !kept; r++)
            if (live[r] && j->seen[r].knows[i])
                judge_fail(j, "invariant 10: router %d knew that %s is %s, and it is %s", r,
                           j->slots[i].name, word, s.forced);
    }
}

bool judge_is_level(struct judge *j, const struct shared_state *const *routers,
                    const bool *alone, int n, char why[200])
{
    uint64_t ver = (uint64_t)judge_number(judge_data(j, "meta", "", "ver"));
    const char *gen = judge_data(j, "meta", "", "gen");
    bool someone = false;
    char name[200];

    for (int r = 0; r < n; r++) {
        if (routers[r] == NULL)
            continue;
        if (gen == NULL || strcmp(shared_state_gen(routers[r]), gen) != 0 ||
            shared_state_ver(routers[r]) != ver || !shared_state_is_attached(routers[r])) {
            snprintf(why, 200, "invariant 15: router %d is at %s %llu, Redis at %s %llu", r,
                     shared_state_gen(routers[r]),
                     (unsigned long long)shared_state_ver(routers[r]), gen != NULL ? gen : "-",
                     (unsigned long long)ver);
            return false;
        }
    }
    for (int i = 0; i < j->n_slots; i++) {
        struct judge_state s = judge_read_state(j, j->slots[i].name);

        if (isnan(keyspace_score(j->s->data, server_key(name, "keys"), j->slots[i].name))) {
            snprintf(why, 200, "invariant 15: operators do not know %s", j->slots[i].name);
            return false;
        }
        someone = false;
        for (int r = 0; r < n; r++) {
            if (routers[r] == NULL)
                continue;
            const struct view_slot *k = shared_state_get(routers[r], (size_t)i);

            someone |= !alone[r * JUDGE_SLOTS_MAX + i];
            if (k->st != s.st || k->ep != s.ep ||
                strcmp(view_forced_name(k->forced), s.forced) != 0) {
                snprintf(why, 200, "invariant 15: router %d sees %s otherwise than Redis", r,
                         k->name);
                return false;
            }
        }
        if (s.st != BREAKER_CLOSED && strcmp(s.forced, "auto") == 0 && someone) {
            snprintf(why, 200, "invariant 14: %s is still %s", j->slots[i].name,
                     breaker_state_name(s.st));
            return false;
        }
    }
    return true;
}
