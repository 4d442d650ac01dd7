/* metrics.c - the counters' shared memory; metrics.h has the contract.
 *
 *     shared:  carried totals | names with what is carried of each | blocks of cohort | ...
 *
 * Address space for all of it is set aside before the first fork, so a worker of an old
 * cohort sees what newer ones count; the kernel gives memory to what is used alone.  Only
 * the supervisor changes names, cohorts and what is carried, and counts its edits: a reader
 * that met one looks again.
 *
 * REJECTED  Totals in place, added to by all workers: every request would fight for the same
 * cache lines, and a worker that dies would leave its gauges there. */
#include "router/metrics_impl.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t aligned(size_t bytes, size_t to)
{
    return (bytes + to - 1) / to * to;
}

static size_t shared_bytes(void)
{
    return aligned(sizeof(struct metrics_shared) + sizeof(struct fleet_counters), 1 << 16);
}

struct metrics *metrics_new(void)
{
    struct metrics *m = xcalloc(1, sizeof(*m));
    int fd = memfd_create("sluice-metrics", MFD_CLOEXEC);
    void *map = MAP_FAILED;

    if (fd >= 0 && ftruncate(fd, (off_t)(shared_bytes() + METRICS_BLOCK_BYTES)) == 0)
        map = mmap(NULL, shared_bytes() + METRICS_BLOCK_BYTES, PROT_READ | PROT_WRITE,
                   MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (map == MAP_FAILED) {
        free(m);
        return NULL;
    }
    m->shared = map;
    m->blocks = (char *)map + shared_bytes();
    m->shared->fleet_whole = (struct fleet_counters *)(m->shared + 1);
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    munmap(m->shared, shared_bytes() + METRICS_BLOCK_BYTES);
    free(m);
}

/* ---- sums ---- */

static void join(enum metrics_join how, char *to, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int64_t a, b;

        memcpy(&a, to + i * sizeof(a), sizeof(a));
        memcpy(&b, from + i * sizeof(b), sizeof(b));
        if (how == METRICS_SUM)
            a += b;
        else if (how == METRICS_HIGHEST ? b > a : b < a)
            a = b;
        memcpy(to + i * sizeof(a), &a, sizeof(a));
    }
}

void metrics_join_rows(enum metrics_scope scope, bool gauges, const struct metrics_parts *to,
                       const struct metrics_parts *from)
{
    for (size_t i = 0; i < metrics_n_rows; i++) {
        const struct metrics_row *row = &metrics_rows[i];

        if (row->scope == scope && (gauges || row->type != METRICS_GAUGE))
            join(row->join, to->at[row->part] + row->offset, from->at[row->part] + row->offset,
                 metrics_row_numbers(row));
    }
}

/* ---- the supervisor's side ---- */

static void edit_begin(struct metrics *m)
{
    atomic_fetch_add(&m->shared->edits, 1);
}

static void edit_end(struct metrics *m)
{
    atomic_fetch_add(&m->shared->edits, 1);
}

/* The entry of that name, a free one if there is none; NULL: all are taken. */
static struct metrics_name *find_name(struct metrics *m, const char *label, int region_len)
{
    struct metrics_name *unused = NULL;

    for (size_t i = 0; i < m->shared->n_names; i++) {
        struct metrics_name *n = &m->shared->names[i];

        if (n->users == 0)
            unused = unused == NULL ? n : unused;
        else if (n->region_len == region_len && strcmp(n->label, label) == 0)
            return n;
    }
    if (unused == NULL && m->shared->n_names < METRICS_NAMES_MAX)
        unused = &m->shared->names[m->shared->n_names++];
    return unused;
}

static struct metrics_name *use_name(struct metrics *m, const struct config *conf, size_t slot)
{
    const struct config_slot *s = &conf->slots[slot];
    int region_len = slot < conf->n_regions ? 0 : (int)strlen(conf->regions[s->region].name);
    struct metrics_name *n = find_name(m, s->name, region_len);

    if (n == NULL)
        return NULL;
    if (n->users++ == 0) {
        str_copy(n->label, sizeof(n->label), s->name);
        n->region_len = region_len;
        n->slot.health = 100;
    }
    return n;
}

static void drop_names(struct metrics *m, const struct metrics_cohort *g, size_t n)
{
    const uint32_t *names = metrics_names_of(m, g);

    for (size_t i = 0; i < n; i++) {
        struct metrics_name *name = &m->shared->names[names[i]];

        if (--name->users == 0)
            memset(name, 0, sizeof(*name));
    }
}

static bool is_clear(const struct metrics *m, size_t at, size_t bytes)
{
    for (int i = 0; i < METRICS_COHORTS_MAX; i++) {
        const struct metrics_cohort *g = &m->shared->cohorts[i];

        if (g->bytes != 0 && at < g->at + g->bytes && g->at < at + bytes)
            return false;
    }
    return at + bytes <= METRICS_BLOCK_BYTES;
}

