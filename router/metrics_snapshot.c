/* metrics_snapshot.c - reads the numbers of all workers; metrics.h has the contract.
 *
 * The supervisor may change what is read under our hands.  What decides where we read is
 * copied and held against the count of edits first, and what was read during an edit is thrown
 * away and read again. */
#include "router/metrics_impl.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READS_MAX   1000
#define WORKERS_MAX 256

static struct metrics_series *add_series(struct metrics_snapshot *s, enum metrics_scope scope,
                                         const struct metrics_parts *from)
{
    size_t n = s->scope[scope].n++;

    if ((n & (n - 1)) == 0) /* full: n is 0 or a power of two */
        s->scope[scope].series = xrealloc(s->scope[scope].series,
                                          (n == 0 ? 1 : 2 * n) * sizeof(struct metrics_series));
    struct metrics_series *new = &s->scope[scope].series[n];

    memset(new, 0, sizeof(*new));
    for (int p = 0; p < METRICS_N_PARTS; p++) {
        size_t bytes = metrics_part_bytes(scope, (enum metrics_part)p);

        if (bytes > 0) {
            new->part[p] = xcalloc(1, bytes);
            memcpy(new->part[p], from->at[p], bytes);
        }
    }
    return new;
}

static void join_series(struct metrics_snapshot *s, enum metrics_scope scope, size_t i,
                        const struct metrics_parts *from)
{
    const struct metrics_series *to = &s->scope[scope].series[i];
    const struct metrics_parts parts = {{to->part[METRICS_OWN], to->part[METRICS_FLEET]}};

    metrics_join_rows(scope, true, &parts, from);
}

/* The carried numbers of every name; index[name] is where it came to stand in its scope. */
static void take_names(const struct metrics *m, struct metrics_snapshot *s, size_t *index)
{
    size_t n = m->shared->n_names < METRICS_NAMES_MAX ? m->shared->n_names : METRICS_NAMES_MAX;

    for (size_t i = 0; i < n; i++) {
        struct metrics_name *name = &m->shared->names[i];
        int len = name->region_len & 0xff;
        enum metrics_scope scope = len == 0 ? METRICS_REGION : METRICS_MODEL;
        struct metrics_parts from = metrics_name_parts(name);

        if (name->users == 0)
            continue;
        index[i] = s->scope[scope].n;
        struct metrics_series *new = add_series(s, scope, &from);

        if (len == 0)
            snprintf(new->labels, sizeof(new->labels), "region=\"%.*s\"", CONFIG_SLOT_NAME_MAX,
                     name->label);
        else
            snprintf(new->labels, sizeof(new->labels), "region=\"%.*s\",model=\"%.*s\"", len,
                     name->label, CONFIG_SLOT_NAME_MAX, name->label + len + 1);
    }
}

/* A worker's own gauges: its successor in a younger cohort stands for the place. */
static void take_worker(struct metrics_snapshot *s, struct metrics_block *b, int worker,
                        uint64_t age, uint64_t *ages)
{
    struct metrics_parts from = metrics_block_parts(b);
    struct metrics_series *to = s->scope[METRICS_WORKER].series;
    size_t i = 0, n = s->scope[METRICS_WORKER].n;
    char labels[sizeof(to->labels)];

    snprintf(labels, sizeof(labels), "worker=\"%d\"", worker);
    while (i < n && strcmp(to[i].labels, labels) != 0)
        i++;
    if (i < n && age < ages[worker])
        return;
    ages[worker] = age;
    if (i == n) {
        to = add_series(s, METRICS_WORKER, &from);
        memcpy(to->labels, labels, sizeof(labels));
        return;
    }
    for (int p = 0; p < METRICS_N_PARTS; p++)
        memcpy(to[i].part[p], from.at[p],
               metrics_part_bytes(METRICS_WORKER, (enum metrics_part)p));
}

static void take_block(const struct metrics *m, const struct metrics_cohort *g,
                       struct metrics_block *b, const size_t *index, struct metrics_snapshot *s)
{
    struct metrics_parts from = metrics_block_parts(b);

    join_series(s, METRICS_WHOLE, 0, &from);
    for (size_t i = 0; i < g->n_slots; i++) {
        enum metrics_scope scope = i < g->n_regions ? METRICS_REGION : METRICS_MODEL;
        uint32_t name = metrics_names_of(m, g)[i];

        from = metrics_slot_parts(b, g, i);
        if (name < METRICS_NAMES_MAX && index[name] < s->scope[scope].n)
            join_series(s, scope, index[name], &from);
    }
}

static bool is_edited(const struct metrics *m, uint64_t edits)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&m->shared->edits, memory_order_relaxed) != edits;
}

/* false: an edit came between. */
static bool take(const struct metrics *m, uint64_t edits, size_t *index,
                 struct metrics_snapshot *s)
{
    struct metrics_parts whole = metrics_whole_parts(m);
    uint64_t ages[WORKERS_MAX] = {0};

    add_series(s, METRICS_WHOLE, &whole);
    take_names(m, s, index);
    for (int i = 0; i < METRICS_COHORTS_MAX; i++) {
        struct metrics_cohort g = m->shared->cohorts[i];

        if (is_edited(m, edits))
            return false;
        for (int w = 0; g.bytes != 0 && w < g.workers && w < WORKERS_MAX; w++) {
            struct metrics_block *b = metrics_block_at(m, &g, w);

            if (!b->live)
                continue;
            take_block(m, &g, b, index, s);
            take_worker(s, b, w, g.age, ages);
        }
    }
    return !is_edited(m, edits);
}

int metrics_snapshot_take(const struct metrics *m, struct metrics_snapshot *out)
{
    size_t *index = xcalloc(METRICS_NAMES_MAX, sizeof(*index));
    bool taken = false;

    memset(out, 0, sizeof(*out));
    for (int i = 0; i < READS_MAX && !taken; i++) {
        uint64_t edits = atomic_load_explicit(&m->shared->edits, memory_order_acquire);

        if (edits % 2 == 0)
            taken = take(m, edits, index, out);
        if (!taken) {
            metrics_snapshot_release(out);
            sched_yield();
        }
    }
    free(index);
    return taken ? 0 : -1;
}

void metrics_snapshot_release(struct metrics_snapshot *s)
{
    for (int scope = 0; scope < METRICS_N_SCOPES; scope++) {
        for (size_t i = 0; i < s->scope[scope].n; i++)
            for (int p = 0; p < METRICS_N_PARTS; p++)
                free(s->scope[scope].series[i].part[p]);
        free(s->scope[scope].series);
    }
    memset(s, 0, sizeof(*s));
}
