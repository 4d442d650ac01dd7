/* test_region_row.c - a region's state as people and programs read it. */
#include "admin/output/region_row.h"

#include "tests/unit/admin/sample_snapshot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct snapshot snapshot;
static struct buf out;

static void setup(void)
{
    sample_snapshot(&snapshot);
    buf_init(&out, 1u << 20);
}

static void teardown(void)
{
    snapshot_release(&snapshot);
    buf_release(&out);
}

TestSuite(region_row, .init = setup, .fini = teardown);

Test(region_row, rows)
{
    struct table *t = region_row_table();

    for (size_t i = 0; i < snapshot.n_slots; i++)
        region_row_add(t, &snapshot, &snapshot.slots[i]);
    cr_assert_eq(table_print(t, false, &out), 0);
    cr_expect_str_eq(
        out.data,
        "REGION  STATE      FORCED          EPOCH  OPEN-FOR  OK/FAIL  HEALTH        LATENCY  "
        "PROBES  COOLING       WHY\n"
        "ap      closed     -                   1         -     40/0      97  0.120s/1.400s  "
        "     0  -             -\n"
        "eu      open       down for 9m58s      4       12s      0/0       -              -  "
        "     0  -             vendor incident, by a@h\n"
        "us      half-open  -                   7         -      0/0       -              -  "
        "     2  throttled 3s  by r1\n");
    table_free(t);
}