/* The lowest place: at the start or where another ends. */
static bool find_place(const struct metrics *m, size_t bytes, size_t *at)
{
    bool found = is_clear(m, 0, bytes);

    *at = 0;
    for (int i = 0; i < METRICS_COHORTS_MAX; i++) {
        const struct metrics_cohort *g = &m->shared->cohorts[i];
        size_t end = g->at + g->bytes;

        if (g->bytes != 0 && (!found || end < *at) && is_clear(m, end, bytes)) {
            *at = end;
            found = true;
        }
    }
    return found;
}

static struct metrics_cohort *unused_cohort(struct metrics *m)
{
    for (int i = 0; i < METRICS_COHORTS_MAX; i++)
        if (m->shared->cohorts[i].bytes == 0)
            return &m->shared->cohorts[i];
    return NULL;
}

static bool add(struct metrics *m, struct metrics_cohort *g, const struct config *conf)
{
    uint32_t *names = metrics_names_of(m, g);

    for (size_t i = 0; i < g->n_slots; i++) {
        struct metrics_name *n = use_name(m, conf, i);

        if (n == NULL) {
            drop_names(m, g, i);
            return false;
        }
        names[i] = (uint32_t)(n - m->shared->names);
    }
    return true;
}

int metrics_add(struct metrics *m, const struct config *conf, int workers)
{
    struct metrics_cohort *g = unused_cohort(m),
                          new = {
                              .age = m->shared->ages + 1,
                              .workers = workers,
                              .n_regions = conf->n_regions,
                              .n_slots = conf->n_slots,
                              .names_bytes = aligned(conf->n_slots * sizeof(uint32_t), 64),
                          };
    bool added;

    /* no two workers share a cache line, no two cohorts a page */
    new.block_bytes = aligned(sizeof(struct metrics_block) + metrics_fleet_bytes(new.n_slots) +
                                  new.n_regions * sizeof(struct metrics_region),
                              64);
    new.bytes = aligned(new.names_bytes + new.block_bytes *(size_t)workers,
                        (size_t)sysconf(_SC_PAGESIZE));
    if (g == NULL || !find_place(m, new.bytes, &new.at))
        return -1;
    edit_begin(m);
    added = add(m, &new, conf);
    if (added) {
        m->shared->ages++;
        *g = new;
    }
    edit_end(m);
    return added ? (int)(g - m->shared->cohorts) : -1;
}

static void carry(struct metrics *m, const struct metrics_cohort *g, struct metrics_block *b)
{
    struct metrics_parts to = metrics_whole_parts(m), from = metrics_block_parts(b);

    metrics_join_rows(METRICS_WHOLE, false, &to, &from);
    for (size_t i = 0; i < g->n_slots; i++) {
        to = metrics_name_parts(&m->shared->names[metrics_names_of(m, g)[i]]);
        from = metrics_slot_parts(b, g, i);
        metrics_join_rows(i < g->n_regions ? METRICS_REGION : METRICS_MODEL, false, &to, &from);
    }
}

static void vacate(struct metrics *m, const struct metrics_cohort *g, struct metrics_block *b)
{
    if (b->live)
        carry(m, g, b);
    memset(b, 0, g->block_bytes);
}

struct metrics_block *metrics_claim(struct metrics *m, int cohort, int worker)
{
    const struct metrics_cohort *g = &m->shared->cohorts[cohort];
    struct metrics_block *b = metrics_block_at(m, g, worker);

    edit_begin(m);
    vacate(m, g, b);
    b->live = 1;
    b->worker = worker;
    b->fleet = metrics_fleet_of(b);
    b->fleet->requests = &b->inflight;
    b->region = metrics_regions_of(b, g);
    for (size_t i = 0; i < g->n_slots; i++)
        b->fleet->slot[i].health = 100;
    edit_end(m);
    return b;
}

void metrics_vacate(struct metrics *m, int cohort, int worker)
{
    const struct metrics_cohort *g = &m->shared->cohorts[cohort];

    edit_begin(m);
    vacate(m, g, metrics_block_at(m, g, worker));
    edit_end(m);
}

void metrics_remove(struct metrics *m, int cohort)
{
    struct metrics_cohort *g = &m->shared->cohorts[cohort];

    edit_begin(m);
    for (int i = 0; i < g->workers; i++)
        vacate(m, g, metrics_block_at(m, g, i));
    drop_names(m, g, g->n_slots);
    madvise(m->blocks + g->at, g->bytes, MADV_REMOVE); /* the memory goes back, zeros stay */
    memset(g, 0, sizeof(*g));
    edit_end(m);
}

/* ---- for workers ---- */

void metrics_observe(struct metrics_hist *h, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < METRICS_BUCKETS - 1 && us > metrics_bounds_us[i])
        i++;
    h->bucket[i]++;
    h->count++;
    h->sum_us += (uint64_t)us;
}
