/* test_finding.c - findings as people and programs read them. */
#include "admin/doctor/finding.h"

#include <criterion/criterion.h>
#include <string.h>

Test(finding, one_line_each_and_a_count)
{
    struct findings f = {0};
    struct buf out;

    buf_init(&out, 1u << 16);
    finding_add(&f, FINDING_OK, "role", "it is a primary");
    finding_add(&f, FINDING_BAD, "eviction", "policy is %s", "allkeys-lru");
    finding_todo(&f, "set it to %s", "noeviction");
    finding_add(&f, FINDING_UNKNOWN, "push", "may not \033[2J ask");
    finding_add(&f, FINDING_WARN, "clock", "went back");
    cr_assert_eq(findings_print(&f, false, &out), 0);
    cr_expect_str_eq(out.data,
                     "ok       role      it is a primary\n"
                     "bad      eviction  policy is allkeys-lru: set it to noeviction\n"
                     "unknown  push      may not ?[2J ask\n"
                     "warn     clock     went back\n"
                     "1 ok, 1 unknown, 1 warn, 1 bad\n");
    findings_release(&f);
    cr_expect_eq(f.n, 0);
    buf_release(&out);
}

Test(finding, json_has_the_same)
{
    struct findings f = {0};
    struct json_out o;
    struct buf out;

    buf_init(&out, 1u << 16);
    finding_add(&f, FINDING_WARN, "clock", "a \"b\"");
    finding_todo(&f, "slew");
    finding_add(&f, FINDING_OK, "role", "it is");
    json_out_init(&o, &out, false);
    findings_json(&f, &o);
    cr_assert_eq(json_out_finish(&o), 0);
    cr_expect_str_eq(
        out.data,
        "[{\"level\":\"warn\",\"check\":\"clock\",\"what\":\"a \\\"b\\\"\",\"do\":\"slew\"},"
        "{\"level\":\"ok\",\"check\":\"role\",\"what\":\"it is\",\"do\":null}]");
    findings_release(&f);
    buf_release(&out);
}

Test(finding, many_and_long_ones_fit)
{
    struct findings f = {0};
    char text[2 * FINDING_TEXT_MAX];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    for (int i = 0; i < 200; i++) {
        finding_add(&f, FINDING_OK, "c", "%d %s", i, text);
        finding_todo(&f, "%s", text);
    }
    cr_expect_eq(findings_count(&f, FINDING_OK), 200);
    cr_expect_eq(findings_count(&f, FINDING_BAD), 0);
    cr_expect_eq(strncmp(f.list[199].what, "199 xxx", 7), 0);
    cr_expect_eq(strlen(f.list[199].what), FINDING_TEXT_MAX - 1);
    cr_expect_eq(strlen(f.list[0].todo), FINDING_TEXT_MAX - 1);
    findings_release(&f);
}
