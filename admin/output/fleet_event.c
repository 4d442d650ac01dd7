/* fleet_event.c - one event of the fleet, as its stream has it. */
#include "admin/output/fleet_event.h"

#include "admin/output/table.h"
#include "admin/output/local_time.h"
#include "admin/output/region_row.h"
#include "redis/value.h"
#include "shared/state_line.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define TEXT(field)                                                                            \
    offsetof(struct fleet_event, field), sizeof(((struct fleet_event *)0)->field)
#define NUMBER(field) offsetof(struct fleet_event, field), 0

/* clang-format off */
static const struct {
    const char *name;
    size_t offset, cap; /* cap 0: a number */
} fields[] = {
    {"t",    NUMBER(t_ms)}, {"kind", TEXT(kind)}, {"key", TEXT(slot)},
    {"from", TEXT(from)},   {"to",   TEXT(to)},   {"ep",  NUMBER(ep)},
    {"ver",  NUMBER(ver)},  {"why",  TEXT(why)},  {"by",  TEXT(by)},
};

static const struct {
    const char *kind;
    enum table_colour colour;
} kinds[] = {
    {"trip",  TABLE_RED},    {"reopen", TABLE_RED},    {"close", TABLE_GREEN},
    {"probe", TABLE_YELLOW}, {"force",  TABLE_YELLOW}, {"cool",  TABLE_YELLOW},
    {"lost",  TABLE_RED},    {"reassert", TABLE_YELLOW},
};
/* clang-format on */

static void copy(char *out, size_t cap, struct str s)
{
    size_t n = s.len < cap - 1 ? s.len : cap - 1;

    if (str_eqz(s, "-"))
        n = 0;
    if (n > 0)
        memcpy(out, s.ptr, n);
    out[n] = '\0';
}

static void take_field(struct fleet_event *e, struct str name, const struct redisReply *value)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        char *at = (char *)e + fields[i].offset;
        int64_t n;

        if (!str_eqz(name, fields[i].name))
            continue;
        if (fields[i].cap != 0)
            copy(at, fields[i].cap, redis_value_text(value));
        else if (redis_value_number(value, &n))
            memcpy(at, &n, sizeof(n));
    }
}

bool fleet_event_decode(struct fleet_event *e, const struct redisReply *r)
{
    const struct redisReply *pairs = redis_value_at(r, 1);
    struct str id = redis_value_text(redis_value_at(r, 0));

    memset(e, 0, sizeof(*e));
    if (id.len == 0 || id.len > FLEET_EVENT_ID_MAX || redis_value_count(pairs) == 0)
        return false;
    copy(e->id, sizeof(e->id), id);
    for (size_t i = 0; i + 1 < redis_value_count(pairs); i += 2)
        take_field(e, redis_value_text(redis_value_at(pairs, i)), redis_value_at(pairs, i + 1));
    return true;
}

/* ---- printing ---- */

static bool is(const struct fleet_event *e, const char *kind)
{
    return strcmp(e->kind, kind) == 0;
}

static const char *or_dash(const char *z)
{
    return z[0] != '\0' ? z : "-";
}

/* What happened, without why and by whom. */
static void describe(const struct fleet_event *e, char *out, size_t cap)
{
    char date[LOCAL_TIME_MAX];
    int64_t until_ms;

    if (is(e, "cool") && str_to_whole(str_of(e->to), STATE_LINE_NUMBER_MAX, &until_ms)) {
        local_time_date(until_ms, date);
        snprintf(out, cap, "cooling until %s", date);
    } else if (is(e, "attach") && e->slot[0] == '\0') {
        snprintf(out, cap, "new generation %s, before: %s", e->to, or_dash(e->from));
    } else if (is(e, "check")) {
        snprintf(out, cap, strcmp(e->to, "ok") == 0 ? "check is well again" : "check failed");
    } else if (is(e, "join")) {
        snprintf(out, cap, "router joined");
    } else if (is(e, "leave")) {
        snprintf(out, cap, "router left");
    } else if (is(e, "lost")) {
        snprintf(out, cap, "router has not been heard of");
    } else {
        snprintf(out, cap, "%s -> %s", or_dash(e->from), or_dash(e->to));
    }
}

int fleet_event_print(const struct fleet_event *e, bool colour, struct buf *out)
{
    enum table_colour paint = TABLE_PLAIN;
    bool of_router = is(e, "join") || is(e, "leave") || is(e, "lost");
    char date[LOCAL_TIME_MAX], what[200], kind[40];

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (is(e, kinds[i].kind))
            paint = kinds[i].colour;
    local_time_date(e->t_ms, date);
    describe(e, what, sizeof(what));
    snprintf(kind, sizeof(kind), "%-8s", or_dash(e->kind));
    char line[VIEW_SLOT_MAX + sizeof(e->why) + sizeof(e->by) + 340];

    snprintf(line, sizeof(line), "  %-14s  %s%s%s%s%s%s", or_dash(of_router ? e->by : e->slot),
             what, e->why[0] != '\0' ? ": " : "",
             is(e, "cool") ? region_row_cooling(e->why) : e->why,
             !of_router && e->by[0] != '\0' ? " (by " : "", of_router ? "" : e->by,
             !of_router && e->by[0] != '\0' ? ")" : "");
    if (buf_appendf(out, "%s  ", date) < 0)
        return -1;
    struct buf clean;
    int rc = -1;

    buf_init(&clean, 256);
    if (table_clean(str_of(kind), &clean) == 0 &&
        table_paint(out, colour, paint, clean.data) == 0 && table_clean(str_of(line), out) == 0)
        rc = buf_append(out, "\n", 1);
    buf_release(&clean);
    return rc;
}

static void text_or_null(struct json_out *o, const char *name, const char *z)
{
    json_out_key(o, name);
    json_out_text(o, z[0] != '\0' ? z : NULL);
}

void fleet_event_json(const struct fleet_event *e, struct json_out *o)
{
    json_out_object(o);
    text_or_null(o, "id", e->id);
    json_out_member_int(o, "time_ms", e->t_ms);
    text_or_null(o, "kind", e->kind);
    text_or_null(o, "region", e->slot);
    text_or_null(o, "from", e->from);
    text_or_null(o, "to", e->to);
    json_out_member_int(o, "epoch", e->ep);
    json_out_member_int(o, "version", e->ver);
    text_or_null(o, "why", e->why);
    text_or_null(o, "by", e->by);
    json_out_end(o);
}
