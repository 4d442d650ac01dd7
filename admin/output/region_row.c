/* region_row.c - one region's shared state: as a row, as a list of facts, as JSON. */
#include "admin/output/region_row.h"

#include "admin/output/local_time.h"

#include <stdio.h>
#include <string.h>

static int64_t left(int64_t until_ms, int64_t now_ms)
{
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

static enum table_colour state_colour(enum breaker_state st)
{
    return st == BREAKER_CLOSED ? TABLE_GREEN : st == BREAKER_OPEN ? TABLE_RED : TABLE_YELLOW;
}

static enum table_colour forced_colour(enum view_forced f)
{
    return f == VIEW_DOWN ? TABLE_RED : f == VIEW_AUTO ? TABLE_PLAIN : TABLE_YELLOW;
}

/* Who or what brought the slot where it is; nothing to tell while all is well. */
#define WHY_COLUMNS 50 /* of a row on a screen: a longer reason is cut at its end */

static bool has_story(const struct state_line *l)
{
    return l->forced != VIEW_AUTO || l->st != BREAKER_CLOSED;
}

/* ---- why a region cools ---- */

static const struct cooling_words {
    const char *name;  /* as the fleet's scripts keep it */
    const char *cell;  /* in a row */
    const char *words; /* as a fact, in an event */
    const char *story; /* what an operator has to know: it lasts for more than a moment */
} coolings[] = {
    {"quota", "quota", "quota: out of credit",
     "the region says that our account is out of credit or quota"},
    {"auth", "misconfigured", "misconfigured: our key was refused",
     "the region refuses our key: check its api_key"},
};

/* NULL for one that speaks for itself, and for a newer router's. */
static const struct cooling_words *cooling_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(coolings); i++)
        if (strcmp(name, coolings[i].name) == 0)
            return &coolings[i];
    return NULL;
}

static const char *cooling_word(const struct snapshot_slot *slot)
{
    const struct cooling_words *c = cooling_of(slot->cooling);

    return c != NULL ? c->cell : slot->cooling;
}

static const char *cooling_story(const struct snapshot_slot *slot)
{
    const struct cooling_words *c = cooling_of(slot->cooling);

    return c != NULL && slot->line.lim_ms != 0 ? c->story : "-";
}

const char *region_row_cooling(const char *name)
{
    const struct cooling_words *c = cooling_of(name);

    return c != NULL ? c->words : name;
}

/* ---- who has applied it ---- */

size_t region_row_applied(const struct snapshot *snapshot, int64_t ver)
{
    size_t n = 0;

    for (size_t i = 0; i < snapshot->n_routers; i++)
        n += snapshot->routers[i].applied >= ver;
    return n;
}

/* ---- who has left it ---- */

size_t region_row_left(const struct snapshot *snapshot, const char *slot, char *out, size_t cap)
{
    size_t n = 0, named = 0, at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < snapshot->n_routers; i++) {
        const struct snapshot_router *r = &snapshot->routers[i];

        if (!snapshot_has_left(r, slot))
            continue;
        n++;
        if (at + strlen(r->id) + 24 < cap && named + 1 == n) {
            at += (size_t)snprintf(out + at, cap - at, "%s%s", named > 0 ? ", " : "", r->id);
            named++;
        }
    }
    if (n > named)
        snprintf(out + at, cap - at, " and %zu more", n - named);
    return n;
}

/* "left by 1 of 8 routers: a", or "" */
static void left_story(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                       char *out, size_t cap)
{
    char names[200];
    size_t n = region_row_left(snapshot, slot->line.slot, names, sizeof(names));

    out[0] = '\0';
    if (n > 0 && slot->line.st == BREAKER_CLOSED)
        snprintf(out, cap, "left by %zu of %zu routers: %s", n, snapshot->n_routers, names);
}

/* ---- a row ---- */

struct table *region_row_table(void)
{
    static const char *const heads[] = {"REGION",    "STATE",    "FORCED",  ">EPOCH",
                                        ">OPEN-FOR", ">OK/FAIL", ">HEALTH", ">LATENCY",
                                        ">PROBES",   "COOLING",  "WHY"};

    return table_new(heads, ARRAY_LEN(heads));
}

