/* test_event_stream.c - the end of the stream, and what comes after it, from a real Redis. */
#include "admin/event_stream.h"

#include "admin/session.h"
#include "tests/unit/shared/lua_call.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    struct lua l;
    struct session *s;
    struct event_stream stream;
    struct err err;
};

static void start(struct fixture *f)
{
    memset(f, 0, sizeof(*f));
    lua_start(&f->l, "");
    struct session_conf conf = {
        .url = f->l.server.url, .fleet = "t", .connect_ms = 2000, .command_ms = 5000};

    f->s = session_open(&conf, &f->err);
    cr_assert_not_null(f->s, "%s", f->err.msg);
}

static void stop(struct fixture *f)
{
    event_stream_release(&f->stream);
    session_close(f->s);
    lua_stop(&f->l);
}

/* Events from-0, from+1-0, ...: every tenth is of region "b", the others of "a". */
static void fill(struct fixture *f, int from, int n)
{
    char command[160];

    for (int i = from; i < from + n; i++) {
        snprintf(command, sizeof(command), "XADD {sluice:t}:log %d-0 t %d kind trip key %s", i,
                 i, i % 10 == 0 ? "b" : "a");
        lua_do(&f->l, command);
    }
}

static void expect(const struct fixture *f, size_t n, int64_t first, int64_t last)
{
    cr_assert_eq(f->stream.n, n, "%zu events", f->stream.n);
    if (n > 0) {
        cr_expect_eq(f->stream.events[0].t_ms, first);
        cr_expect_eq(f->stream.events[n - 1].t_ms, last);
    }
}

Test(event_stream, tail)
{
    static const struct {
        size_t n;
        const char *region;
        size_t want;
        int64_t first, last;
    } rows[] = {
        {0, NULL, 0, 0, 0},          {1, NULL, 1, 1200, 1200},    {20, NULL, 20, 1181, 1200},
        {500, NULL, 500, 701, 1200}, {501, NULL, 501, 700, 1200}, {10000, NULL, 1200, 1, 1200},
        {3, "b", 3, 1180, 1200},     {10000, "b", 120, 10, 1200}, {5, "c", 0, 0, 0},
    };
    struct fixture f;

    start(&f);
    cr_assert_eq(event_stream_tail(&f.stream, f.s, 20, NULL, &f.err), 0, "%s", f.err.msg);
    expect(&f, 0, 0, 0);
    cr_expect_str_eq(f.stream.last, "0-0");
    fill(&f, 1, 1200);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cr_assert_eq(event_stream_tail(&f.stream, f.s, rows[i].n, rows[i].region, &f.err), 0,
                     "row %zu: %s", i, f.err.msg);
        expect(&f, rows[i].want, rows[i].first, rows[i].last);
        cr_expect_str_eq(f.stream.last, "1200-0", "row %zu", i);
    }
    stop(&f);
}

Test(event_stream, next_goes_on_where_the_tail_ended)
{
    struct fixture f;

    start(&f);
    cr_assert_eq(event_stream_tail(&f.stream, f.s, 0, NULL, &f.err), 0, "%s", f.err.msg);
    cr_assert_eq(event_stream_next(&f.stream, f.s, 10, NULL, &f.err), 0, "%s", f.err.msg);
    expect(&f, 0, 0, 0);
    fill(&f, 1, 25);
    cr_assert_eq(event_stream_next(&f.stream, f.s, 1000, NULL, &f.err), 0, "%s", f.err.msg);
    expect(&f, 25, 1, 25);
    fill(&f, 26, 10);
    cr_assert_eq(event_stream_next(&f.stream, f.s, 1000, "b", &f.err), 0, "%s", f.err.msg);
    expect(&f, 1, 30, 30);
    cr_expect_str_eq(f.stream.last, "35-0", "what was filtered out was read too");
    cr_assert_eq(event_stream_next(&f.stream, f.s, 10, NULL, &f.err), 0, "%s", f.err.msg);
    expect(&f, 0, 0, 0);
    stop(&f);
}

Test(event_stream, a_stream_that_began_anew_is_read_from_its_start)
{
    struct fixture f;

    start(&f);
    fill(&f, 100, 3);
    cr_assert_eq(event_stream_tail(&f.stream, f.s, 5, NULL, &f.err), 0, "%s", f.err.msg);
    cr_assert_eq(event_stream_check(&f.stream, f.s, &f.err), 0);
    cr_expect_str_eq(f.stream.last, "102-0");
    lua_do(&f.l, "DEL {sluice:t}:log");
    fill(&f, 5, 2);
    cr_assert_eq(event_stream_check(&f.stream, f.s, &f.err), 0);
    cr_assert_eq(event_stream_next(&f.stream, f.s, 1000, NULL, &f.err), 0, "%s", f.err.msg);
    expect(&f, 2, 5, 6);
    stop(&f);
}

Test(event_stream, ids_compare_as_numbers)
{
    static const struct {
        const char *a, *b;
        bool want;
    } rows[] = {
        {"9-0", "10-0", true}, {"10-0", "9-0", false}, {"5-9", "5-10", true},
        {"5-1", "5-1", false}, {"0-0", "1-0", true},   {"x", "1-0", false},
        {"1-0", "", false},    {"5", "5-1", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        cr_expect_eq(event_stream_is_before(rows[i].a, rows[i].b), rows[i].want, "row %zu", i);
}
