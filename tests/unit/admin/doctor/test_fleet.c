/* test_fleet.c - each trouble of a fleet, one row each: what is found, and how bad. */
#include "admin/doctor/fleet.h"

#include "base/str.h"
#include "tests/unit/admin/sample_snapshot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct snapshot snapshot;
static struct doctor_facts facts;
static struct findings found;

/* The sample without its troubles. */
static void setup(void)
{
    sample_snapshot(&snapshot);
    for (size_t i = 0; i < snapshot.n_slots; i++) {
        struct snapshot_slot *k = &snapshot.slots[i];

        k->line.st = BREAKER_CLOSED;
        k->line.forced = VIEW_AUTO;
        k->line.lim_ms = k->line.until_ms = k->line.funtil_ms = 0;
        k->line.trips = 0;
        k->cooling[0] = '\0';
        k->check.result[0] = '\0';
    }
    for (size_t i = 0; i < snapshot.n_routers; i++) {
        snapshot.routers[i].applied = 12;
        str_copy(snapshot.routers[i].config, sizeof(snapshot.routers[i].config), "c1");
    }
    memset(&facts, 0, sizeof(facts));
    facts.has_info = facts.has_meta = true;
    str_copy(facts.run, sizeof(facts.run), "abcdef");
    str_copy(facts.meta_run, sizeof(facts.meta_run), "abcdef");
    facts.subscribers = 3;
}

static void teardown(void)
{
    snapshot_release(&snapshot);
    findings_release(&found);
}

TestSuite(doctor_fleet, .init = setup, .fini = teardown);

/* The first finding of that kind with the words in it. */
static const struct finding *find(const char *check, const char *what)
{
    for (size_t i = 0; i < found.n; i++)
        if (strcmp(found.list[i].check, check) == 0 && strstr(found.list[i].what, what) != NULL)
            return &found.list[i];
    return NULL;
}

static void judge(void)
{
    findings_release(&found);
    doctor_fleet_judge(&snapshot, 12, &facts, "0.1.0", &found);
}

Test(doctor_fleet, a_healthy_one_has_nothing_to_do)
{
    judge();
    cr_expect_eq(findings_count(&found, FINDING_OK), found.n);
    cr_expect_eq(found.n, 8);
}

static void torn_host(void)
{
    str_copy(snapshot.routers[1].left, sizeof(snapshot.routers[1].left), "ap");
}

static void laggard(void)
{
    snapshot.routers[1].applied = 11;
}
static void nobody(void)
{
    snapshot.n_routers = 0;
}
static void deaf(void)
{
    facts.subscribers = 2;
}
static void elsewhere(void)
{
    facts.subscribers = 2;
    facts.replicas = 2;
}
static void may_not_numsub(void)
{
    facts.subscribers = -1;
}
static void other_config(void)
{
    str_copy(snapshot.routers[1].config, 65, "c2");
}
static void other_version(void)
{
    str_copy(snapshot.routers[1].version, 65, "0.2.0");
}
static void moved(void)
{
    str_copy(facts.run, sizeof(facts.run), "ffffff");
}
static void no_run(void)
{
    str_copy(facts.meta_run, sizeof(facts.meta_run), "-");
}
static void forced_for_good(void)
{
    snapshot.slots[1].line.forced = VIEW_DRAIN;
}
static void forced_a_while(void)
{
    snapshot.slots[1].line.forced = VIEW_DRAIN;
    snapshot.slots[1].line.funtil_ms = snapshot.now_ms + 1000;
}
static void cool(size_t i, const char *why, int64_t ms)
{
    str_copy(snapshot.slots[i].cooling, sizeof(snapshot.slots[i].cooling), why);
    snapshot.slots[i].line.lim_ms = snapshot.now_ms + ms;
}
static void refused_key(void)
{
    cool(1, "auth", 60000);
}
static void no_credit(void)
{
    cool(1, "quota", 600000);
}
static void throttled_long(void)
{
    cool(1, "throttled", DOCTOR_FLEET_COOL_MS + 1);
}
static void throttled(void)
{
    cool(1, "throttled", DOCTOR_FLEET_COOL_MS);
}
static void cooled_down(void)
{
    cool(1, "auth", 0);
}
static void does_not_heal(void)
{
    snapshot.slots[1].line.st = BREAKER_OPEN;
    snapshot.slots[1].line.trips = DOCTOR_FLEET_TRIPS;
}
static void tripped(void)
{
    does_not_heal();
    snapshot.slots[1].line.trips--;
}
static void check_of(int64_t ago_ms)
{
    struct snapshot_check *c = &snapshot.slots[1].check;

    str_copy(c->result, sizeof(c->result), "fail");
    str_copy(c->what, sizeof(c->what), "status_500");
    str_copy(c->from, sizeof(c->from), "r3");
    c->t_ms = snapshot.now_ms - ago_ms;
}
static void check_failed(void)
{
    check_of(DOCTOR_FLEET_CHECK_MS);
}
static void check_failed_long_ago(void)
{
    check_of(DOCTOR_FLEET_CHECK_MS + 1);
}
static void all_open(void)
{
    for (size_t i = 0; i < snapshot.n_slots; i++)
        snapshot.slots[i].line.st = BREAKER_OPEN;
}
static void all_open_one_up(void)
{
    all_open();
    snapshot.slots[0].line.forced = VIEW_UP;
    snapshot.slots[0].line.funtil_ms = snapshot.now_ms + 1000;
}