/* What says that something is wrong stays: REGION, STATE, FORCED, COOLING and WHY. */
void region_row_fit(struct table *t, size_t columns)
{
    static const size_t order[] = {3 /* EPOCH */,   8 /* PROBES */, 5 /* OK/FAIL */,
                                   7 /* LATENCY */, 6 /* HEALTH */, 4 /* OPEN-FOR */};

    table_fit(t, columns, order, ARRAY_LEN(order), WHY_COLUMNS);
}

static void add_forced(struct table *t, const struct state_line *l, int64_t now_ms)
{
    char span[LOCAL_TIME_MAX];

    if (l->forced == VIEW_AUTO) {
        table_cell(t, TABLE_PLAIN, "-");
        return;
    }
    local_time_span(left(l->funtil_ms, now_ms), span);
    table_cell(t, forced_colour(l->forced), "%s %s%s", view_forced_name(l->forced),
               l->funtil_ms == 0 ? "without end" : "for ", l->funtil_ms == 0 ? "" : span);
}

static void add_health(struct table *t, const struct snapshot_measured *m)
{
    if (m->health < 0)
        table_cell(t, TABLE_PLAIN, "-");
    else
        table_cell(t,
                   m->health >= 90   ? TABLE_GREEN
                   : m->health >= 50 ? TABLE_YELLOW
                                     : TABLE_RED,
                   "%lld", (long long)m->health);
}

/* To the first byte and to the end. */
static void add_latency(struct table *t, const struct snapshot_measured *m)
{
    if (m->first_us < 0)
        table_cell(t, TABLE_PLAIN, "-");
    else
        table_cell(t, TABLE_PLAIN, "%.3fs/%.3fs", (double)m->first_us / 1e6,
                   (double)m->total_us / 1e6);
}

void region_row_add(struct table *t, const struct snapshot *snapshot,
                    const struct snapshot_slot *slot)
{
    const struct state_line *l = &slot->line;
    char span[LOCAL_TIME_MAX] = "", left_by[300];

    left_story(snapshot, slot, left_by, sizeof(left_by));
    table_cell(t, TABLE_PLAIN, "%s", l->slot);
    table_cell(t, left_by[0] != '\0' ? TABLE_YELLOW : state_colour(l->st), "%s",
               breaker_state_name(l->st));
    add_forced(t, l, snapshot->now_ms);
    table_cell(t, TABLE_PLAIN, "%llu", (unsigned long long)l->ep);
    if (l->st == BREAKER_OPEN)
        local_time_span(left(l->until_ms, snapshot->now_ms), span);
    table_cell(t, TABLE_PLAIN, "%s", span);
    table_cell(t, TABLE_PLAIN, "%lld/%lld", (long long)slot->ok, (long long)slot->fail);
    add_health(t, &slot->measured);
    add_latency(t, &slot->measured);
    table_cell(t, TABLE_PLAIN, "%lld", (long long)slot->leases);
    local_time_span(left(l->lim_ms, snapshot->now_ms), span);
    if (l->lim_ms == 0)
        table_cell(t, TABLE_PLAIN, "-");
    else
        table_cell(t, TABLE_YELLOW, "%s %s", cooling_word(slot), span);
    if (!has_story(l))
        table_cell(t, TABLE_PLAIN, "%s", left_by[0] != '\0' ? left_by : cooling_story(slot));
    else
        table_cell(t, TABLE_PLAIN, "%s%s%s%s", l->why,
                   l->why[0] == '\0' || l->by[0] == '\0' ? "" : ", ",
                   l->by[0] != '\0' ? "by " : "", l->by);
}

/* ---- facts ---- */

