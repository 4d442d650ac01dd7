/* view.c - one router's picture of the shared state; view.h has the contract.
 *
 * Two numbers carry the order.  A line's version says which change of its slot it tells, so a
 * line is news exactly when its version is above that of the slot: lines of other slots may
 * overtake each other (our own replies come on another connection than pushes).  The view's
 * version is the one up to which nothing was missed; it moves by one per push and to a
 * snapshot's version.  That is also what the router tells the fleet as "applied".
 *
 *   push ver == view ver + 1   applied, view ver moves on
 *   push ver >  view ver + 1   applied, view ver stays: a sync must fill the gap
 *   push ver <= view ver       applied only if its slot has not seen it (late, in a gap)
 *
 * REJECTED  Counting the highest version as applied: a push that fills the gap later would
 * look old, and a sync would answer that nothing is missing. */
#include "shared/view.h"

#include "shared/state_line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SAME_END_MS 100

struct view {
    size_t n;
    int64_t max_open_ms;
    char gen[VIEW_GEN_MAX + 1];
    uint64_t ver, word_ver;
    struct view_slot *slots;
    size_t *by_name; /* indexes of slots, sorted */
};

static void slot_reset(struct view_slot *k)
{
    k->ver = 0;
    k->ep = 1;
    k->st = BREAKER_CLOSED;
    k->trips = 0;
    k->until_ms = 0;
    k->forced = VIEW_AUTO;
    k->forced_until_ms = VIEW_NEVER;
    k->why[0] = '\0';
    k->by[0] = '\0';
    k->lim_ms = 0;
    k->cools = COOLING_WHY_THROTTLED;
    k->ramp_ms = 0;
    k->doubt = false;
}

static int compare_names(const void *a, const void *b, void *arg)
{
    const struct view_slot *slots = arg;

    return strcmp(slots[*(const size_t *)a].name, slots[*(const size_t *)b].name);
}

struct view *view_new(const char *const *slots, size_t n, int64_t max_open_ms)
{
    struct view *v = xcalloc(1, sizeof(*v));

    v->n = n;
    v->max_open_ms = max_open_ms;
    v->slots = xcalloc(n > 0 ? n : 1, sizeof(v->slots[0]));
    v->by_name = xcalloc(n > 0 ? n : 1, sizeof(v->by_name[0]));
    for (size_t i = 0; i < n; i++) {
        size_t len = strnlen(slots[i], VIEW_SLOT_MAX);

        memcpy(v->slots[i].name, slots[i], len);
        slot_reset(&v->slots[i]);
        v->by_name[i] = i;
    }
    qsort_r(v->by_name, n, sizeof(v->by_name[0]), compare_names, v->slots);
    return v;
}

void view_free(struct view *v)
{
    if (v == NULL)
        return;
    free(v->slots);
    free(v->by_name);
    free(v);
}

size_t view_count(const struct view *v)
{
    return v->n;
}

const struct view_slot *view_get(const struct view *v, size_t i)
{
    return &v->slots[i];
}

/* As strcmp, for a name that is not NUL-terminated. */
static int compare_to(struct str name, const char *z)
{
    int order = strncmp(name.ptr, z, name.len);

    return order != 0 ? order : z[name.len] == '\0' ? 0 : -1;
}

