/* metrics.c - shared counters; metrics.h has the contract. */
#include "router/metrics.h"

#include "policy/breaker.h"
#include "shared/view.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct metrics {
    const struct config *conf; /* for the regions' names */
    int slots;
    size_t slot_bytes;
    char *map;
};

/* Upper bounds in microseconds; the last bucket is +Inf. */
static const int64_t bounds_us[METRICS_BUCKETS - 1] = {
    100, 500, 1000, 5000, 25000, 100000, 500000, 1000000, 5000000, 15000000, 60000000};

static const char *const request_names[METRICS_N_REQ] = {
    [METRICS_REQ_OK] = "ok",
    [METRICS_REQ_VENDOR_4XX] = "vendor_refused",
    [METRICS_REQ_REFUSED] = "refused",
    [METRICS_REQ_FAILED] = "failed",
    [METRICS_REQ_GONE] = "client_gone",
};

static size_t fleet_bytes(const struct config *conf)
{
    return sizeof(struct fleet_counters) + conf->n_slots * sizeof(struct fleet_slot_counters);
}

struct metrics *metrics_new(const struct config *conf, int slots)
{
    struct metrics *m = xcalloc(1, sizeof(*m));

    m->conf = conf;
    m->slots = slots;
    m->slot_bytes = sizeof(struct metrics_block) + fleet_bytes(conf) +
                    conf->n_regions * sizeof(struct metrics_region);
    m->slot_bytes = (m->slot_bytes + 63) & ~(size_t)63; /* no two workers share a cache line */
    m->map = mmap(NULL, m->slot_bytes * (size_t)slots, PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (m->map == MAP_FAILED) {
        m->map = NULL;
        metrics_free(m);
        return NULL;
    }
    return m;
}

void metrics_free(struct metrics *m)
{
    if (m == NULL)
        return;
    if (m->map != NULL)
        munmap(m->map, m->slot_bytes * (size_t)m->slots);
    free(m);
}

static struct metrics_block *slot_at(const struct metrics *m, int slot)
{
    return (struct metrics_block *)(void *)(m->map + m->slot_bytes * (size_t)slot);
}

static struct fleet_counters *fleet_at(const struct metrics *m, int slot)
{
    return (struct fleet_counters *)(void *)(slot_at(m, slot) + 1);
}

static struct metrics_region *regions_at(const struct metrics *m, int slot)
{
    return (struct metrics_region *)(void *)((char *)fleet_at(m, slot) + fleet_bytes(m->conf));
}

static void reset_gauges(const struct metrics *m, int slot)
{
    struct metrics_block *s = slot_at(m, slot);
    struct fleet_counters *f = fleet_at(m, slot);

    s->pid = 0;
    s->inflight = s->connections = s->draining = f->store_attached = 0;
    for (size_t r = 0; r < m->conf->n_slots; r++)
        f->slot[r].inflight = f->slot[r].state = f->slot[r].forced = 0;
}

struct metrics_block *metrics_claim(struct metrics *m, int slot)
{
    struct metrics_block *s = slot_at(m, slot);

    reset_gauges(m, slot); /* a crashed predecessor's counters go on */
    s->fleet = fleet_at(m, slot);
    s->fleet->requests = &s->inflight;
    s->region = regions_at(m, slot);
    s->pid = getpid();
    return s;
}

void metrics_vacate(struct metrics *m, int slot)
{
    reset_gauges(m, slot);
}

void metrics_observe(struct metrics_hist *h, int64_t us)
{
    size_t i = 0;

    if (us < 0)
        us = 0;
    while (i < METRICS_BUCKETS - 1 && us > bounds_us[i])
        i++;
    h->bucket[i]++;
    h->count++;
    h->sum_us += (uint64_t)us;
}

static void add_hist(struct metrics_hist *to, const struct metrics_hist *from)
{
    for (size_t i = 0; i < METRICS_BUCKETS; i++)
        to->bucket[i] += from->bucket[i];
    to->count += from->count;
    to->sum_us += from->sum_us;
}

static int put_hist(struct buf *out, const char *name, const char *labels,
                    const struct metrics_hist *h)
{
    const char *comma = labels[0] != '\0' ? "," : "";
    uint64_t sum = 0;

    for (size_t i = 0; i < METRICS_BUCKETS; i++) {
        sum += h->bucket[i];
        if (i < METRICS_BUCKETS - 1) {
            if (buf_appendf(out, "%s_bucket{%s%sle=\"%g\"} %" PRIu64 "\n", name, labels, comma,
                            (double)bounds_us[i] / 1e6, sum) < 0)
                return -1;
        } else if (buf_appendf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels,
                               comma, sum) < 0) {
            return -1;
        }
    }
    const char *open = labels[0] != '\0' ? "{" : "", *close = labels[0] != '\0' ? "}" : "";

