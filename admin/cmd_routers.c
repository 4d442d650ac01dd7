/* cmd_routers.c - routers: who is alive, with which config, and who lags. */
#include "admin/cmd.h"
#include "admin/output/fleet_head.h"
#include "admin/output/router_row.h"
#include "admin/session.h"
#include "admin/output/table.h"
#include "base/version.h"

static int print_skew(const struct snapshot *snapshot, struct buf *out)
{
    char others[200];

    router_row_versions(snapshot, version_text(), others, sizeof(others));
    if (others[0] == '\0')
        return 0;
    if (buf_appendf(out, "routers run ") < 0 || table_clean(str_of(others), out) < 0)
        return -1;
    return buf_appendf(out,
                       ", this is sluice-admin %s: what only one of them knows is not shown\n",
                       version_text());
}

static int print_text(const struct fleet_head *head, const struct snapshot *snapshot,
                      bool colour, struct buf *out)
{
    if (fleet_head_print(head, snapshot, colour, out) < 0 || buf_append(out, "\n", 1) < 0 ||
        router_row_print(snapshot, colour, out) < 0)
        return -1;
    return print_skew(snapshot, out);
}

static int print_json(const struct fleet_head *head, const struct snapshot *snapshot,
                      struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, true);
    json_out_object(&o);
    fleet_head_json(head, snapshot, &o);
    json_out_key(&o, "routers");
    json_out_array(&o);
    for (size_t i = 0; i < snapshot->n_routers; i++)
        router_row_json(snapshot, &snapshot->routers[i], &o);
    json_out_end(&o);
    json_out_end(&o);
    return json_out_finish(&o) < 0 ? -1 : buf_append(out, "\n", 1);
}

enum run_status cmd_routers(struct run *run, struct err *err)
{
    enum run_status status = run_connect(run, err);
    struct snapshot snapshot = {0};
    struct buf out;
    int rc;

    if (status != RUN_OK)
        return status;
    buf_init(&out, RUN_OUTPUT_MAX);
    status = run_snapshot(run, &snapshot, err);
    if (status == RUN_OK) {
        struct fleet_head head = {session_fleet(run->session), session_where(run->session)};

        if (args_has(run->args, ARGS_JSON))
            rc = print_json(&head, &snapshot, &out);
        else
            rc = print_text(&head, &snapshot, run->colour, &out);
        status = rc < 0 ? run_too_large(err) : run_print(run, &out, err);
    }
    snapshot_release(&snapshot);
    buf_release(&out);
    return status;
}
