/* router_row.c - the live routers: table and JSON, with what does not fit together marked. */
#include "admin/output/router_row.h"

#include "admin/output/table.h"
#include "admin/output/local_time.h"

#include <stdio.h>
#include <string.h>

const char *router_row_usual_config(const struct snapshot *snapshot)
{
    const char *usual = "";
    size_t most = 0;

    for (size_t i = 0; i < snapshot->n_routers; i++) {
        size_t same = 0;

        for (size_t j = 0; j < snapshot->n_routers; j++)
            same += strcmp(snapshot->routers[i].config, snapshot->routers[j].config) == 0;
        if (same > most) {
            most = same;
            usual = snapshot->routers[i].config;
        }
    }
    return usual;
}

static int64_t lag(const struct snapshot *snapshot, const struct snapshot_router *r)
{
    return snapshot->ver > r->applied ? snapshot->ver - r->applied : 0;
}

static void add_row(struct table *t, const struct snapshot *snapshot,
                    const struct snapshot_router *r, const char *usual)
{
    bool other = strcmp(r->config, usual) != 0;
    char span[LOCAL_TIME_MAX];

    table_cell(t, TABLE_PLAIN, "%s", r->id);
    table_cell(t, TABLE_PLAIN, "%s", r->host);
    table_cell(t, TABLE_PLAIN, "%s", r->pid);
    table_cell(t, TABLE_PLAIN, "%s", r->version);
    table_cell(t, other ? TABLE_YELLOW : TABLE_PLAIN, "%s%s", r->config, other ? " *" : "");
    local_time_span(snapshot->now_ms - r->started_ms, span);
    table_cell(t, TABLE_PLAIN, "%s ago", span);
    table_cell(t, TABLE_PLAIN, "%lld", (long long)r->load);
    table_cell(t, TABLE_PLAIN, "%lld", (long long)r->applied);
    table_cell(t, lag(snapshot, r) > 0 ? TABLE_YELLOW : TABLE_PLAIN, "%lld",
               (long long)lag(snapshot, r));
    local_time_span(snapshot->now_ms - r->seen_ms, span);
    table_cell(t, TABLE_PLAIN, "%s ago", span);
}

static int print_notes(const struct snapshot *snapshot, const char *usual, bool colour,
                       struct buf *out)
{
    size_t others = 0, behind = 0;
    char note[200];

    for (size_t i = 0; i < snapshot->n_routers; i++) {
        others += strcmp(snapshot->routers[i].config, usual) != 0;
        behind += lag(snapshot, &snapshot->routers[i]) > 0;
    }
    snprintf(note, sizeof(note), "* %zu of %zu routers run%s another config than the rest\n",
             others, snapshot->n_routers, others == 1 ? "s" : "");
    if (others > 0 && table_paint(out, colour, TABLE_YELLOW, note) < 0)
        return -1;
    snprintf(note, sizeof(note),
             "%zu of %zu routers lag%s behind version %lld (they report once a second)\n",
             behind, snapshot->n_routers, behind == 1 ? "s" : "", (long long)snapshot->ver);
    return behind > 0 ? table_paint(out, colour, TABLE_YELLOW, note) : 0;
}

int router_row_print(const struct snapshot *snapshot, bool colour, struct buf *out)
{
    static const char *const heads[] = {"ROUTER",  "HOST",  "PID",      "VERSION", "CONFIG",
                                        "STARTED", ">LOAD", ">APPLIED", ">LAG",    "SEEN"};
    const char *usual = router_row_usual_config(snapshot);
    struct table *t = table_new(heads, ARRAY_LEN(heads));

    for (size_t i = 0; i < snapshot->n_routers; i++)
        add_row(t, snapshot, &snapshot->routers[i], usual);
    int rc = table_print(t, colour, out);

    table_free(t);
    return rc < 0 ? rc : print_notes(snapshot, usual, colour, out);
}

void router_row_json(const struct snapshot *snapshot, const struct snapshot_router *r,
                     struct json_out *o)
{
    const char *usual = router_row_usual_config(snapshot);

    json_out_object(o);
    json_out_member_text(o, "id", r->id);
    json_out_member_text(o, "host", r->host);
    json_out_member_text(o, "pid", r->pid);
    json_out_member_text(o, "version", r->version);
    json_out_member_text(o, "config", r->config);
    json_out_key(o, "config_differs");
    json_out_bool(o, strcmp(r->config, usual) != 0);
    json_out_member_int(o, "started_ms", r->started_ms);
    json_out_member_int(o, "load", r->load);
    json_out_member_int(o, "applied", r->applied);
    json_out_member_int(o, "lag", lag(snapshot, r));
    json_out_member_int(o, "seen_ms", r->seen_ms);
    json_out_member_int(o, "seen_ago_ms",
                        snapshot->now_ms > r->seen_ms ? snapshot->now_ms - r->seen_ms : 0);
    json_out_end(o);
}

void router_row_behind(const struct snapshot *snapshot, int64_t ver, char *out, size_t cap)
{
    size_t at = 0, named = 0, behind = 0;
    char span[LOCAL_TIME_MAX], one[VIEW_WORD_MAX + 100];

    out[0] = '\0';
    for (size_t i = 0; i < snapshot->n_routers; i++) {
        const struct snapshot_router *r = &snapshot->routers[i];

        if (r->applied >= ver)
            continue;
        behind++;
        local_time_span(snapshot->now_ms - r->seen_ms, span);
        snprintf(one, sizeof(one), "%s%s (at version %lld, seen %s ago)", named > 0 ? ", " : "",
                 r->id, (long long)r->applied, span);
        if (named + 1 == behind && at + strlen(one) + 24 < cap) {
            at += (size_t)snprintf(out + at, cap - at, "%s", one);
            named++;
        }
    }
    if (behind > named)
        snprintf(out + at, cap - at, "%s%zu more", named > 0 ? " and " : "", behind - named);
}

void router_row_versions(const struct snapshot *snapshot, const char *version, char *out,
                         size_t cap)
{
    size_t at = 0;

    out[0] = '\0';
    for (size_t i = 0; i < snapshot->n_routers; i++) {
        const char *v = snapshot->routers[i].version;
        bool known = strcmp(v, version) == 0;

        for (size_t j = 0; j < i && !known; j++)
            known = strcmp(v, snapshot->routers[j].version) == 0;
        if (known || at + strlen(v) + 8 > cap)
            continue;
        at += (size_t)snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "",
                               v[0] != '\0' ? v : "-");
    }
}