    return buf_appendf(out, "%s_sum%s%s%s %.6f\n%s_count%s%s%s %" PRIu64 "\n", name, open,
                       labels, close, (double)h->sum_us / 1e6, name, open, labels, close,
                       h->count);
}

static int put_type(struct buf *out, const char *name, const char *type, const char *help)
{
    return buf_appendf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* One number of a slot: where it lies, how it is called. */
struct row {
    const char *name, *type, *help;
    size_t offset;
    bool fleets; /* in the fleet's counters */
};

#define SLOT(field)  offsetof(struct metrics_block, field), false
#define FLEET(field) offsetof(struct fleet_counters, field), true
static const struct row totals[] = {
    /* clang-format off */
    {"sluice_attempts_total", "counter", "Attempts at regions, every try counted.", SLOT(attempts)},
    {"sluice_retries_total", "counter", "Attempts after the first of a request.", SLOT(retries)},
    {"sluice_retries_refused_total", "counter", "Retries that retry.budget did not allow.", SLOT(retries_refused)},
    {"sluice_hedges_total", "counter", "Second targets asked while the first was silent.", SLOT(hedges)},
    {"sluice_client_bytes_total", "counter", "Answer bytes handed to clients.", SLOT(bytes_out)},
    {"sluice_http_refused_total", "counter", "Requests refused by the HTTP layer.", SLOT(http_refused)},
    {"sluice_store_commands_total", "counter", "Commands sent to Redis.", FLEET(store_commands)},
    {"sluice_store_errors_total", "counter", "Commands Redis refused or lost.", FLEET(store_errors)},
    {"sluice_store_pushes_total", "counter", "Verdicts pushed by the fleet.", FLEET(store_pushes)},
    {"sluice_store_reconnects_total", "counter", "Connections to Redis made again.", FLEET(store_reconnects)},
    {"sluice_requests_in_flight", "gauge", "Requests being served.", SLOT(inflight)},
    {"sluice_client_connections", "gauge", "Client connections open.", SLOT(connections)},
    /* clang-format on */
};
static const struct row per_worker[] = {
    /* clang-format off */
    {"sluice_store_attached", "gauge", "1 while the shared state is reachable.", FLEET(store_attached)},
    {"sluice_store_version", "gauge", "Version of the shared state applied.", FLEET(store_ver)},
    {"sluice_draining", "gauge", "1 while the worker finishes its last requests.", SLOT(draining)},
    /* clang-format on */
};

static int64_t number_at(const void *s, size_t offset)
{
    int64_t n;

    memcpy(&n, (const char *)s + offset, sizeof(n));
    return n;
}

static int64_t row_at(const struct metrics *m, int slot, const struct row *row)
{
    return row->fleets ? number_at(fleet_at(m, slot), row->offset)
                       : number_at(slot_at(m, slot), row->offset);
}

static int put_totals(const struct metrics *m, struct buf *out)
{
    for (size_t r = 0; r < ARRAY_LEN(totals); r++) {
        int64_t sum = 0;

        for (int i = 0; i < m->slots; i++)
            sum += row_at(m, i, &totals[r]);
        if (put_type(out, totals[r].name, totals[r].type, totals[r].help) < 0 ||
            buf_appendf(out, "%s %" PRId64 "\n", totals[r].name, sum) < 0)
            return -1;
    }
    return 0;
}

static int put_per_worker(const struct metrics *m, struct buf *out)
{
    for (size_t r = 0; r < ARRAY_LEN(per_worker); r++) {
        if (put_type(out, per_worker[r].name, per_worker[r].type, per_worker[r].help) < 0)
            return -1;
        for (int i = 0; i < m->slots; i++) {
            const struct metrics_block *s = slot_at(m, i);

            if (s->pid != 0 &&
                buf_appendf(out, "%s{worker=\"%d\"} %" PRId64 "\n", per_worker[r].name, i,
                            row_at(m, i, &per_worker[r])) < 0)
                return -1;
        }
    }
    return 0;
}

static int put_requests(const struct metrics *m, struct buf *out)
{
    struct metrics_hist duration = {0}, overhead = {0};

    if (put_type(out, "sluice_requests_total", "counter", "Requests by how they ended.") < 0)
        return -1;
    for (int r = 0; r < METRICS_N_REQ; r++) {
        uint64_t sum = 0;

        for (int i = 0; i < m->slots; i++)
            sum += slot_at(m, i)->requests[r];
        if (buf_appendf(out, "sluice_requests_total{result=\"%s\"} %" PRIu64 "\n",
                        request_names[r], sum) < 0)
            return -1;
    }
    for (int i = 0; i < m->slots; i++) {
        add_hist(&duration, &slot_at(m, i)->duration);
        add_hist(&overhead, &slot_at(m, i)->overhead);
    }
    if (put_type(out, "sluice_request_seconds", "histogram", "Request to last byte.") < 0 ||
        put_hist(out, "sluice_request_seconds", "", &duration) < 0 ||
        put_type(out, "sluice_overhead_seconds", "histogram",
                 "Time spent in the router itself, waits between attempts included.") < 0)
        return -1;
    return put_hist(out, "sluice_overhead_seconds", "", &overhead);
}

/* Region r of every slot; the state gauges are any live worker's (they agree or lag). */
static void sum_fleet(const struct metrics *m, size_t r, struct fleet_slot_counters *sum)
{
    sum->health = 100;
    for (int i = 0; i < m->slots; i++) {
        const struct fleet_slot_counters *g = &fleet_at(m, i)->slot[r];

        for (int o = 0; o < N_OUTCOMES; o++)
            sum->attempts[o] += g->attempts[o];
        sum->probes += g->probes;
        sum->last_resorts += g->last_resorts;
        sum->inflight += g->inflight;
        sum->state = g->state > sum->state ? g->state : sum->state;
        if (slot_at(m, i)->pid != 0 && g->health < sum->health)
            sum->health = g->health; /* the worst tells most */
        sum->forced = g->forced > sum->forced ? g->forced : sum->forced;
    }
}

struct region_sum {
    struct fleet_slot_counters fleet;
    struct metrics_region own;
};

static void sum_region(const struct metrics *m, size_t r, struct region_sum *out)
{
    struct metrics_region *sum = &out->own;

    sum_fleet(m, r, &out->fleet);
    for (int i = 0; i < m->slots; i++) {
        const struct metrics_region *g = &regions_at(m, i)[r];

        sum->checks_ok += g->checks_ok;
        sum->checks_failed += g->checks_failed;
        sum->prompt_tokens += g->prompt_tokens;
        sum->completion_tokens += g->completion_tokens;
        sum->partial_streams += g->partial_streams;
        sum->partial_events += g->partial_events;
        add_hist(&sum->first_byte, &g->first_byte);
    }
}

#define REGION(field) offsetof(struct region_sum, field), false
static const struct row per_region[] = {
    /* clang-format off */
    {"sluice_region_probes_total", "counter", "Attempts made as probes of a half-open region.", REGION(fleet.probes)},
    {"sluice_region_last_resorts_total", "counter", "Attempts at an open region, nothing better left.", REGION(fleet.last_resorts)},
    {"sluice_region_in_flight", "gauge", "Attempts under way.", REGION(fleet.inflight)},
    {"sluice_region_breaker_state", "gauge", "0 closed, 1 open, 2 half-open; the highest of its models' where they have breakers.", REGION(fleet.state)},
    {"sluice_region_health", "gauge", "0 bad to 100 good, of the worker with the worst.", REGION(fleet.health)},
    {"sluice_region_forced", "gauge", "0 auto, 1 up, 2 down, 3 drain.", REGION(fleet.forced)},
    {"sluice_region_prompt_tokens_total", "counter", "Prompt tokens as vendors counted them.", REGION(own.prompt_tokens)},
    {"sluice_region_completion_tokens_total", "counter", "Completion tokens as vendors counted them.", REGION(own.completion_tokens)},
    {"sluice_region_partial_streams_total", "counter", "Streams that had content and did not end whole.", REGION(own.partial_streams)},
    {"sluice_region_partial_events_total", "counter", "Content events of such streams, about a token each.", REGION(own.partial_events)},
    /* clang-format on */
};

static int put_region_attempts(const struct metrics *m, const struct region_sum *sums,
                               struct buf *out)
{
    if (put_type(out, "sluice_region_attempts_total", "counter", "Attempts by outcome.") < 0)
        return -1;
    for (size_t r = 0; r < m->conf->n_regions; r++)
        for (int o = 0; o < N_OUTCOMES; o++)
            if (buf_appendf(
                    out,
                    "sluice_region_attempts_total{region=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
                    m->conf->regions[r].name, outcome_traits((enum outcome)o)->name,
                    sums[r].fleet.attempts[o]) < 0)
                return -1;
    return 0;
}

static int put_region_checks(const struct metrics *m, const struct region_sum *sums,
                             struct buf *out)
{
    static const char name[] = "sluice_region_checks_total";

    if (put_type(out, name, "counter", "Active checks; they are no attempts.") < 0)
        return -1;
    for (size_t r = 0; r < m->conf->n_regions; r++)
        if (buf_appendf(out,
                        "%s{region=\"%s\",result=\"ok\"} %" PRIu64 "\n"
                        "%s{region=\"%s\",result=\"fail\"} %" PRIu64 "\n",
                        name, m->conf->regions[r].name, sums[r].own.checks_ok, name,
                        m->conf->regions[r].name, sums[r].own.checks_failed) < 0)
            return -1;
    return 0;
}

static int put_region_rows(const struct metrics *m, const struct region_sum *sums,
                           struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(per_region); i++) {
        const struct row *row = &per_region[i];

        if (put_type(out, row->name, row->type, row->help) < 0)
            return -1;
        for (size_t r = 0; r < m->conf->n_regions; r++)
            if (buf_appendf(out, "%s{region=\"%s\"} %" PRId64 "\n", row->name,
                            m->conf->regions[r].name, number_at(&sums[r], row->offset)) < 0)
                return -1;
    }
    return 0;
}

