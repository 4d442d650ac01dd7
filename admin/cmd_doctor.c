/* cmd_doctor.c - doctor: finds what is wrong with a fleet's shared state, says what to do.
 *
 * Changes nothing.  Routers say once a second what they have applied, so where one lags it
 * looks again a moment later: only who then is behind the first snapshot's version is late.
 */
#include "admin/cmd.h"
#include "admin/doctor/fleet.h"
#include "admin/doctor/redis.h"
#include "admin/session.h"
#include "base/version.h"

#include <string.h>

#define LAG_PATIENCE_MS 2000 /* a heartbeat of 1 s, 20 % longer at times, and some noise */

static bool lags(const struct snapshot *snapshot, int64_t ver)
{
    for (size_t i = 0; i < snapshot->n_routers; i++)
        if (snapshot->routers[i].applied < ver)
            return true;
    return false;
}

/* *ver: what every router should have applied.  -1 with err: Redis gives no snapshot. */
static int snapshot_twice(struct session *s, struct snapshot *snapshot, int64_t *ver,
                          struct err *err)
{
    if (session_snapshot(s, snapshot, err) < 0)
        return -1;
    *ver = snapshot->ver;
    if (!lags(snapshot, *ver))
        return 0;
    session_sleep(s, LAG_PATIENCE_MS);
    char gen[sizeof(snapshot->gen)];

    memcpy(gen, snapshot->gen, sizeof(gen));
    snapshot_release(snapshot);
    if (session_snapshot(s, snapshot, err) < 0)
        return -1;
    if (strcmp(snapshot->gen, gen) != 0)
        *ver = 0; /* versions of two generations do not compare */
    return 0;
}

/* -1 with err only when the connection is lost. */
static int examine(struct session *s, struct findings *out, struct err *err)
{
    struct doctor_facts facts;
    struct snapshot snapshot = {0};
    int64_t ver = 0;
    int rc = doctor_facts_gather(&facts, s, err);

    if (rc < 0)
        return rc;
    doctor_redis_judge(&facts, session_where(s), session_fleet(s), out);
    rc = snapshot_twice(s, &snapshot, &ver, err);
    if (rc == 0 && snapshot.gen[0] != '\0') {
        doctor_fleet_judge(&snapshot, ver, &facts, version_text(), out);
    } else if (rc == 0) {
        finding_add(out, FINDING_BAD, "fleet", "no router ever joined fleet '%s' here",
                    session_fleet(s));
        finding_todo(out, "see that the fleet's name (--fleet, -c FILE or SLUICE_FLEET) and "
                          "the URL's database number are the routers'");
    } else if (!session_is_lost(s)) {
        finding_add(out, FINDING_BAD, "fleet", "the fleet's state cannot be read: %s",
                    err->msg);
        rc = 0;
    }
    snapshot_release(&snapshot);
    return rc;
}

static int print_json(const struct session *s, const struct findings *f, struct buf *out)
{
    struct json_out o;

    json_out_init(&o, out, true);
    json_out_object(&o);
    json_out_key(&o, "fleet");
    json_out_text(&o, session_fleet(s));
    json_out_key(&o, "redis");
    json_out_text(&o, session_where(s));
    json_out_key(&o, "ok");
    json_out_bool(&o, findings_count(f, FINDING_BAD) == 0);
    json_out_key(&o, "findings");
    findings_json(f, &o);
    json_out_end(&o);
    return json_out_finish(&o) < 0 ? -1 : buf_append(out, "\n", 1);
}

enum run_status cmd_doctor(struct run *run, struct err *err)
{
    enum run_status status = run_connect(run, err);
    struct findings found = {0};
    struct buf out;
    int rc;

    if (status != RUN_OK)
        return status;
    buf_init(&out, RUN_OUTPUT_MAX);
    if (examine(run->session, &found, err) < 0) {
        status = run_status(err);
    } else {
        err->msg[0] = '\0'; /* what was refused is a finding, not a failure */
        if (args_has(run->args, ARGS_JSON))
            rc = print_json(run->session, &found, &out);
        else
            rc = findings_print(&found, run->colour, &out);
        status = rc < 0 ? run_too_large(err) : run_print(run, &out, err);
        if (status == RUN_OK && findings_count(&found, FINDING_BAD) > 0)
            status = RUN_FAILED;
    }
    findings_release(&found);
    buf_release(&out);
    return status;
}
