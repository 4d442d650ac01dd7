/* test_openai_pieces.c - which parts of an event a client keeps, and where each belongs. */
#include "dialect/openai_pieces.h"

#include <criterion/criterion.h>
#include <string.h>

#define CHOICE(fields) "{\"choices\":[{" fields "}]}"
#define DELTA(fields)  CHOICE("\"index\":0,\"delta\":{" fields "}")

/* clang-format off */
static const struct {
    const char *data;
    const char *pieces; /* kind, choice, place (its steps led by '/'), '=', value; a space behind */
} rows[] = {
    {"rubbish",                             NULL},
    {"[]",                                  NULL},
    {"{\"choices\":7}",                     NULL},
    {CHOICE("\"delta\":7"),                 NULL},
    {CHOICE("\"text\":[]"),                 ""},
    {CHOICE("\"index\":\"0\",\"text\":\"a\""), NULL},
    {"{}",                                  ""},
    {"{\"choices\":[]}",                    ""},
    {"{\"choices\":null,\"x\":\"y\"}",      ""},
    {"{\"id\":\"i\",\"created\":7,\"model\":\"m\",\"choices\":[]}", "n-1/id=\"i\" n-1/created=7 "},
    {"{\"choices\":[],\"usage\":{\"a\":1}}", "u-1/usage={\"a\":1} "},
    {"{\"choices\":[],\"usage\":null}",     ""},
    {DELTA(""),                             ""},
    {CHOICE("\"delta\":null"),              ""},
    {DELTA("\"role\":\"a\",\"content\":\"\""), "m0/delta/role=\"a\" "},
    {DELTA("\"content\":\"a\\n\""),         "t0/delta/content=\"a\\n\" "},
    {DELTA("\"content\":[1,{}]"),           "v0/delta/content=1 v0/delta/content={} "},
    {DELTA("\"content\":\"a\",\"x\":{\"y\":1},\"z\":false"),
     "t0/delta/content=\"a\" v0/delta/x={\"y\":1} v0/delta/z=false "},
    {DELTA("\"tool_calls\":[{\"index\":3,\"id\":\"A\",\"type\":\"f\",\"function\":{\"name\":\"g\",\"arguments\":\"\"},\"x\":\"y\"}]"),
     "n0/delta/tool_calls/3/id=\"A\" m0/delta/tool_calls/3/type=\"f\" "
     "t0/delta/tool_calls/3/function/name=\"g\" t0/delta/tool_calls/3/x=\"y\" "},
    {DELTA("\"tool_calls\":[{\"id\":\"A\"}]"), NULL},
    {DELTA("\"tool_calls\":\"x\""),         "t0/delta/tool_calls=\"x\" "},
    {DELTA("\"function_call\":{\"name\":\"g\"}"), "t0/delta/function_call/name=\"g\" "},
    {CHOICE("\"text\":\"a\",\"logprobs\":{\"tokens\":[\"a\"]},\"finish_reason\":\"stop\""),
     "t0/text=\"a\" v0/logprobs/tokens=\"a\" f0/finish_reason=\"stop\" "},
    {CHOICE("\"finish_reason\":\"\""),      ""},
    {CHOICE("\"index\":1,\"x\":5,\"stop_reason\":7,\"content_filter_results\":{\"a\":1}"), "v1/x=5 "},
    {"{\"choices\":[{\"index\":1,\"text\":\"a\"},{\"text\":\"b\"}]}", "t1/text=\"a\" t0/text=\"b\" "},
};
/* clang-format on */

static enum dialect_sift write_down(void *arg, const struct dialect_piece *p,
                                    struct str *instead)
{
    static const char kinds[] = {
        [DIALECT_TEXT] = 't', [DIALECT_ITEM] = 'v',   [DIALECT_NAME] = 'n',
        [DIALECT_MARK] = 'm', [DIALECT_FINISH] = 'f', [DIALECT_USAGE] = 'u'};
    struct buf *out = arg;
    struct str step, rest = p->place;

    (void)instead;
    cr_assert_eq(buf_appendf(out, "%c%d", kinds[p->kind], (int)p->choice), 0);
    while (rest.len > 0) { /* each step ends with a line end */
        step = str_split(rest, '\n', &rest);
        cr_assert_eq(buf_appendf(out, "/" STR_FMT, STR_ARG(step)), 0);
    }
    cr_assert_eq(buf_append_str(out, STR("=")), 0);
    cr_assert_eq(buf_append_str(out, p->value), 0);
    cr_assert_eq(buf_append_str(out, STR(" ")), 0);
    return DIALECT_SIFT_NEW;
}

Test(openai_pieces, rows)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dialect_sieve s = {.on_piece = write_down};
        struct buf seen;

        buf_init(&seen, 4096);
        s.arg = &seen;
        cr_expect_eq(openai_pieces_sift(str_of(rows[i].data), &s),
                     rows[i].pieces != NULL ? 0 : -1, "%s", rows[i].data);
        if (rows[i].pieces != NULL)
            cr_expect(str_eqz(buf_str(&seen), rows[i].pieces), "%s: %s", rows[i].data,
                      seen.data);
        buf_release(&seen);
    }
}

/* More members than are read of one object, and a way to a piece that is too long. */
Test(openai_pieces, what_is_read_is_bounded)
{
    for (int n = 60; n <= 70; n += 5) {
        struct dialect_sieve s = {.on_piece = write_down};
        struct buf data, seen;

        buf_init(&data, 4096);
        buf_init(&seen, 65536);
        s.arg = &seen;
        cr_assert_eq(buf_append_str(&data, STR("{\"choices\":[{\"delta\":{\"m\":1")), 0);
        for (int k = 1; k < n; k++)
            cr_assert_eq(buf_appendf(&data, ",\"m%d\":1", k), 0);
        cr_assert_eq(buf_append_str(&data, STR("}}]}")), 0);
        cr_expect_eq(openai_pieces_sift(buf_str(&data), &s), n <= 64 ? 0 : -1, "%d", n);
        buf_clear(&data);
        cr_assert_eq(buf_appendf(&data, "{\"choices\":[{\"delta\":{\"%0*d\":1}}]}", n * 4, 0),
                     0);
        cr_expect_eq(openai_pieces_sift(buf_str(&data), &s), n <= 60 ? 0 : -1, "%d", n);
        buf_release(&data);
        buf_release(&seen);
    }
}