static int put_region_first_bytes(const struct metrics *m, const struct region_sum *sums,
                                  struct buf *out)
{
    char label[CONFIG_NAME_MAX + 16];

    if (put_type(out, "sluice_region_first_byte_seconds", "histogram",
                 "Start of an attempt to the head of its answer.") < 0)
        return -1;
    for (size_t r = 0; r < m->conf->n_regions; r++) {
        snprintf(label, sizeof(label), "region=\"%s\"", m->conf->regions[r].name);
        if (put_hist(out, "sluice_region_first_byte_seconds", label, &sums[r].own.first_byte) <
            0)
            return -1;
    }
    return 0;
}

/* Models with a breaker of their own; their slots are "region/model". */
static int put_models(const struct metrics *m, struct buf *out)
{
    static const char name[] = "sluice_model_breaker_state";

    if (m->conf->n_slots == m->conf->n_regions)
        return 0;
    if (put_type(out, name, "gauge", "0 closed, 1 open, 2 half-open.") < 0)
        return -1;
    for (size_t k = m->conf->n_regions; k < m->conf->n_slots; k++) {
        const struct config_slot *slot = &m->conf->slots[k];
        const char *region = m->conf->regions[slot->region].name;
        int64_t state = 0;

        for (int i = 0; i < m->slots; i++)
            if (fleet_at(m, i)->slot[k].state > state)
                state = fleet_at(m, i)->slot[k].state;
        if (buf_appendf(out, "%s{region=\"%s\",model=\"%s\"} %" PRId64 "\n", name, region,
                        slot->name + strlen(region) + 1, state) < 0)
            return -1;
    }
    return 0;
}

/* All lines of a metric stand together: the format asks for it, and strict readers do. */
static int put_regions(const struct metrics *m, struct buf *out)
{
    struct region_sum *sums = xcalloc(m->conf->n_regions, sizeof(*sums));
    int rc;

    for (size_t r = 0; r < m->conf->n_regions; r++)
        sum_region(m, r, &sums[r]);
    rc = put_region_attempts(m, sums, out) < 0 || put_region_checks(m, sums, out) < 0 ||
                 put_region_rows(m, sums, out) < 0 || put_region_first_bytes(m, sums, out) < 0
             ? -1
             : 0;
    free(sums);
    return rc;
}

int metrics_render(const struct metrics *m, struct buf *out)
{
    if (put_requests(m, out) < 0 || put_totals(m, out) < 0 || put_per_worker(m, out) < 0)
        return -1;
    return put_regions(m, out) < 0 ? -1 : put_models(m, out);
}