/* What says that something is wrong stays in sight, and only then the rest. */
Test(region_row, a_narrow_screen_shows_why)
{
    static const struct {
        size_t columns;
        const char *heads, *last; /* last: of the row of eu */
    } rows[] = {
        {129,
         "REGION  STATE      FORCED          EPOCH  OPEN-FOR  OK/FAIL  HEALTH        LATENCY  "
         "PROBES  COOLING       WHY\n",
         "vendor incident, by a@h\n"},
        {128,
         "REGION  STATE      FORCED          OPEN-FOR  OK/FAIL  HEALTH        LATENCY  PROBES  "
         "COOLING       WHY\n",
         "vendor incident, by a@h\n"},
        {114,
         "REGION  STATE      FORCED          OPEN-FOR  OK/FAIL  HEALTH        LATENCY  COOLING "
         "      WHY\n",
         "vendor incident, by a@h\n"},
        {82, "REGION  STATE      FORCED          OPEN-FOR  COOLING       WHY\n",
         "vendor incident, by a@h\n"},
        {80, "REGION  STATE      FORCED          COOLING       WHY\n",
         "-             vendor incident, by a@h\n"},
        {2, "REGION  STATE      FORCED          COOLING       WHY\n",
         "-             vendor incident, by a@h\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct table *t = region_row_table();

        for (size_t k = 0; k < snapshot.n_slots; k++)
            region_row_add(t, &snapshot, &snapshot.slots[k]);
        region_row_fit(t, rows[i].columns);
        buf_clear(&out);
        cr_assert_eq(table_print(t, false, &out), 0);
        cr_expect_eq(strncmp(out.data, rows[i].heads, strlen(rows[i].heads)), 0, "%zu:\n%s",
                     rows[i].columns, out.data);
        cr_expect_not_null(strstr(out.data, rows[i].last), "%zu:\n%s", rows[i].columns,
                           out.data);
        table_free(t);
    }
}

/* One long reason does not take every column from the others. */
Test(region_row, a_long_reason_is_fitted_as_one_of_50_columns)
{
    struct table *t = region_row_table();

    memset(snapshot.slots[1].line.why, 'w', sizeof(snapshot.slots[1].line.why) - 1);
    region_row_add(t, &snapshot, &snapshot.slots[1]);
    region_row_fit(t, 146);
    cr_assert_eq(table_print(t, false, &out), 0);
    cr_expect_not_null(strstr(out.data, "PROBES"), "%s", out.data);
    table_free(t);
}

Test(region_row, a_forced_state_without_end_and_one_that_is_over)
{
    struct table *t = region_row_table();

    snapshot.slots[1].line.funtil_ms = 0;
    region_row_add(t, &snapshot, &snapshot.slots[1]);
    snapshot.slots[1].line.funtil_ms = snapshot.now_ms - 5;
    snapshot.slots[1].line.until_ms = snapshot.now_ms - 5;
    region_row_add(t, &snapshot, &snapshot.slots[1]);
    cr_assert_eq(table_print(t, false, &out), 0);
    cr_expect_not_null(strstr(out.data, "down without end"), "%s", out.data);
    cr_expect_not_null(strstr(out.data, "down for 0s"), "%s", out.data);
    table_free(t);
}

Test(region_row, who_has_left_what_the_fleet_keeps)
{
    static const struct {
        const char *left[3]; /* what each router says */
        const char *want;
    } rows[] = {
        {{"", "", ""}, "-\n"},
        {{"", "ap", ""}, "left by 1 of 3 routers: r2\n"},
        {{"eu ap", "us", "a%20p ap"}, "left by 2 of 3 routers: r1, r3\n"},
        {{"a%70", "app", "eu"}, "-\n"}, /* a second spelling is none */
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct table *t = region_row_table();

        buf_clear(&out);
        for (size_t k = 0; k < snapshot.n_routers; k++)
            str_copy(snapshot.routers[k].left, sizeof(snapshot.routers[k].left),
                     rows[i].left[k]);
        region_row_add(t, &snapshot, &snapshot.slots[0]);
        cr_assert_eq(table_print(t, false, &out), 0);
        cr_expect_not_null(strstr(out.data, rows[i].want), "row %zu: %s", i, out.data);
        table_free(t);
    }
}

Test(region_row, what_an_operator_has_to_mend_is_said)
{
    static const struct {
        const char *cooling, *want;
    } rows[] = {
        {"auth", "misconfigured 9s  the region refuses our key: check its api_key\n"},
        {"quota",
         "quota 9s          the region says that our account is out of credit or quota\n"},
        {"throttled", "throttled 9s      -\n"},
    };
    struct table *t = region_row_table();

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct snapshot_slot *k = &snapshot.slots[0];

        str_copy(k->cooling, sizeof(k->cooling), rows[i].cooling);
        k->line.lim_ms = snapshot.now_ms + 9000;
        region_row_add(t, &snapshot, k);
    }
    cr_assert_eq(table_print(t, false, &out), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_not_null(strstr(out.data, rows[i].want), "%s in\n%s", rows[i].want, out.data);
    table_free(t);
}

Test(region_row, facts)
{
    static const char *const want[] = {
        "region       eu\n",
        "state        open, may be probed in 12s\n",
        "last change  2026-11-20 23:53:10\n",
        "forced       down until 2026-11-21 00:03:13, 9m58s left\n",
        "why          vendor incident\n",
        "by           a@h\n",
        "epoch        4\n",
        "version      12, applied by 2 of 3 live routers\n",
        "trips        2 not forgiven\n",
        "cooling      no\n",
        "named        by a router 0.4s ago\n",
    };

    cr_assert_eq(region_row_facts(&snapshot, &snapshot.slots[1], false, &out), 0);
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        cr_expect_not_null(strstr(out.data, want[i]), "%s", want[i]);
    buf_clear(&out);
    cr_assert_eq(region_row_facts(&snapshot, &snapshot.slots[2], false, &out), 0);
    cr_expect_not_null(strstr(out.data, "cooling      throttled, still 3s\n"), "%s", out.data);
    cr_expect_not_null(strstr(out.data, "check        none so far\n"), "%s", out.data);
    cr_expect_not_null(strstr(out.data, "forced       no\n"), "%s", out.data);
    snapshot.slots[1].line.until_ms = snapshot.now_ms;
    buf_clear(&out);
    cr_assert_eq(region_row_facts(&snapshot, &snapshot.slots[1], false, &out), 0);
    cr_expect_not_null(strstr(out.data, "open, may be probed now\n"), "%s", out.data);
}

Test(region_row, what_the_check_saw)
{
    struct snapshot_check *c = &snapshot.slots[2].check;

    *c = (struct snapshot_check){
        .result = "fail", .t_ms = snapshot.now_ms - 4000, .took_ms = 12};
    snprintf(c->what, sizeof(c->what), "status 404");
    snprintf(c->from, sizeof(c->from), "r2");
    cr_assert_eq(region_row_facts(&snapshot, &snapshot.slots[2], false, &out), 0);
    cr_expect_not_null(
        strstr(out.data, "check        fail, status 404 in 12ms, 4s ago by r2\n"), "%s",
        out.data);
}

static void json(const struct snapshot_slot *k)
{
    struct json_out o;

    buf_clear(&out);
    json_out_init(&o, &out, false);
    region_row_json(&snapshot, k, &o);
    cr_assert_eq(json_out_finish(&o), 0);
}

Test(region_row, json_fields)
{
    json(&snapshot.slots[1]);
    cr_expect_str_eq(
        out.data,
        "{\"region\":\"eu\",\"state\":\"open\",\"epoch\":4,\"version\":12,\"trips\":2,"
        "\"open_until_ms\":1795218807381,\"open_for_ms\":12000,\"forced\":\"down\","
        "\"forced_until_ms\":1795219393381,\"forced_for_ms\":598000,"
        "\"why\":\"vendor incident\",\"by\":\"a@h\","
        "\"window\":{\"ok\":0,\"fail\":0,\"slow\":0},\"probes\":0,\"cooling\":null,"
        "\"cooling_for_ms\":null,\"health\":null,\"first_byte_us\":null,\"total_us\":null,"
        "\"check\":null,\"left_by\":[],\"changed_ms\":1795218790381,\"named_ms\":"
        "1795218794981,"
        "\"acknowledged\":2,\"live_routers\":3}");
    snprintf(snapshot.slots[2].check.result, 5, "ok");
    snprintf(snapshot.slots[2].check.what, 20, "status 200");
    snprintf(snapshot.slots[2].check.from, 20, "r2");
    snapshot.slots[2].check.t_ms = snapshot.now_ms - 10;
    snapshot.slots[2].measured =
        (struct snapshot_measured){.first_us = 3, .total_us = 5, .health = 0};
    json(&snapshot.slots[2]);
    cr_expect_not_null(strstr(out.data, "\"health\":0,\"first_byte_us\":3,\"total_us\":5,"
                                        "\"check\":{\"result\":\"ok\",\"seen\":\"status 200\","
                                        "\"took_ms\":0,\"ago_ms\":10,\"from\":\"r2\"}"),
                       "%s", out.data);
    cr_expect_not_null(strstr(out.data, "\"open_until_ms\":null,\"open_for_ms\":null,"
                                        "\"forced\":\"auto\",\"forced_until_ms\":null,"
                                        "\"forced_for_ms\":null"),
                       "%s", out.data);
    cr_expect_not_null(strstr(out.data, "\"cooling\":\"throttled\",\"cooling_for_ms\":3000"),
                       "%s", out.data);
}

Test(region_row, applied_counts_routers_at_or_past_the_version)
{
    cr_expect_eq(region_row_applied(&snapshot, 10), 3);
    cr_expect_eq(region_row_applied(&snapshot, 11), 2);
    cr_expect_eq(region_row_applied(&snapshot, 12), 2);
    cr_expect_eq(region_row_applied(&snapshot, 13), 0);
}

Test(region_row, why_a_region_cools)
{
    static const struct {
        const char *name, *want;
    } rows[] = {
        {"throttled", "throttled"},
        {"quota", "quota: out of credit"},
        {"auth", "misconfigured: our key was refused"},
        {"something-newer", "something-newer"},
        {"", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_str_eq(region_row_cooling(rows[i].name), rows[i].want);
}
