/* cmd_watch.c - watch: the status again and again.
 *
 * On a terminal every snapshot is drawn over the last one: home, each line cleared to its end, the
 * rest of the screen cleared.  Clearing the screen first would flicker.  Elsewhere they follow
 * each other with an empty line between them.
 */
#include "admin/cmd.h"
#include "admin/output/fleet_head.h"
#include "admin/output/screen.h"
#include "admin/session.h"
#include "admin/output/table.h"

#include <string.h>

#define DEFAULT_INTERVAL_MS 1000

/* One snapshot as text; a fleet or a Redis that is not there is shown, not fatal. */
static int render(struct run *run, struct buf *out, bool *lost)
{
    struct fleet_head head = {session_fleet(run->session), session_where(run->session)};
    struct err err = {0};
    struct snapshot snapshot = {0};
    bool json = args_has(run->args, ARGS_JSON);
    size_t columns = run->terminal ? screen_size(run->out).columns : 0;
    enum run_status status = run_snapshot(run, &snapshot, &err);
    int rc = 0;

    *lost = status != RUN_OK;
    if (!*lost)
        rc = json ? fleet_head_status_json(&head, &snapshot, NULL, false, out)
                  : fleet_head_status(&head, &snapshot, NULL, run->colour, columns, out);
    else if (!json)
        rc = table_clean(str_of(err.msg), out) < 0 ? -1 : buf_append(out, "\n", 1);
    if (*lost && json && !session_is_interrupted(run->session))
        run_complain(run->err, err.msg);
    snapshot_release(&snapshot);
    return rc;
}

static int draw(struct run *run, const struct buf *text, bool first, struct buf *out)
{
    if (run->terminal && !args_has(run->args, ARGS_JSON))
        return screen_draw(out, buf_str(text), screen_size(run->out), first);
    if (!first && !args_has(run->args, ARGS_JSON) && buf_append(out, "\n", 1) < 0)
        return -1;
    return buf_append(out, text->data != NULL ? text->data : "", text->len);
}

static enum run_status snapshot_once(struct run *run, bool first, struct err *err)
{
    enum run_status status = RUN_OK;
    struct buf text, out;
    bool lost;

    buf_init(&text, RUN_OUTPUT_MAX);
    buf_init(&out, RUN_OUTPUT_MAX);
    if (render(run, &text, &lost) < 0 || draw(run, &text, first, &out) < 0)
        status = run_too_large(err);
    else if (!session_is_interrupted(run->session))
        status = run_print(run, &out, err);
    buf_release(&text);
    buf_release(&out);
    return status;
}

enum run_status cmd_watch(struct run *run, struct err *err)
{
    int64_t interval_ms = run->args->number[ARGS_INTERVAL];
    int64_t left = run->args->number[ARGS_COUNT]; /* -1: no end */
    enum run_status status = run_connect(run, err);

    if (status != RUN_OK)
        return status;
    if (interval_ms < 0)
        interval_ms = DEFAULT_INTERVAL_MS;
    session_catch_signals(run->session);
    for (bool first = true; status == RUN_OK; first = false) {
        status = snapshot_once(run, first, err);
        if (status != RUN_OK || session_is_interrupted(run->session) || --left == 0)
            break;
        session_sleep(run->session, interval_ms);
        if (session_is_interrupted(run->session))
            break;
    }
    return status;
}
