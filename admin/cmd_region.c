/* cmd_region.c - region show NAME, and region up|down|drain|auto NAME.
 *
 * A change is made by one script in Redis; routers have heard of it when the command comes
 * back, by the publish inside that script.  That they have applied it they say at once in a
 * small fleet, and no later than with their next heartbeat in a large one, where answers of
 * all at once would be a burden.
 */
#include "admin/cmd.h"
#include "admin/override.h"
#include "admin/output/region_row.h"
#include "admin/output/router_row.h"
#include "admin/session.h"
#include "admin/output/table.h"
#include "admin/output/local_time.h"
#include "base/units.h"

#include <string.h>

#define ACK_GLANCE_MS   300 /* without --wait */
#define ACK_PATIENCE_MS 10000

struct change {
    struct override override;
    struct override_result result;
    struct snapshot snapshot; /* after it */
    bool was_forced, waited;
    size_t acknowledged;
};

/* Connects, takes a snapshot and finds words[0] in it; the caller releases it either way. */
static enum run_status find(struct run *run, struct snapshot *snapshot,
                            const struct snapshot_slot **slot, struct err *err)
{
    enum run_status status = run_connect(run, err);

    if (status == RUN_OK)
        status = run_snapshot(run, snapshot, err);
    if (status != RUN_OK)
        return status;
    *slot = run_find_region(run, snapshot, run->words[0], err);
    return *slot != NULL ? RUN_OK : RUN_FAILED;
}

enum run_status cmd_region_show(struct run *run, struct err *err)
{
    const struct snapshot_slot *slot = NULL;
    struct snapshot snapshot = {0};
    struct json_out o;
    struct buf out;
    enum run_status status = find(run, &snapshot, &slot, err);
    int rc;

    buf_init(&out, RUN_OUTPUT_MAX);
    if (status == RUN_OK) {
        if (args_has(run->args, ARGS_JSON)) {
            json_out_init(&o, &out, true);
            region_row_json(&snapshot, slot, &o);
            rc = json_out_finish(&o) < 0 ? -1 : buf_append(&out, "\n", 1);
        } else {
            rc = region_row_facts(&snapshot, slot, run->colour, &out);
        }
        status = rc < 0 ? run_too_large(err) : run_print(run, &out, err);
    }
    snapshot_release(&snapshot);
    buf_release(&out);
    return status;
}

/* ---- what was done ---- */

static int print_effect(const struct change *c, struct buf *out)
{
    const struct state_line *l = &c->result.line;

    if (l->ver > c->result.ver && l->ver != 0)
        return buf_appendf(out, "this was done before, as version %llu; since then ",
                           (unsigned long long)c->result.ver);
    if (l->forced == VIEW_AUTO && !c->was_forced && !c->override.reset)
        return buf_appendf(out, "nothing to do: ");
    return 0;
}

static int print_state(const struct change *c, struct buf *out)
{
    const struct state_line *l = &c->result.line;
    char date[LOCAL_TIME_MAX], span[LOCAL_TIME_MAX];

    if (table_clean(str_of(l->slot), out) < 0)
        return -1;
    if (l->forced == VIEW_AUTO)
        return buf_appendf(out, " is not forced, its breaker decides: %s\n",
                           breaker_state_name(l->st));
    local_time_date(l->funtil_ms, date);
    local_time_span(l->funtil_ms - l->now_ms, span);
    if (buf_appendf(out, " is forced %s ", view_forced_name(l->forced)) < 0 ||
        (l->funtil_ms == 0 ? buf_appendf(out, "without end")
                           : buf_appendf(out, "until %s (%s)", date, span)) < 0)
        return -1;
    if (l->why[0] != '\0' &&
        (buf_appendf(out, ": ") < 0 || table_clean(str_of(l->why), out) < 0))
        return -1;
    return buf_append(out, "\n", 1);
}

static int print_acknowledged(const struct change *c, struct buf *out)
{
    unsigned long long ver = c->result.ver;
    size_t n = c->snapshot.n_routers;

    if (n == 0)
        return buf_appendf(out,
                           "version %llu: no router is alive to acknowledge it; those that "
                           "start will read it\n",
                           ver);
    return buf_appendf(out, "version %llu: acknowledged by %zu of %zu router%s%s\n", ver,
                       c->acknowledged, n, n == 1 ? "" : "s",
                       c->acknowledged == n || c->waited
                           ? ""
                           : " so far (all have within seconds; --wait waits for them)");
}

static int print_text(const struct change *c, struct buf *out)
{
    bool cut = c->result.line.forced == c->override.word && c->override.word != VIEW_AUTO &&
               c->result.line.ver == c->result.ver &&
               strlen(c->result.line.why) < strlen(c->override.reason);

    if (print_effect(c, out) < 0 || print_state(c, out) < 0)
        return -1;
    if (cut &&
        buf_appendf(out, "the reason was shortened as shown: written for the wire it was "
                         "too long\n") < 0)
        return -1;
    return print_acknowledged(c, out);
}

