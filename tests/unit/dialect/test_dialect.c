/* test_dialect.c - every dialect has every row, and is found by its name and its paths. */
#include "dialect/dialect.h"

#include "dialect/sse.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

Test(dialect, every_row_is_there)
{
    const struct dialect *d;

    cr_assert_not_null(dialect_at(0));
    for (size_t i = 0; (d = dialect_at(i)) != NULL; i++) {
#define HAS(row) cr_expect(d->row != NULL, "dialect %zu has no " #row, i)
        HAS(name);
        HAS(route);
        HAS(read_request);
        HAS(write_error);
        HAS(write_event);
        HAS(is_error);
        HAS(write_stream);
        HAS(keep_alive);
        HAS(stream_end);
        HAS(asks[DIALECT_CHAT]); /* the one path that nobody can do without */
        HAS(auth_header);
        HAS(auth_prefix);
        HAS(headers);
        HAS(forwards);
        HAS(passes);
        HAS(ids);
        HAS(end_name);
        HAS(splice_request);
        HAS(classify);
        HAS(retry_after_ms);
        HAS(read_event);
        HAS(sift_event);
#undef HAS
    }
}

/* A row that is added to the struct must be added to the list above. */
Test(dialect, the_list_of_rows_is_whole)
{
    size_t pointers = 21 + N_DIALECT_PATHS;

    cr_expect_eq(sizeof(struct dialect), pointers * sizeof(void *));
}

Test(dialect, is_found_by_its_own_name_alone)
{
    const struct dialect *d;

    for (size_t i = 0; (d = dialect_at(i)) != NULL; i++)
        cr_expect_eq(dialect_get(d->name), d, "%s", d->name);
    cr_expect_eq(dialect_get("openai"), &dialect_openai);
    cr_expect_null(dialect_get(""));
    cr_expect_null(dialect_get("OpenAI"));
    cr_expect_null(dialect_get("openai2"));
}

Test(dialect, a_path_finds_the_dialect_that_has_it)
{
    struct dialect_route r;

    cr_assert(dialect_find_route(STR("/v1/chat/completions"), &r));
    cr_expect(r.dialect == &dialect_openai && r.path == DIALECT_CHAT && r.model.ptr == NULL);
    cr_expect_not(dialect_find_route(STR("/v1/nothing"), &r));
    cr_expect_not(dialect_find_route(STR(""), &r));
}

struct readback {
    const struct dialect *dialect;
    struct dialect_event event; /* the last with data */
    int n;                      /* of those */
};

static int on_event(void *arg, const struct sse_event *sse)
{
    struct readback *back = arg;

    if (sse->has_data) {
        back->n++;
        back->dialect->read_event(sse, &back->event);
    }
    return 0;
}

static struct readback read_back(const struct dialect *d, struct str text)
{
    struct readback back = {.dialect = d};
    struct sse s;

    sse_init(&s, 65536);
    cr_expect_eq(sse_feed(&s, text.ptr, text.len, on_event, &back), 0);
    cr_expect_eq(sse_pending(&s), 0, "whole events only");
    sse_release(&s);
    return back;
}

/* What a dialect writes, a reader of event streams takes as it was meant. */
Test(dialect, reads_what_it_writes)
{
    const struct dialect *d;

    for (size_t i = 0; (d = dialect_at(i)) != NULL; i++) {
        const struct dialect_error e = {
            .status = 502, .type = "server_error", .code = "c", .message = "two\nlines"};
        struct dialect_event ev = {.kind = DIALECT_ERROR};
        struct dialect_reading reading;
        struct readback back;
        struct buf body, event;

        buf_init(&body, 4096);
        buf_init(&event, 4096);
        cr_assert_eq(d->write_error(&body, &e), 0);
        cr_expect(d->is_error(buf_str(&body)), "%s", d->name);
        d->classify(
            &(struct dialect_answer){.status = 500, .body = buf_str(&body), .whole = true},
            &reading);
        cr_expect_eq(reading.outcome, OUTCOME_SERVER_ERROR);
        ev.data = buf_str(&body);
        cr_assert_eq(d->write_event(&event, &ev), 0);
        back = read_back(d, buf_str(&event));
        cr_expect(back.n == 1 && back.event.kind == DIALECT_ERROR, "%s", event.data);
        back = read_back(d, str_of(d->keep_alive));
        cr_expect(back.n == 0 || back.event.kind == DIALECT_META, "%s", d->keep_alive);
        back = read_back(d, str_of(d->stream_end));
        cr_expect(back.n == 0 || back.event.kind == DIALECT_DONE, "%s", d->stream_end);
        buf_release(&body);
        buf_release(&event);
    }
}

/* No room: nothing is said rather than half of it. */
Test(dialect, says_when_there_is_no_room)
{
    const struct dialect *d;

    for (size_t i = 0; (d = dialect_at(i)) != NULL; i++) {
        const struct dialect_error e = {.status = 502, .type = "t", .message = "m"};
        const struct dialect_event ev = {.kind = DIALECT_ERROR, .data = STR("{}")};
        struct buf whole;

        buf_init(&whole, 4096);
        cr_assert_eq(d->write_error(&whole, &e), 0);
        for (size_t cap = 0; cap <= whole.len; cap++) {
            struct buf out;

            buf_init(&out, cap);
            cr_expect_eq(d->write_error(&out, &e), cap < whole.len ? -1 : 0, "cap %zu", cap);
            buf_release(&out);
        }
        buf_clear(&whole);
        cr_assert_eq(d->write_event(&whole, &ev), 0);
        for (size_t cap = 0; cap <= whole.len; cap++) {
            struct buf out;

            buf_init(&out, cap);
            cr_expect_eq(d->write_event(&out, &ev), cap < whole.len ? -1 : 0, "cap %zu", cap);
            buf_release(&out);
        }
        buf_release(&whole);
    }
}
