/* test_router_row.c - live routers, and what does not fit together among them. */
#include "admin/output/router_row.h"

#include "base/str.h"
#include "tests/unit/admin/sample_snapshot.h"

#include <criterion/criterion.h>
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

TestSuite(router_row, .init = setup, .fini = teardown);

Test(router_row, marks_the_odd_config_and_the_laggard)
{
    cr_assert_eq(router_row_print(&snapshot, false, &out), 0);
    cr_expect_str_eq(
        out.data, "ROUTER  HOST  PID  VERSION  CONFIG  STARTED  LOAD  APPLIED  LAG  SEEN\n"
                  "r1      h1    77   0.1.0    c1      1m ago      3       12    0  0.4s ago\n"
                  "r2      h1    77   0.1.0    c2 *    1m ago      3       12    0  0.4s ago\n"
                  "r3      h1    77   0.1.0    c1      1m ago      3       10    2  0.4s ago\n"
                  "* 1 of 3 routers runs another config than the rest\n"
                  "1 of 3 routers lags behind version 12 (they report once a second)\n");
}

Test(router_row, a_fleet_in_step_has_no_notes)
{
    str_copy(snapshot.routers[1].config, sizeof(snapshot.routers[1].config), "c1");
    snapshot.routers[2].applied = 12;
    cr_assert_eq(router_row_print(&snapshot, false, &out), 0);
    cr_expect_null(strstr(out.data, "routers"), "%s", out.data);
    snapshot.n_routers = 0;
    buf_clear(&out);
    cr_assert_eq(router_row_print(&snapshot, false, &out), 0);
    cr_expect_null(strstr(out.data, "routers"), "%s", out.data);
    cr_expect_str_eq(router_row_usual_config(&snapshot), "");
}

Test(router_row, json_fields)
{
    struct json_out o;

    json_out_init(&o, &out, false);
    json_out_array(&o);
    router_row_json(&snapshot, &snapshot.routers[1], &o);
    router_row_json(&snapshot, &snapshot.routers[2], &o);
    json_out_end(&o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(
        out.data,
        "[{\"id\":\"r2\",\"host\":\"h1\",\"pid\":\"77\",\"version\":\"0.1.0\",\"config\":"
        "\"c2\","
        "\"config_differs\":true,\"started_ms\":1795218735381,\"load\":3,\"applied\":12,"
        "\"lag\":0,\"seen_ms\":1795218794981,\"seen_ago_ms\":400},"
        "{\"id\":\"r3\",\"host\":\"h1\",\"pid\":\"77\",\"version\":\"0.1.0\",\"config\":\"c1\","
        "\"config_differs\":false,\"started_ms\":1795218735381,\"load\":3,\"applied\":10,"
        "\"lag\":2,\"seen_ms\":1795218794981,\"seen_ago_ms\":400}]");
}

Test(router_row, laggards_are_named_as_far_as_there_is_room)
{
    static const char *const first = "r1 (at version 12, seen 0.4s ago)";
    char text[200];

    router_row_behind(&snapshot, 12, text, sizeof(text));
    cr_expect_str_eq(text, "r3 (at version 10, seen 0.4s ago)");
    router_row_behind(&snapshot, 10, text, sizeof(text));
    cr_expect_str_eq(text, "");
    router_row_behind(&snapshot, 13, text, sizeof(text));
    cr_expect_eq(strncmp(text, first, strlen(first)), 0, "%s", text);
    cr_expect_not_null(strstr(text, ", r3 (at"), "%s", text);
    router_row_behind(&snapshot, 13, text, strlen(first) + 30);
    cr_expect_str_eq(text + strlen(first), " and 2 more");
    router_row_behind(&snapshot, 13, text, 24);
    cr_expect_str_eq(text, "3 more");
}