int view_find(const struct view *v, struct str name)
{
    size_t low = 0, high = v->n;

    if (name.len == 0 || memchr(name.ptr, '\0', name.len) != NULL)
        return -1;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = compare_to(name, v->slots[v->by_name[mid]].name);

        if (order == 0)
            return (int)v->by_name[mid];
        if (order < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return -1;
}

const char *view_gen(const struct view *v)
{
    return v->gen;
}

uint64_t view_ver(const struct view *v)
{
    return v->ver;
}

uint64_t view_override_ver(const struct view *v)
{
    return v->word_ver;
}

uint64_t view_seen(const struct view *v)
{
    uint64_t seen = v->ver;

    for (size_t i = 0; i < v->n; i++)
        if (v->slots[i].ver > seen)
            seen = v->slots[i].ver;
    return seen;
}

void view_doubt(struct view *v)
{
    v->ver = v->word_ver = 0;
    for (size_t i = 0; i < v->n; i++)
        v->slots[i].ver = 0;
}

void view_restore(struct view *v, size_t i, const struct view_slot *from)
{
    struct view_slot *k = &v->slots[i];
    char name[sizeof(k->name)];

    assert(v->gen[0] == '\0');
    memcpy(name, k->name, sizeof(name));
    *k = *from;
    memcpy(k->name, name, sizeof(name));
    k->ver = 0;
}

static bool decode(const struct view *v, struct str line, struct state_line *l)
{
    return state_line_decode(line, l) &&
           (l->st != BREAKER_OPEN || l->until_ms - l->now_ms <= v->max_open_ms);
}

/* Redis' deadline in this process' monotonic time, as of the receipt. */
static int64_t mono(int64_t deadline_ms, const struct state_line *l, int64_t now_ms)
{
    return now_ms + (deadline_ms - l->now_ms);
}

/* A snapshot says the same again with a new "now": then what was known stands, so that
 * deadlines do not wander with each receipt and nobody is told of a change that is none. */
static bool is_same(const struct view_slot *k, const struct state_line *l)
{
    return k->ver == l->ver && k->ep == l->ep && k->st == l->st && k->trips == l->trips &&
           k->doubt == l->doubt && k->forced == l->forced &&
           (k->lim_ms != 0) == (l->lim_ms != 0) && k->cools == l->cools &&
           (k->forced_until_ms != VIEW_NEVER) == (l->funtil_ms != 0) &&
           strcmp(k->why, l->why) == 0 && strcmp(k->by, l->by) == 0;
}

/* Does the line tell of a word that the operator said since?  While there is none, why and by
 * are the breaker's; and the same end looks a little different after each journey. */
static bool is_word(const struct view_slot *k, const struct state_line *l, int64_t now_ms)
{
    if (k->forced != l->forced)
        return true;
    if (l->forced == VIEW_AUTO)
        return false;
    if (strcmp(k->why, l->why) != 0 || strcmp(k->by, l->by) != 0 ||
        (k->forced_until_ms == VIEW_NEVER) != (l->funtil_ms == 0))
        return true;
    return l->funtil_ms != 0 &&
           llabs(mono(l->funtil_ms, l, now_ms) - k->forced_until_ms) > SAME_END_MS;
}

static bool apply(struct view *v, struct view_slot *k, const struct state_line *l,
                  int64_t now_ms)
{
    if (is_same(k, l))
        return false;
    if (is_word(k, l, now_ms) && l->ver > v->word_ver)
        v->word_ver = l->ver;
    k->ver = l->ver;
    k->ep = l->ep;
    k->st = l->st;
    k->trips = l->trips;
    k->until_ms = l->st == BREAKER_OPEN ? mono(l->until_ms, l, now_ms) : 0;
    k->forced = l->forced;
    k->forced_until_ms = l->funtil_ms != 0 ? mono(l->funtil_ms, l, now_ms) : VIEW_NEVER;
    memcpy(k->why, l->why, sizeof(k->why));
    memcpy(k->by, l->by, sizeof(k->by));
    k->lim_ms = l->lim_ms != 0 ? mono(l->lim_ms, l, now_ms) : 0;
    k->cools = l->cools;
    k->ramp_ms = 0;
    if (l->ramp_ms != 0)
        k->ramp_ms = mono(l->ramp_ms, l, now_ms) != 0 ? mono(l->ramp_ms, l, now_ms) : 1;
    k->doubt = l->doubt;
    return true;
}

enum view_verdict view_push(struct view *v, struct str line, int64_t now_ms, int *changed)
{
    struct state_line l;

    *changed = -1;
    if (!decode(v, line, &l) || l.ver == 0)
        return VIEW_BAD;
    if (strcmp(l.gen, v->gen) != 0)
        return VIEW_OTHER_GEN;
    bool gap = l.ver > v->ver + 1;
    int i = view_find(v, str_of(l.slot));

    /* A newer line with an older epoch: the data went back, and on from there. */
    if (i >= 0 && v->slots[i].ver != 0 && l.ver > v->slots[i].ver && l.ep < v->slots[i].ep)
        return VIEW_OTHER_GEN;
    bool news = l.ver > (i >= 0 ? v->slots[i].ver : v->ver);

    if (l.ver == v->ver + 1)
        v->ver++;
    if (!news)
        return gap ? VIEW_GAP : VIEW_OLD;
    if (i >= 0 && apply(v, &v->slots[i], &l, now_ms))
        *changed = i;
    return gap ? VIEW_GAP : VIEW_APPLIED;
}

/* All lines into out, or false. */
static bool decode_all(const struct view *v, struct str gen, uint64_t ver,
                       const struct str *lines, size_t n, struct state_line *out)
{
    for (size_t i = 0; i < n; i++)
        if (!decode(v, lines[i], &out[i]) || !str_eqz(gen, out[i].gen) || out[i].ver > ver)
            return false;
    return true;
}

enum view_verdict view_snapshot(struct view *v, struct str gen, uint64_t ver,
                                const struct str *lines, size_t n, int64_t now_ms,
                                bool *changed)
{
    enum view_verdict verdict = VIEW_BAD;
    bool any = false;

    memset(changed, 0, v->n * sizeof(changed[0]));
    if (gen.len == 0 || gen.len > VIEW_GEN_MAX || ver > (uint64_t)STATE_LINE_NUMBER_MAX ||
        n > VIEW_SNAPSHOT_MAX)
        return VIEW_BAD;
    struct state_line *l = xcalloc(n > 0 ? n : 1, sizeof(*l));

    if (!decode_all(v, gen, ver, lines, n, l))
        goto out;
    if (!str_eqz(gen, v->gen)) {
        memcpy(v->gen, gen.ptr, gen.len);
        v->gen[gen.len] = '\0';
        view_doubt(v); /* versions of another generation say nothing here */
        any = true;
    }
    for (size_t i = 0; i < n; i++) {
        int k = view_find(v, str_of(l[i].slot));

        /* A push that came after the snapshot was taken is newer than the snapshot. */
        if (k >= 0 && v->slots[k].ver <= ver && apply(v, &v->slots[k], &l[i], now_ms))
            changed[k] = any = true;
    }
    if (ver > v->ver) {
        v->ver = ver;
        any = true;
    }
    verdict = any ? VIEW_APPLIED : VIEW_OLD;
out:
    free(l);
    return verdict;
}
