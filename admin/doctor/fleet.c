/* fleet.c - do the routers of a fleet agree, and is anything stuck? */
#include "admin/doctor/fleet.h"

#include "admin/output/region_row.h"
#include "admin/output/router_row.h"
#include "admin/output/local_time.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMES_MAX 400

/* "a, b, c", and how many did not fit. */
struct names {
    char text[NAMES_MAX];
    size_t at, n, left_out;
};

static void name_add(struct names *l, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void name_add(struct names *l, const char *fmt, ...)
{
    char one[NAMES_MAX];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(one, sizeof(one), fmt, ap);
    va_end(ap);
    l->n++;
    if (l->left_out > 0 || l->at + strlen(one) + 24 > sizeof(l->text)) {
        l->left_out++;
        snprintf(l->text + l->at, sizeof(l->text) - l->at, " and %zu more", l->left_out);
        return;
    }
    l->at += (size_t)snprintf(l->text + l->at, sizeof(l->text) - l->at, "%s%s",
                              l->at > 0 ? ", " : "", one);
}

static void judge_generation(const struct snapshot *snapshot, const struct doctor_facts *f,
                             struct findings *out)
{
    char span[LOCAL_TIME_MAX];

    local_time_span(snapshot->now_ms - snapshot->born_ms, span);
    if (f->has_meta && strcmp(f->meta_run, "-") == 0) {
        finding_add(out, FINDING_WARN, "generation",
                    "%s, %s old, of no known server: routers may not INFO", snapshot->gen,
                    span);
        finding_todo(out, "allow +info, or a restarted Redis passes for the same one");
    } else if (f->has_info && f->has_meta && strcmp(f->meta_run, f->run) != 0) {
        finding_add(out, FINDING_WARN, "generation",
                    "%s began at the server with run id %.12s, this is %.12s: it restarted or "
                    "took over, and no router has attached since",
                    snapshot->gen, f->meta_run, f->run);
        finding_todo(out, "run doctor again in a few seconds; if it stays, the routers' logs "
                          "say why they cannot attach here");
    } else {
        finding_add(out, FINDING_OK, "generation", "%s, %s old, version %lld", snapshot->gen,
                    span, (long long)snapshot->ver);
    }
}

static void judge_applied(const struct snapshot *snapshot, int64_t ver, struct findings *out)
{
    char behind[NAMES_MAX];

    router_row_behind(snapshot, ver, behind, sizeof(behind));
    if (behind[0] == '\0') {
        finding_add(out, FINDING_OK, "applied", "every router has applied version %lld",
                    (long long)ver);
        return;
    }
    finding_add(out, FINDING_BAD, "applied", "not at version %lld yet: %s", (long long)ver,
                behind);
    finding_todo(out, "they route by an older state; see whether the processes are stopped or "
                      "starved of CPU, and their logs for \"shared state away\"");
}

static void judge_push(const struct snapshot *snapshot, const struct doctor_facts *f,
                       struct findings *out)
{
    long long live = (long long)snapshot->n_routers, n = (long long)f->subscribers;

    if (n < 0) {
        finding_add(out, FINDING_UNKNOWN, "push", "this user may not PUBSUB NUMSUB");
        finding_todo(out, "run doctor as a user that may");
    } else if (n < live && f->replicas > 0) {
        finding_add(out, FINDING_UNKNOWN, "push",
                    "%lld of %lld routers listen here; the rest perhaps at replicas (%lld)", n,
                    live, (long long)f->replicas);
        finding_todo(
            out, "with redis.subscribe_url count those there: PUBSUB NUMSUB; without, their "
                 "logs say why they cannot SUBSCRIBE");
    } else if (n < live) {
        finding_add(out, FINDING_WARN, "push", "%lld of %lld routers listen for news", n, live);
        finding_todo(out, "the rest poll and learn up to 100ms later; their logs say why they "
                          "cannot SUBSCRIBE: the ACL's channels (&), or a proxy in between");
    } else {
        finding_add(out, FINDING_OK, "push", "%lld subscribers for %lld routers", n, live);
    }
}

static void judge_config(const struct snapshot *snapshot, struct findings *out)
{
    const char *usual = router_row_usual_config(snapshot);
    struct names l = {0};

    for (size_t i = 0; i < snapshot->n_routers; i++)
        if (strcmp(snapshot->routers[i].config, usual) != 0)
            name_add(&l, "%s (%s)", snapshot->routers[i].id, snapshot->routers[i].config);
    if (l.n == 0) {
        finding_add(out, FINDING_OK, "config", "every router runs the same (%s)", usual);
        return;
    }
    finding_add(out, FINDING_WARN, "config", "most routers run %s, but: %s", usual, l.text);
    finding_todo(out, "bring the same file to all and reload (SIGHUP), unless a rollout is "
                      "under way");
}

static void judge_versions(const struct snapshot *snapshot, const char *version,
                           struct findings *out)
{
    char others[NAMES_MAX];

    router_row_versions(snapshot, version, others, sizeof(others));
    if (others[0] == '\0') {
        finding_add(out, FINDING_OK, "versions", "routers and sluice-admin are all %s",
                    version);
        return;
    }
    finding_add(out, FINDING_WARN, "versions", "sluice-admin is %s, routers also run %s",
                version, others);
    finding_todo(out, "each brings its own scripts and they work side by side; finish the "
                      "upgrade before you rely on what is new");
}

static void judge_routers(const struct snapshot *snapshot, int64_t ver,
                          const struct doctor_facts *f, const char *version,
                          struct findings *out)
{
    if (snapshot->n_routers == 0) {
        finding_add(out, FINDING_BAD, "routers", "none is alive: nobody refreshes this state");
        finding_todo(out, "start one; one that runs and is not here uses another Redis, "
                          "database or fleet name, or is cut off: its log says so");
        return;
    }
    finding_add(out, FINDING_OK, "routers", "%zu alive", snapshot->n_routers);
    judge_applied(snapshot, ver, out);
    judge_push(snapshot, f, out);
    judge_config(snapshot, out);
    judge_versions(snapshot, version, out);
}

/* ---- regions ---- */

static void judge_forced(const struct snapshot *snapshot, struct findings *out)
{
    size_t forced = 0, endless = 0;

    for (size_t i = 0; i < snapshot->n_slots; i++) {
        const struct state_line *l = &snapshot->slots[i].line;

        forced += l->forced != VIEW_AUTO;
        if (l->forced == VIEW_AUTO || l->funtil_ms != 0)
            continue;
        endless++;
        finding_add(out, FINDING_WARN, "forced", "%s is forced %s without an end, by %s (%s)",
                    l->slot, view_forced_name(l->forced), l->by[0] != '\0' ? l->by : "nobody",
                    l->why[0] != '\0' ? l->why : "no reason given");
        finding_todo(out, "\"region auto %s\" when it is over, or --for a time", l->slot);
    }
    if (endless == 0)
        finding_add(out, FINDING_OK, "forced", "%zu of %zu regions%s", forced,
                    snapshot->n_slots, forced > 0 ? ", each with an end" : "");
}

/* false: nothing to say. */
static bool judge_cooling(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                          struct findings *out)
{
    int64_t left_ms = slot->line.lim_ms - snapshot->now_ms;
    const char *name = slot->line.slot;
    char span[LOCAL_TIME_MAX];

    if (slot->line.lim_ms == 0 || left_ms <= 0)
        return false;
    local_time_span(left_ms, span);
    if (strcmp(slot->cooling, "auth") == 0) {
        finding_add(out, FINDING_BAD, "region", "%s refuses our key", name);
        finding_todo(out, "put a valid api_key into the config and reload (SIGHUP)");
    } else if (strcmp(slot->cooling, "quota") == 0) {
        finding_add(out, FINDING_BAD, "region", "%s says that the credit is used up", name);
        finding_todo(out, "pay, or raise the quota with the vendor; it is asked again in %s",
                     span);
    } else if (left_ms > DOCTOR_FLEET_COOL_MS) {
        finding_add(out, FINDING_WARN, "region", "%s is throttled by its vendor for %s", name,
                    span);
        finding_todo(out,
                     "send it less, or ask the vendor for a higher limit; if the vendor's "
                     "Retry-After is wrong, \"region up %s\"",
                     name);
    } else {
        return false;
    }
    return true;
}

/* false: nothing to say. */
static bool judge_check(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                        struct findings *out)
{
    int64_t ago_ms = snapshot->now_ms - slot->check.t_ms;
    char span[LOCAL_TIME_MAX];

    if (strcmp(slot->check.result, "fail") != 0 || ago_ms > DOCTOR_FLEET_CHECK_MS)
        return false;
    local_time_span(ago_ms, span);
    finding_add(out, FINDING_WARN, "region", "the check of %s failed %s ago: %s",
                slot->line.slot, span, slot->check.what);
    finding_todo(out, "try its base_url and its key from the host of %s",
                 slot->check.from[0] != '\0' ? slot->check.from : "a router");
    return true;
}

/* false: nothing to say. */
static bool judge_left(const struct snapshot *snapshot, const struct snapshot_slot *slot,
                       struct findings *out)
{
    char names[NAMES_MAX];
    size_t n = region_row_left(snapshot, slot->line.slot, names, sizeof(names));

    if (n == 0 || slot->line.st != BREAKER_CLOSED)
        return false;
    finding_add(out, FINDING_WARN, "region",
                "%s is closed, but left by %zu of %zu routers: it fails for them alone (%s)",
                slot->line.slot, n, snapshot->n_routers, names);
    finding_todo(out, "try its base_url from their hosts: a firewall, DNS, a proxy, another "
                      "config");
    return true;
}

static bool is_usable(const struct snapshot *snapshot, const struct snapshot_slot *slot)
{
    const struct state_line *l = &slot->line;

    if (l->forced == VIEW_DOWN || l->forced == VIEW_DRAIN || l->lim_ms > snapshot->now_ms)
        return false;
    return l->forced == VIEW_UP || l->st == BREAKER_CLOSED;
}

static void judge_regions(const struct snapshot *snapshot, struct findings *out)
{
    size_t said = 0, usable = 0;

    for (size_t i = 0; i < snapshot->n_slots; i++) {
        const struct snapshot_slot *slot = &snapshot->slots[i];

        usable += is_usable(snapshot, slot);
        said += judge_cooling(snapshot, slot, out);
        said += judge_check(snapshot, slot, out);
        said += judge_left(snapshot, slot, out);
        if (slot->line.st == BREAKER_CLOSED || slot->line.trips < DOCTOR_FLEET_TRIPS)
            continue;
        said++;
        finding_add(out, FINDING_WARN, "region", "%s is %s after %d trips: probes keep failing",
                    slot->line.slot, breaker_state_name(slot->line.st), slot->line.trips);
        finding_todo(out,
                     "\"events --region %s\" says why; try the base_url from a router's "
                     "host",
                     slot->line.slot);
    }
    if (usable == 0 && snapshot->n_slots > 0) {
        finding_add(out, FINDING_BAD, "regions", "none of %zu is usable now",
                    snapshot->n_slots);
        finding_todo(out, "\"status\" says why for each; \"region up NAME\" uses one whatever "
                          "its breaker says");
    } else if (said == 0) {
        finding_add(out, FINDING_OK, "regions", "%zu of %zu usable", usable, snapshot->n_slots);
    }
}

void doctor_fleet_judge(const struct snapshot *snapshot, int64_t ver,
                        const struct doctor_facts *f, const char *version, struct findings *out)
{
    judge_generation(snapshot, f, out);
    judge_routers(snapshot, ver, f, version, out);
    judge_forced(snapshot, out);
    judge_regions(snapshot, out);
}
