/* test_json_scan_member.c - each member of an object once, in its order. */
#include "base/json_scan.h"

#include "base/base.h"
#include "base/buf.h"

#include <criterion/criterion.h>

static const struct {
    const char *object;
    const char *members; /* name=value, a space behind each; * behind what is empty */
} rows[] = {
    {"{}", ""},
    {" {\n } ", ""},
    {"{\"a\":1}", "a=1 "},
    {"{ \"a\" : 1 ,\n\"b\": -2.5e3 }", "a=1 b=-2.5e3 "},
    {"{\"a\":\"x,}\\\"]\",\"b\":\"\\\\\",\"c\":\"\"}", "a=\"x,}\\\"]\" b=\"\\\\\" c=\"\"* "},
    {"{\"a\":{\"b\":[1,{\"c\":\"}\"}]},\"d\":[[],{}]}",
     "a={\"b\":[1,{\"c\":\"}\"}]} d=[[],{}] "},
    {"{\"a\":null,\"b\":true,\"c\":false,\"d\":[ ],\"e\":{\n}}",
     "a=null* b=true c=false d=[ ]* e={\n}* "},
    {"{\"\":1,\"a\\\"\":2,\"a\":3,\"a\":4}", "=1 a\\\"=2 a=3 a=4 "},
    /* no objects */
    {"", ""},
    {"[1]", ""},
    {"{\"a\"", ""},
    {"{\"a\":", ""},
    {"{\"a", ""},
    {"{,", ""},
};

Test(json_scan_member, each_once_in_order)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json_member m;
        struct buf seen;

        buf_init(&seen, 1000);
        for (size_t at = 0; json_scan_next_member(str_of(rows[i].object), &at, &m);)
            cr_assert_eq(buf_appendf(&seen, STR_FMT "=" STR_FMT "%s ", STR_ARG(m.name),
                                     STR_ARG(m.value),
                                     json_scan_is_empty(m.type, m.value) ? "*" : ""),
                         0);
        cr_expect(str_eqz(buf_str(&seen), rows[i].members), "%s: %s", rows[i].object,
                  seen.data);
        buf_release(&seen);
    }
}