static int print_json(const struct change *c, struct buf *out)
{
    const struct state_line *l = &c->result.line;
    bool ends = l->forced != VIEW_AUTO && l->funtil_ms != 0;
    struct json_out o;

    json_out_init(&o, out, true);
    json_out_object(&o);
    json_out_member_text(&o, "region", l->slot);
    json_out_member_text(&o, "forced", view_forced_name(l->forced));
    json_out_key(&o, "forced_until_ms");
    ends ? json_out_int(&o, l->funtil_ms) : json_out_null(&o);
    json_out_key(&o, "forced_for_ms");
    ends ? json_out_int(&o, l->funtil_ms - l->now_ms) : json_out_null(&o);
    json_out_member_text(&o, "why", l->why);
    json_out_member_text(&o, "by", l->by);
    json_out_member_text(&o, "state", breaker_state_name(l->st));
    json_out_member_int(&o, "epoch", (int64_t)l->ep);
    json_out_member_text(&o, "generation", l->gen);
    json_out_member_int(&o, "version", (int64_t)c->result.ver);
    json_out_member_text(&o, "request_id", c->override.id);
    json_out_member_int(&o, "acknowledged", (int64_t)c->acknowledged);
    json_out_member_int(&o, "live_routers", (int64_t)c->snapshot.n_routers);
    json_out_key(&o, "behind");
    json_out_array(&o);
    for (size_t i = 0; i < c->snapshot.n_routers; i++)
        if (c->snapshot.routers[i].applied < (int64_t)c->result.ver)
            json_out_text(&o, c->snapshot.routers[i].id);
    json_out_end(&o);
    json_out_end(&o);
    return json_out_finish(&o) < 0 ? -1 : buf_append(out, "\n", 1);
}

/* ---- doing it ---- */

static enum run_status refuse_conflict(const struct change *c, struct err *err)
{
    const struct state_line *l = &c->result.line;
    unsigned long long ep = l->ep;

    err_set(err, ERR_CONFLICT,
            "region '%s' changed meanwhile, nothing was done: its epoch is %llu, not %lld (%s, "
            "forced: %s%s%s%s%s); look at it, then say --expect-epoch %llu",
            l->slot, ep, (long long)c->override.expect_epoch, breaker_state_name(l->st),
            view_forced_name(l->forced), l->by[0] != '\0' ? ", by " : "", l->by,
            l->why[0] != '\0' ? ": " : "", l->why, ep);
    return RUN_FAILED;
}

/* The same id is for the same change, said again. */
static enum run_status refuse_id(const struct change *c, struct err *err)
{
    const struct state_line *l = &c->result.line;

    err_set(err, ERR_CONFLICT,
            "request id '%s' was used before, for 'region %s %s' as version %llu: nothing was "
            "done; each change needs an id of its own",
            c->override.id, view_forced_name(l->forced), l->slot,
            (unsigned long long)c->result.ver);
    return RUN_FAILED;
}

static enum run_status refuse_laggards(const struct change *c, int64_t patience_ms,
                                       struct err *err)
{
    char behind[700], text[DURATION_TEXT_MAX];

    duration_format(patience_ms, text, sizeof(text));
    router_row_behind(&c->snapshot, (int64_t)c->result.ver, behind, sizeof(behind));
    err_set(err, ERR_CONFLICT, "after %s %zu of %zu routers have not applied version %llu: %s",
            text, c->snapshot.n_routers - c->acknowledged, c->snapshot.n_routers,
            (unsigned long long)c->result.ver, behind);
    return RUN_FAILED;
}

static enum run_status say(struct run *run, struct change *c, struct err *err)
{
    if (override_say(&c->override, run->session, &c->result, err) < 0)
        return run_status(err);
    if (c->result.conflict)
        return refuse_conflict(c, err);
    if (!c->result.unknown && c->result.line.ver == c->result.ver &&
        c->result.line.forced != c->override.word)
        return refuse_id(c, err);
    if (!c->result.unknown)
        return RUN_OK;
    err_set(err, ERR_UNKNOWN_NAME, "region '%s' went away meanwhile", c->override.region);
    return RUN_FAILED;
}

static enum run_status await(struct run *run, struct change *c, struct err *err)
{
    int64_t given = run->args->number[ARGS_WAIT], patience_ms = ACK_GLANCE_MS;
    const char *gen = c->result.line.gen;
    struct buf out;
    int rc;

    if (c->waited)
        patience_ms = given >= 0 ? given : ACK_PATIENCE_MS;
    if (override_wait(run->session, gen, c->result.ver, patience_ms, &c->snapshot, err) < 0) {
        err_wrap(err, "region '%s' was changed (version %llu), but nobody knows who obeys",
                 c->override.region, (unsigned long long)c->result.ver);
        return run_status(err);
    }
    if (strcmp(c->snapshot.gen, gen) != 0) {
        err_set(err, ERR_CONFLICT,
                "Redis' data began anew meanwhile (it was emptied or replaced): "
                "look at region '%s', and say it again",
                c->override.region);
        return RUN_FAILED;
    }
    c->acknowledged = region_row_applied(&c->snapshot, (int64_t)c->result.ver);
    buf_init(&out, RUN_OUTPUT_MAX);
    rc = args_has(run->args, ARGS_JSON) ? print_json(c, &out) : print_text(c, &out);
    enum run_status status = rc < 0 ? run_too_large(err) : run_print(run, &out, err);

    buf_release(&out);
    if (status == RUN_OK && c->waited && c->acknowledged < c->snapshot.n_routers)
        status = refuse_laggards(c, patience_ms, err);
    return status;
}

enum run_status cmd_region_force(struct run *run, struct err *err)
{
    const struct snapshot_slot *slot = NULL;
    struct snapshot before = {0};
    struct change c = {0};
    enum run_status status = RUN_USAGE;

    /* "region down" */
    if (override_init(&c.override, strchr(run->command, ' ') + 1, run->args, err) < 0)
        return status;
    status = find(run, &before, &slot, err);
    if (status == RUN_OK) {
        c.override.region = slot->line.slot;
        c.was_forced = slot->line.forced != VIEW_AUTO;
        c.waited = args_has(run->args, ARGS_WAIT);
        status = say(run, &c, err);
    }
    if (status == RUN_OK)
        status = await(run, &c, err);
    snapshot_release(&c.snapshot);
    snapshot_release(&before);
    return status;
}
