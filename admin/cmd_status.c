/* cmd_status.c - status [REGION]: the state of every region, or of one, and of the fleet. */
#include "admin/cmd.h"
#include "admin/output/fleet_head.h"
#include "admin/session.h"

enum run_status cmd_status(struct run *run, struct err *err)
{
    const struct snapshot_slot *only = NULL;
    enum run_status status = run_connect(run, err);
    struct snapshot snapshot = {0};
    struct buf out;
    int rc;

    if (status != RUN_OK)
        return status;
    buf_init(&out, RUN_OUTPUT_MAX);
    status = run_snapshot(run, &snapshot, err);
    if (status == RUN_OK && run->n_words > 0) {
        only = run_find_region(run, &snapshot, run->words[0], err);
        status = only != NULL ? RUN_OK : RUN_FAILED;
    }
    if (status == RUN_OK) {
        struct fleet_head head = {session_fleet(run->session), session_where(run->session)};

        if (args_has(run->args, ARGS_JSON))
            rc = fleet_head_status_json(&head, &snapshot, only, true, &out);
        else
            rc = fleet_head_status(&head, &snapshot, only, run->colour, 0, &out);
        status = rc < 0 ? run_too_large(err) : run_print(run, &out, err);
    }
    snapshot_release(&snapshot);
    buf_release(&out);
    return status;
}
