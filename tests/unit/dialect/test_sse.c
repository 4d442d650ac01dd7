/* test_sse.c - the same events however the bytes are split, and not a byte changed. */
#include "dialect/sse.h"

#include "base/rand.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define BOM "\xEF\xBB\xBF"

/* What was seen, as text: "(name|data)" per event with data, "-" per block without.  Blocks of
 * nothing but line ends are left out: a LF behind a CR may come as one. */
struct seen {
    struct buf log, raw;
    size_t events; /* all of them */
    size_t stop_at;
};

static bool only_line_ends(struct str raw)
{
    for (size_t i = 0; i < raw.len; i++)
        if (raw.ptr[i] != '\n' && raw.ptr[i] != '\r')
            return false;
    return true;
}

static int on_event(void *arg, const struct sse_event *ev)
{
    struct seen *seen = arg;

    cr_assert_gt(ev->raw.len, 0u);
    cr_assert_eq(buf_append_str(&seen->raw, ev->raw), 0);
    if (ev->has_data) {
        cr_assert_eq(buf_append(&seen->log, "(", 1), 0);
        cr_assert_eq(buf_append_str(&seen->log, ev->name), 0);
        cr_assert_eq(buf_append(&seen->log, "|", 1), 0);
        cr_assert_eq(buf_append_str(&seen->log, ev->data), 0);
        cr_assert_eq(buf_append(&seen->log, ")", 1), 0);
    } else if (!only_line_ends(ev->raw)) {
        cr_assert_eq(buf_append(&seen->log, "-", 1), 0);
    }
    seen->events++;
    return seen->events == seen->stop_at ? 42 : 0;
}

static void seen_init(struct seen *seen)
{
    *seen = (struct seen){0};
    buf_init(&seen->log, 1 << 20);
    buf_init(&seen->raw, 1 << 20);
    cr_assert_eq(buf_reserve(&seen->log, 1), 0);
    cr_assert_eq(buf_reserve(&seen->raw, 1), 0);
}

static void seen_release(struct seen *seen)
{
    buf_release(&seen->log);
    buf_release(&seen->raw);
}

/* A copy of exactly the fed size: a sanitizer sees a read beyond a feed, or into the last one.
 */
static int feed_exact(struct sse *s, const char *p, size_t len, struct seen *seen)
{
    char *copy = malloc(len > 0 ? len : 1);

    memcpy(copy, p, len);
    int rc = sse_feed(s, copy, len, on_event, seen);

    free(copy);
    return rc;
}