Test(doctor_fleet, each_trouble_is_named)
{
    static const struct {
        void (*spoil)(void);
        const char *check;
        enum finding_level level;
        const char *what, *todo;
    } rows[] = {
        {laggard, "applied", FINDING_BAD, "r2 (at version 11", "older state"},
        {nobody, "routers", FINDING_BAD, "none is alive", "start one"},
        {deaf, "push", FINDING_WARN, "2 of 3 routers listen", "SUBSCRIBE"},
        {elsewhere, "push", FINDING_UNKNOWN,
         "2 of 3 routers listen here; the rest perhaps at replicas (2)", "subscribe_url"},
        {may_not_numsub, "push", FINDING_UNKNOWN, "NUMSUB", "a user that may"},
        {other_config, "config", FINDING_WARN, "most routers run c1, but: r2 (c2)", "reload"},
        {other_version, "versions", FINDING_WARN,
         "sluice-admin is 0.1.0, routers also run 0.2.0", "upgrade"},
        {moved, "generation", FINDING_WARN, "run id abcdef, this is ffffff", "again"},
        {no_run, "generation", FINDING_WARN, "may not INFO", "+info"},
        {forced_for_good, "forced", FINDING_WARN,
         "eu is forced drain without an end, by a@h (vendor incident)", "region auto eu"},
        {forced_a_while, "forced", FINDING_OK, "1 of 3 regions, each with an end", ""},
        {refused_key, "region", FINDING_BAD, "eu refuses our key", "api_key"},
        {no_credit, "region", FINDING_BAD, "credit is used up", "asked again in 10m"},
        {throttled_long, "region", FINDING_WARN, "throttled by its vendor for 5m", "limit"},
        {throttled, "regions", FINDING_OK, "2 of 3 usable", ""},
        {cooled_down, "regions", FINDING_OK, "3 of 3 usable", ""},
        {torn_host, "region", FINDING_WARN,
         "ap is closed, but left by 1 of 3 routers: it fails for them alone (r2)",
         "from their hosts"},
        {does_not_heal, "region", FINDING_WARN, "eu is open after 5 trips",
         "events --region eu"},
        {tripped, "regions", FINDING_OK, "2 of 3 usable", ""},
        {check_failed, "region", FINDING_WARN, "the check of eu failed 1h ago: status_500",
         "r3"},
        {check_failed_long_ago, "regions", FINDING_OK, "3 of 3 usable", ""},
        {all_open, "regions", FINDING_BAD, "none of 3 is usable", "status"},
        {all_open_one_up, "regions", FINDING_OK, "1 of 3 usable", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (i > 0) {
            teardown();
            setup();
        }
        rows[i].spoil();
        judge();
        const struct finding *one = find(rows[i].check, rows[i].what);

        cr_assert_not_null(one, "row %zu: %s", i, rows[i].what);
        cr_expect_eq(one->level, rows[i].level, "row %zu: %s", i, one->what);
        cr_expect_not_null(strstr(one->todo, rows[i].todo), "row %zu: %s", i, one->todo);
    }
}

Test(doctor_fleet, says_nothing_of_routers_where_none_is_alive)
{
    nobody();
    judge();
    cr_expect_null(find("applied", ""));
    cr_expect_null(find("push", ""));
}

Test(doctor_fleet, names_are_cut_when_there_are_too_many)
{
    snapshot_release(&snapshot);
    snapshot.n_routers = 200;
    snapshot.routers = xcalloc(snapshot.n_routers, sizeof(snapshot.routers[0]));
    for (size_t i = 0; i < snapshot.n_routers; i++) {
        snprintf(snapshot.routers[i].id, sizeof(snapshot.routers[i].id), "router-%zu", i);
        snprintf(snapshot.routers[i].config, 65, "c%zu", i > 100 ? i : 0);
    }
    judge();
    const struct finding *one = find("config", "router-101");

    cr_assert_not_null(one);
    cr_expect_not_null(strstr(one->what, " more"), "%s", one->what);
    cr_expect_lt(strlen(one->what), FINDING_TEXT_MAX - 1);
}
