/* test_fleet_head.c - the status as a whole. */
#include "admin/output/fleet_head.h"

#include "base/json.h"
#include "tests/unit/admin/sample_snapshot.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct fleet_head head = {"demo", "redis://h:1/0"};

Test(fleet_head, a_line_and_a_table)
{
    static const char want[] = "fleet demo  generation g1  version 12  3 live routers  "
                               "redis://h:1/0\n\nREGION  STATE ";
    struct snapshot snapshot;
    struct buf out;

    sample_snapshot(&snapshot);
    buf_init(&out, 1u << 20);
    cr_assert_eq(fleet_head_status(&head, &snapshot, NULL, false, 0, &out), 0);
    cr_expect_eq(strncmp(out.data, want, strlen(want)), 0, "%s", out.data);
    cr_expect_not_null(strstr(out.data, "\nap "));
    cr_expect_not_null(strstr(out.data, "\nus "));
    buf_clear(&out);
    cr_assert_eq(fleet_head_status(&head, &snapshot, &snapshot.slots[1], false, 0, &out), 0);
    cr_expect_null(strstr(out.data, "\nap "));
    cr_expect_not_null(strstr(out.data, "\neu "));
    buf_clear(&out);
    cr_assert_eq(fleet_head_status(&head, &snapshot, NULL, false, 80, &out), 0);
    cr_expect_null(strstr(out.data, "EPOCH"), "%s", out.data);
    snapshot.n_routers = 0;
    buf_clear(&out);
    cr_assert_eq(fleet_head_status(&head, &snapshot, NULL, false, 0, &out), 0);
    cr_expect_not_null(strstr(out.data, "0 live routers"));
    cr_expect_not_null(strstr(out.data, "\nno router is alive"));
    snapshot_release(&snapshot);
    buf_release(&out);
}

Test(fleet_head, json_is_json)
{
    static const char *const members[] = {"fleet",  "redis",   "generation",  "version",
                                          "now_ms", "born_ms", "live_routers"};
    struct snapshot snapshot;
    struct buf out;
    struct err err;

    sample_snapshot(&snapshot);
    buf_init(&out, 1u << 20);
    cr_assert_eq(fleet_head_status_json(&head, &snapshot, NULL, false, &out), 0);
    cr_expect_eq(strchr(out.data, '\n'), out.data + out.len - 1, "one line");
    struct json *doc = json_parse(buf_str(&out), 1u << 20, 8, &err);

    cr_assert_not_null(doc, "%s", err.msg);
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        cr_expect_not_null(json_get(doc, members[i]), "%s", members[i]);
    cr_expect_eq(json_count(json_get(doc, "regions")), 3);
    cr_expect_eq(json_int(json_get(doc, "live_routers")), 3);
    json_free(doc);
    buf_clear(&out);
    cr_assert_eq(fleet_head_status_json(&head, &snapshot, &snapshot.slots[2], true, &out), 0);
    doc = json_parse(buf_str(&out), 1u << 20, 8, &err);
    cr_assert_eq(json_count(json_get(doc, "regions")), 1);
    cr_expect(
        str_eqz(json_text(json_get(json_at(json_get(doc, "regions"), 0), "region")), "us"));
    json_free(doc);
    snapshot_release(&snapshot);
    buf_release(&out);
}