/* clang-format off */
static const struct {
    const char *stream, *want;
    size_t pending;
} cases[] = {
    {"",                                              "",                        0},
    {"data: a\n\n",                                   "(|a)",                    0},
    {"data: a\r\n\r\n",                               "(|a)",                    0},
    {"data: a\r\r",                                   "(|a)",                    0},
    {"data: a\n\ndata: b\n\n",                        "(|a)(|b)",                0},
    {"data: a\r\n\r\ndata: b\r\n\r\n",                "(|a)(|b)",                0},
    {"data: a\r\rdata: b\r\r",                        "(|a)(|b)",                0},
    {"data: a\r\n\rdata: b\n\r\n",                    "(|a)(|b)",                0},
    {"data: a\n\rdata: b\r\n\ndata: c\r\r\n",         "(|a)(|b)(|c)",            0},
    {"data: a\r\n\n",                                 "(|a)",                    0},
    {"data: a",                                       "",                        7},
    {"data: a\n",                                     "",                        8},
    {"data: a\r",                                     "",                        8},
    {"data: a\r\n",                                   "",                        9},
    {"data: a\n\ndata: b\n",                          "(|a)",                    8},
    {"data: a\ndata: b\ndata: c\n\n",                 "(|a\nb\nc)",              0},
    {"data: a\r\ndata: b\rdata: c\n\n",               "(|a\nb\nc)",              0},
    {"data:\ndata:\n\n",                              "(|\n)",                   0},
    {"data\n\n",                                      "(|)",                     0},
    {"data:\n\n",                                     "(|)",                     0},
    {"data: \n\n",                                    "(|)",                     0},
    {"data:  a \n\n",                                 "(| a )",                  0},
    {"data:a\n\n",                                    "(|a)",                    0},
    {"data:a:b: c\n\n",                               "(|a:b: c)",               0},
    {"event: error\ndata: x\n\n",                     "(error|x)",               0},
    {"data: x\nevent: one\nevent: two\n\n",           "(two|x)",                 0},
    {"event: ping\n\n",                               "-",                       0},
    {"event: ping\n\ndata: x\n\n",                    "-(|x)",                   0},
    {": keep-alive\n\n",                              "-",                       0},
    {": keep-alive\n\ndata: x\n\n: bye\n\n",          "-(|x)-",                  0},
    {": note\ndata: x\n:\n\n",                        "(|x)",                    0},
    {"id: 7\nretry: 10\ndata: x\n\n",                 "(|x)",                    0},
    {"Data: a\ndatax: b\n data: c\ndat: d\n\n",       "-",                       0},
    {"\n\n\ndata: a\n\n\n\n",                         "(|a)",                    0},
    {"\r\r\r\rdata: a\r\r\r",                         "(|a)",                    0},
    {"\r\n\r\n\r\ndata: a\r\n\r\n\r\n",               "(|a)",                    0},
    {BOM "data: a\n\n",                               "(|a)",                    0},
    {BOM "data: a\r\n\r\n" BOM "data: b\r\n\r\n",     "(|a)-",                   0},
    {BOM BOM "data: a\n\n",                           "-",                       0},
    {BOM "\n\ndata: a\n\n",                           "-(|a)",                   0},
    {"\n" BOM "data: a\n\n",                          "-",                       0},
    {"data: caf\xC3\xA9 \xF0\x9F\x98\x80\n\n",        "(|caf\xC3\xA9 \xF0\x9F\x98\x80)", 0},
    {"data: \xFF\xC3\n\n",                            "(|\xFF\xC3)",             0},
    {"data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n",
     "(|{\"choices\":[{\"delta\":{\"content\":\"hi\"}}]})(|[DONE])",             0},
};
/* clang-format on */

static void expect_seen(size_t row, struct seen *seen, const struct sse *s)
{
    struct str stream = str_of(cases[row].stream), left = buf_str(&s->pending);

    cr_expect_str_eq(seen->log.data, cases[row].want, "row %zu: '%s'", row, seen->log.data);
    cr_expect_eq(sse_pending(s), cases[row].pending, "row %zu: %zu", row, sse_pending(s));
    cr_assert_eq(buf_append_str(&seen->raw, left), 0);
    cr_expect(str_eq(buf_str(&seen->raw), stream), "row %zu: bytes changed", row);
}

Test(sse, events_of_whole_streams)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sse s;
        struct seen seen;

        sse_init(&s, 1000);
        seen_init(&seen);
        cr_assert_eq(feed_exact(&s, cases[i].stream, strlen(cases[i].stream), &seen), 0);
        expect_seen(i, &seen, &s);
        seen_release(&seen);
        sse_release(&s);
    }
}

Test(sse, the_same_at_every_two_splits)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t len = strlen(cases[i].stream);

        for (size_t a = 0; a <= len; a++) {
            for (size_t b = a; b <= len; b++) {
                struct sse s;
                struct seen seen;

                sse_init(&s, 1000);
                seen_init(&seen);
                cr_assert_eq(feed_exact(&s, cases[i].stream, a, &seen), 0);
                cr_assert_eq(feed_exact(&s, cases[i].stream + a, b - a, &seen), 0);
                cr_assert_eq(feed_exact(&s, cases[i].stream + b, len - b, &seen), 0);
                expect_seen(i, &seen, &s);
                seen_release(&seen);
                sse_release(&s);
            }
        }
    }
}

Test(sse, the_same_byte_by_byte)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sse s;
        struct seen seen;

        sse_init(&s, 1000);
        seen_init(&seen);
        for (const char *p = cases[i].stream; *p != '\0'; p++)
            cr_assert_eq(feed_exact(&s, p, 1, &seen), 0);
        expect_seen(i, &seen, &s);
        seen_release(&seen);
        sse_release(&s);
    }
}