static void add_state(struct table *t, const struct snapshot *snapshot,
                      const struct snapshot_slot *slot)
{
    const struct state_line *l = &slot->line;
    char span[LOCAL_TIME_MAX], since[LOCAL_TIME_MAX], left_by[300];

    table_cell(t, TABLE_PLAIN, "state");
    local_time_span(left(l->until_ms, snapshot->now_ms), span);
    local_time_date(slot->changed_ms, since);
    if (l->st == BREAKER_OPEN && l->until_ms > snapshot->now_ms)
        table_cell(t, TABLE_RED, "open, may be probed in %s", span);
    else if (l->st == BREAKER_OPEN)
        table_cell(t, TABLE_RED, "open, may be probed now");
    else
        table_cell(t, state_colour(l->st), "%s", breaker_state_name(l->st));
    left_story(snapshot, slot, left_by, sizeof(left_by));
    if (left_by[0] != '\0') {
        table_cell(t, TABLE_PLAIN, "but");
        table_cell(t, TABLE_YELLOW, "%s", left_by);
    }
    table_cell(t, TABLE_PLAIN, "last change");
    table_cell(t, TABLE_PLAIN, "%s", since);
}

static void add_word(struct table *t, const struct snapshot *snapshot,
                     const struct state_line *l)
{
    char span[LOCAL_TIME_MAX], date[LOCAL_TIME_MAX];

    table_cell(t, TABLE_PLAIN, "forced");
    local_time_span(left(l->funtil_ms, snapshot->now_ms), span);
    local_time_date(l->funtil_ms, date);
    if (l->forced == VIEW_AUTO)
        table_cell(t, TABLE_PLAIN, "no");
    else if (l->funtil_ms == 0)
        table_cell(t, forced_colour(l->forced), "%s, without end", view_forced_name(l->forced));
    else
        table_cell(t, forced_colour(l->forced), "%s until %s, %s left",
                   view_forced_name(l->forced), date, span);
    table_cell(t, TABLE_PLAIN, "why");
    table_cell(t, TABLE_PLAIN, "%s", l->why);
    table_cell(t, TABLE_PLAIN, "by");
    table_cell(t, TABLE_PLAIN, "%s", l->by);
}

static void add_check(struct table *t, const struct snapshot *snapshot,
                      const struct snapshot_check *c)
{
    char span[LOCAL_TIME_MAX];

    table_cell(t, TABLE_PLAIN, "check");
    local_time_span(left(snapshot->now_ms, c->t_ms), span);
    if (c->result[0] == '\0')
        table_cell(t, TABLE_PLAIN, "none so far");
    else
        table_cell(t, strcmp(c->result, "ok") == 0 ? TABLE_GREEN : TABLE_RED,
                   "%s, %s in %lldms, %s ago by %s", c->result, c->what, (long long)c->took_ms,
                   span, c->from);
}

static void add_numbers(struct table *t, const struct snapshot *snapshot,
                        const struct snapshot_slot *slot)
{
    const struct state_line *l = &slot->line;
    char span[LOCAL_TIME_MAX];

    table_cell(t, TABLE_PLAIN, "epoch");
    table_cell(t, TABLE_PLAIN, "%llu", (unsigned long long)l->ep);
    table_cell(t, TABLE_PLAIN, "version");
    table_cell(t, TABLE_PLAIN, "%llu, applied by %zu of %zu live routers",
               (unsigned long long)l->ver, region_row_applied(snapshot, (int64_t)l->ver),
               snapshot->n_routers);
    table_cell(t, TABLE_PLAIN, "window");
    table_cell(t, TABLE_PLAIN, "%lld ok, %lld failed, %lld slow", (long long)slot->ok,
               (long long)slot->fail, (long long)slot->slow);
    table_cell(t, TABLE_PLAIN, "trips");
    table_cell(t, TABLE_PLAIN, "%d not forgiven", l->trips);
    table_cell(t, TABLE_PLAIN, "probes");
    table_cell(t, TABLE_PLAIN, "%lld under way", (long long)slot->leases);
    local_time_span(left(l->lim_ms, snapshot->now_ms), span);
    table_cell(t, TABLE_PLAIN, "cooling");
    table_cell(t, TABLE_PLAIN, "%s%s%s",
               l->lim_ms != 0 ? region_row_cooling(slot->cooling) : "no",
               l->lim_ms != 0 ? ", still " : "", l->lim_ms != 0 ? span : "");
    table_cell(t, TABLE_PLAIN, "health");
    add_health(t, &slot->measured);
    table_cell(t, TABLE_PLAIN, "latency");
    add_latency(t, &slot->measured);
    add_check(t, snapshot, &slot->check);
    local_time_span(snapshot->now_ms - slot->seen_ms, span);
    table_cell(t, TABLE_PLAIN, "named");
    table_cell(t, TABLE_PLAIN, "by a router %s ago", span);
}

