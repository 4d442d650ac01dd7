/* fleet_head.c - the fleet in one line, and what a status prints. */
#include "admin/output/fleet_head.h"

#include "admin/output/region_row.h"
#include "admin/output/table.h"

#include <string.h>

int fleet_head_print(const struct fleet_head *h, const struct snapshot *snapshot, bool colour,
                     struct buf *out)
{
    size_t n = snapshot->n_routers;

    if (buf_appendf(out, "fleet %s  generation ", h->fleet) < 0 ||
        table_clean(str_of(snapshot->gen), out) < 0 ||
        buf_appendf(out, "  version %lld  %zu live router%s  ", (long long)snapshot->ver, n,
                    n == 1 ? "" : "s") < 0 ||
        table_clean(str_of(h->where), out) < 0 || buf_append(out, "\n", 1) < 0)
        return -1;
    if (n > 0)
        return 0;
    return table_paint(out, colour, TABLE_RED,
                       "no router is alive: nobody refreshes what stands here\n");
}

void fleet_head_json(const struct fleet_head *h, const struct snapshot *snapshot,
                     struct json_out *o)
{
    json_out_key(o, "fleet");
    json_out_text(o, h->fleet);
    json_out_key(o, "redis");
    json_out_text(o, h->where);
    json_out_key(o, "generation");
    json_out_text(o, snapshot->gen);
    json_out_key(o, "version");
    json_out_int(o, snapshot->ver);
    json_out_key(o, "now_ms");
    json_out_int(o, snapshot->now_ms);
    json_out_key(o, "born_ms");
    json_out_int(o, snapshot->born_ms);
    json_out_key(o, "live_routers");
    json_out_int(o, (int64_t)snapshot->n_routers);
}

int fleet_head_status(const struct fleet_head *h, const struct snapshot *snapshot,
                      const struct snapshot_slot *only, bool colour, size_t columns,
                      struct buf *out)
{
    struct table *t = region_row_table();
    int rc;

    for (size_t i = 0; i < snapshot->n_slots; i++)
        if (only == NULL || only == &snapshot->slots[i])
            region_row_add(t, snapshot, &snapshot->slots[i]);
    if (columns > 0)
        region_row_fit(t, columns);
    rc = fleet_head_print(h, snapshot, colour, out);
    if (rc == 0)
        rc = buf_append(out, "\n", 1);
    if (rc == 0)
        rc = table_print(t, colour, out);
    table_free(t);
    return rc;
}

int fleet_head_status_json(const struct fleet_head *h, const struct snapshot *snapshot,
                           const struct snapshot_slot *only, bool indent, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, indent);
    json_out_object(&o);
    fleet_head_json(h, snapshot, &o);
    json_out_key(&o, "regions");
    json_out_array(&o);
    for (size_t i = 0; i < snapshot->n_slots; i++)
        if (only == NULL || only == &snapshot->slots[i])
            region_row_json(snapshot, &snapshot->slots[i], &o);
    json_out_end(&o);
    json_out_end(&o);
    return json_out_finish(&o) < 0 ? -1 : buf_append(out, "\n", 1);
}