/* A stream put together from pieces; one feed against many of random size. */
Test(sse, the_same_at_random_splits_of_random_streams)
{
    static const char *const pieces[] = {"data: x", "data:",    "data: long line with words",
                                         ":c",      "event: e", "\n",
                                         "\n",      "\r",       "\r\n",
                                         "\n\n",    "\r\n\r\n", "\r\r",
                                         BOM,       "id: 1",    "zzzzzzz"};
    struct rand r;

    rand_init(&r, 7);
    for (int round = 0; round < 4000; round++) {
        struct buf stream;
        struct sse whole, split;
        struct seen a, b;

        buf_init(&stream, 10000);
        cr_assert_eq(buf_reserve(&stream, 1), 0);
        for (uint64_t n = rand_below(&r, 30); n > 0; n--)
            cr_assert_eq(
                buf_append_str(&stream, str_of(pieces[rand_below(&r, ARRAY_LEN(pieces))])), 0);
        sse_init(&whole, 10000);
        sse_init(&split, 10000);
        seen_init(&a);
        seen_init(&b);
        cr_assert_eq(feed_exact(&whole, stream.data, stream.len, &a), 0);
        for (size_t at = 0; at < stream.len;) {
            size_t n = 1 + rand_below(&r, 12);

            n = n < stream.len - at ? n : stream.len - at;
            cr_assert_eq(feed_exact(&split, stream.data + at, n, &b), 0);
            at += n;
        }
        cr_expect_str_eq(a.log.data, b.log.data, "round %d", round);
        cr_expect_eq(sse_pending(&whole), sse_pending(&split), "round %d", round);
        cr_assert_eq(buf_append_str(&b.raw, buf_str(&split.pending)), 0);
        cr_expect(str_eq(buf_str(&b.raw), buf_str(&stream)), "round %d: bytes changed", round);
        seen_release(&a);
        seen_release(&b);
        sse_release(&whole);
        sse_release(&split);
        buf_release(&stream);
    }
}

Test(sse, an_event_is_given_out_with_the_byte_that_completes_it)
{
    static const char *const ends[] = {"\n\n", "\r\n\n", "\r\r", "\r\n\r", "\n\r"};

    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        struct sse s;
        struct seen seen;

        sse_init(&s, 100);
        seen_init(&seen);
        cr_assert_eq(feed_exact(&s, "data: x", 7, &seen), 0);
        cr_assert_eq(feed_exact(&s, ends[i], strlen(ends[i]) - 1, &seen), 0);
        cr_expect_eq(seen.events, 0u, "end %zu", i);
        cr_assert_eq(feed_exact(&s, ends[i] + strlen(ends[i]) - 1, 1, &seen), 0);
        cr_expect_eq(seen.events, 1u, "end %zu", i);
        cr_expect_str_eq(seen.log.data, "(|x)");
        seen_release(&seen);
        sse_release(&s);
    }
}

Test(sse, a_late_line_feed_goes_out_at_once_and_alone)
{
    struct sse s;
    struct seen seen;

    sse_init(&s, 100);
    seen_init(&seen);
    cr_assert_eq(feed_exact(&s, "data: x\r\n\r", 10, &seen), 0);
    cr_expect_eq(seen.raw.len, 10u);
    cr_assert_eq(feed_exact(&s, "\n", 1, &seen), 0);
    cr_expect_str_eq(seen.raw.data, "data: x\r\n\r\n");
    cr_expect_eq(sse_pending(&s), 0u);
    cr_assert_eq(feed_exact(&s, "data: y\r\n\r\ndata: z\r\n\r\n", 22, &seen), 0);
    cr_expect_str_eq(seen.log.data, "(|x)(|y)(|z)");
    cr_expect_eq(seen.events, 4u, "a LF that is here goes with its event");
    seen_release(&seen);
    sse_release(&s);
}

/* An event of n bytes in all. */
static void big_event(char *out, size_t n)
{
    memset(out, 'x', n);
    memcpy(out, "data: ", 6);
    memcpy(out + n - 2, "\n\n", 2);
}