int region_row_facts(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                     bool colour, struct buf *out)
{
    static const char *const heads[] = {"", ""};
    struct table *t = table_new(heads, ARRAY_LEN(heads));

    table_cell(t, TABLE_BOLD, "region");
    table_cell(t, TABLE_BOLD, "%s", slot->line.slot);
    add_state(t, snapshot, slot);
    add_word(t, snapshot, &slot->line);
    add_numbers(t, snapshot, slot);
    int rc = table_print(t, colour, out);

    table_free(t);
    return rc;
}

/* ---- JSON ---- */

static void number_or_null(struct json_out *o, const char *name, bool given, int64_t ms)
{
    json_out_key(o, name);
    if (given)
        json_out_int(o, ms);
    else
        json_out_null(o);
}

static void json_check(const struct snapshot *snapshot, const struct snapshot_check *c,
                       struct json_out *o)
{
    json_out_key(o, "check");
    if (c->result[0] == '\0') {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_member_text(o, "result", c->result);
    json_out_member_text(o, "seen", c->what);
    json_out_member_int(o, "took_ms", c->took_ms);
    json_out_member_int(o, "ago_ms", left(snapshot->now_ms, c->t_ms));
    json_out_member_text(o, "from", c->from);
    json_out_end(o);
}

void region_row_json(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                     struct json_out *o)
{
    const struct state_line *l = &slot->line;
    bool open = l->st == BREAKER_OPEN, forced = l->forced != VIEW_AUTO;

    json_out_object(o);
    json_out_member_text(o, "region", l->slot);
    json_out_member_text(o, "state", breaker_state_name(l->st));
    json_out_member_int(o, "epoch", (int64_t)l->ep);
    json_out_member_int(o, "version", (int64_t)l->ver);
    json_out_member_int(o, "trips", l->trips);
    number_or_null(o, "open_until_ms", open, l->until_ms);
    number_or_null(o, "open_for_ms", open, left(l->until_ms, snapshot->now_ms));
    json_out_member_text(o, "forced", view_forced_name(l->forced));
    number_or_null(o, "forced_until_ms", forced && l->funtil_ms != 0, l->funtil_ms);
    number_or_null(o, "forced_for_ms", forced && l->funtil_ms != 0,
                   left(l->funtil_ms, snapshot->now_ms));
    json_out_member_text(o, "why", l->why);
    json_out_member_text(o, "by", l->by);
    json_out_key(o, "window");
    json_out_object(o);
    json_out_member_int(o, "ok", slot->ok);
    json_out_member_int(o, "fail", slot->fail);
    json_out_member_int(o, "slow", slot->slow);
    json_out_end(o);
    json_out_member_int(o, "probes", slot->leases);
    json_out_member_text(o, "cooling", l->lim_ms != 0 ? slot->cooling : NULL);
    number_or_null(o, "cooling_for_ms", l->lim_ms != 0, left(l->lim_ms, snapshot->now_ms));
    number_or_null(o, "health", slot->measured.health >= 0, slot->measured.health);
    number_or_null(o, "first_byte_us", slot->measured.first_us >= 0, slot->measured.first_us);
    number_or_null(o, "total_us", slot->measured.total_us >= 0, slot->measured.total_us);
    json_check(snapshot, &slot->check, o);
    json_out_key(o, "left_by");
    json_out_array(o);
    for (size_t i = 0; i < snapshot->n_routers; i++)
        if (snapshot_has_left(&snapshot->routers[i], l->slot))
            json_out_text(o, snapshot->routers[i].id);
    json_out_end(o);
    json_out_member_int(o, "changed_ms", slot->changed_ms);
    json_out_member_int(o, "named_ms", slot->seen_ms);
    json_out_member_int(o, "acknowledged",
                        (int64_t)region_row_applied(snapshot, (int64_t)l->ver));
    json_out_member_int(o, "live_routers", (int64_t)snapshot->n_routers);
    json_out_end(o);
}