Test(sse, event_size_at_limit_minus_one_limit_and_plus_one)
{
    enum { LIMIT = 50 };
    static const size_t steps[] = {1, 7, 1000};

    for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
        for (size_t n = LIMIT - 1; n <= LIMIT + 1; n++) {
            char stream[3 * LIMIT];
            struct sse s;
            struct seen seen;
            int rc = 0;

            sse_init(&s, LIMIT);
            seen_init(&seen);
            big_event(stream, 20);
            big_event(stream + 20, n);
            for (size_t at = 0; at < 20 + n && rc == 0; at += steps[k]) {
                size_t left = 20 + n - at;

                rc = feed_exact(&s, stream + at, left < steps[k] ? left : steps[k], &seen);
            }
            cr_expect_eq(rc, n <= LIMIT ? 0 : -1, "size %zu step %zu", n, steps[k]);
            cr_expect_eq(seen.events, n <= LIMIT ? 2u : 1u, "size %zu step %zu", n, steps[k]);
            if (rc < 0)
                cr_expect_eq(feed_exact(&s, "\n\ndata: x\n\n", 11, &seen), -1,
                             "stays unusable");
            seen_release(&seen);
            sse_release(&s);
        }
    }
}

Test(sse, what_on_event_returns_stops_the_feed)
{
    struct sse s;
    struct seen seen;

    sse_init(&s, 100);
    seen_init(&seen);
    seen.stop_at = 2;
    cr_expect_eq(feed_exact(&s, "data: a\n\ndata: b\n\ndata: c\n\n", 27, &seen), 42);
    cr_expect_str_eq(seen.log.data, "(|a)(|b)");
    cr_expect_eq(sse_pending(&s), 0u);
    seen_release(&seen);
    sse_release(&s);
}

static int count_event(void *arg, const struct sse_event *ev)
{
    size_t *n = arg;

    *n += ev->has_data;
    return 0;
}

Test(sse, a_quiet_stream_keeps_little_memory)
{
    static char big[100000];
    struct sse s;
    size_t n = 0;

    sse_init(&s, sizeof(big));
    big_event(big, sizeof(big));
    memcpy(big + 500, "\ndata: second line", 18);
    cr_assert_eq(sse_feed(&s, big, 1000, count_event, &n), 0);
    cr_assert_eq(sse_feed(&s, big + 1000, sizeof(big) - 1000, count_event, &n), 0);
    cr_expect_eq(n, 1u);
    cr_expect_leq(s.pending.cap + s.data.cap, 8192u);
    sse_release(&s);
}

/* 4 MiB one byte at a time takes some 100 ms; work that grew with the square of it would take
 * hours, and the test's timeout is the judge. */
Test(sse, byte_by_byte_is_not_quadratic, .timeout = 60)
{
    static char big[4 << 20];
    struct sse s;
    size_t n = 0;

    sse_init(&s, sizeof(big));
    big_event(big, sizeof(big));
    for (size_t i = 0; i < sizeof(big); i++)
        cr_assert_eq(sse_feed(&s, big + i, 1, count_event, &n), 0);
    cr_expect_eq(n, 1u);
    memset(big, '\r', sizeof(big));
    cr_assert_eq(sse_feed(&s, big, sizeof(big), count_event, &n), 0);
    cr_expect_eq(sse_pending(&s), 0u);
    sse_release(&s);
}

/* What a reader waits for the rest of, which a comment is not. */
Test(sse, an_event_that_is_under_way)
{
    static const struct {
        const char *bytes;
        bool want;
    } rows[] = {
        {"", false},
        {"data: x", true},
        {"event: x\n", true},
        {"data: x\n\n", false},
        {": x", false},
        {": x\n", false},
        {": x\n\ndata:", true},
        {"data: x\n\n: y", false},
        {"data: x\r\n\r", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sse s;
        size_t n = 0;

        sse_init(&s, 4096);
        cr_assert_eq(sse_feed(&s, rows[i].bytes, strlen(rows[i].bytes), count_event, &n), 0);
        cr_expect_eq(sse_is_under_way(&s), rows[i].want, "row %zu", i);
        sse_release(&s);
    }
}

Test(sse, content_type)
{
    static const struct {
        const char *type;
        bool want;
    } types[] = {
        {"text/event-stream", true},    {"Text/Event-Stream ; charset=utf-8", true},
        {"text/event-stream;", true},   {"text/event-streams", false},
        {"text/event", false},          {"application/json", false},
        {"a;text/event-stream", false}, {"", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        cr_expect_eq(sse_is_type(str_of(types[i].type)), types[i].want, "'%s'", types[i].type);
    cr_expect_not(sse_is_type((struct str){NULL, 0}));
}
