/* test_reply.c - replies come out whole however the bytes are cut, and no cap is passed.
 */
#include "redis/reply.h"

#include "base/buf.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As "(OK 3 (a b))": strings in quotes, arrays in brackets. */
static void show(const struct redisReply *r, struct buf *out)
{
    int rc = 0;

    switch (r->type) {
    case REDIS_REPLY_STRING:
        rc = buf_appendf(out, "'%s'", r->str);
        break;
    case REDIS_REPLY_ARRAY:
        rc = buf_append(out, "(", 1);
        for (size_t i = 0; i < r->elements; i++) {
            if (i > 0)
                rc = buf_append(out, " ", 1);
            show(r->element[i], out);
        }
        rc = buf_append(out, ")", 1);
        break;
    case REDIS_REPLY_INTEGER:
        rc = buf_appendf(out, "%lld", r->integer);
        break;
    case REDIS_REPLY_NIL:
        rc = buf_append(out, "nil", 3);
        break;
    case REDIS_REPLY_STATUS:
        rc = buf_appendf(out, "+%s", r->str);
        break;
    default:
        rc = buf_appendf(out, "!%s", r->str);
        break;
    }
    cr_assert_eq(rc, 0);
}

/* Feeds in pieces of step bytes; replies joined by ';'; at the end the sentence of a refusal.
 */
static void decode(const char *data, size_t len, size_t step, struct buf *out)
{
    struct redis_reply *d = redis_reply_new();
    enum redis_reply_verdict v = REDIS_REPLY_MORE;

    buf_clear(out);
    for (size_t at = 0; at < len && v != REDIS_REPLY_BAD;) {
        size_t n = len - at < step ? len - at : step, used;
        struct redisReply *r;
        const char *why = NULL;

        v = redis_reply_feed(d, data + at, n, &used, &r, &why);
        cr_assert(used <= n);
        at += used;
        if (v == REDIS_REPLY_DONE) {
            show(r, out);
            cr_assert_eq(buf_append(out, ";", 1), 0);
            freeReplyObject(r);
        } else {
            cr_assert_null(r);
            cr_assert(v == REDIS_REPLY_BAD || used == n);
        }
        if (v == REDIS_REPLY_BAD)
            cr_assert_eq(buf_appendf(out, "BAD %s", why), 0);
    }
    redis_reply_free(d);
}

#define NO_RESP "BAD bytes that are no Redis protocol"
#define LARGE   "BAD a reply larger than the limit"
#define DEEP    "BAD a reply nested deeper than the limit"

/* clang-format off */
static const struct {
    const char *name, *bytes, *want;
} rows[] = {
    {"status",              "+OK\r\n",                    "+OK;"},
    {"empty status",        "+\r\n",                      "+;"},
    {"error",               "-ERR x y\r\n",               "!ERR x y;"},
    {"integers",            ":0\r\n:-7\r\n:42\r\n",       "0;-7;42;"},
    {"largest integer",     ":9223372036854775807\r\n",   "9223372036854775807;"},
    {"string",              "$3\r\nabc\r\n",              "'abc';"},
    {"empty string",        "$0\r\n\r\n",                 "'';"},
    {"string with CRLF",    "$4\r\na\r\nb\r\n",           "'a\r\nb';"},
    {"nil string",          "$-1\r\n",                    "nil;"},
    {"array",               "*2\r\n:1\r\n$1\r\nx\r\n",    "(1 'x');"},
    {"empty array",         "*0\r\n",                     "();"},
    {"nil array",           "*-1\r\n",                    "nil;"},
    {"nested",              "*3\r\n*1\r\n+a\r\n*0\r\n*2\r\n:1\r\n$-1\r\n", "((+a) () (1 nil));"},
    {"two at once",         "+a\r\n+b\r\n",               "+a;+b;"},
    {"one and a half",      "+a\r\n$5\r\nab",             "+a;"},
    {"seven deep",          "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "(((((((1)))))));"},
    {"an empty one in the seventh", "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*0\r\n", "(((((((())))))))" ";"},
    {"eight deep",          "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", DEEP},
    {"no type",             "hello\r\n",                  NO_RESP},
    {"bare LF",             "+a\n",                       NO_RESP},
    {"bare CR",             "+a\rb\r\n",                  NO_RESP},
    {"two CR",              "+a\r\r\n",                   NO_RESP},
    {"no digits",           ":\r\n",                      NO_RESP},
    {"only a minus",        ":-\r\n",                     NO_RESP},
    {"minus zero",          ":-0\r\n",                    NO_RESP},
    {"plus",                ":+1\r\n",                    NO_RESP},
    {"leading zero",        ":01\r\n",                    NO_RESP},
    {"space in a number",   "$ 3\r\nabc\r\n",             NO_RESP},
    {"letters in a length", "$3a\r\nabc\r\n",             NO_RESP},
    {"number too large",    ":9223372036854775808\r\n",   "BAD a number beyond 64 bits"},
    {"length -2",           "$-2\r\n",                    NO_RESP},
    {"array length -2",     "*-2\r\n",                    NO_RESP},
    {"string too short",    "$2\r\nabc\r\n",              NO_RESP},
    {"string too long",     "$4\r\nabc\r\n+x\r\n",        NO_RESP},
    {"announced too long",  "$8388609\r\n",               LARGE},
    {"length over 64 bits", "$99999999999999999999\r\n",  LARGE},
    {"array over the limit", "*100001\r\n",               LARGE},
    {"array of 2^31",       "*2147483648\r\n",            LARGE},
    {"array over 64 bits",  "*99999999999999999999\r\n",  LARGE},
    {"arrays together over", "*2\r\n*99999\r\n",          LARGE},
    {"RESP3 map",           "%1\r\n+a\r\n+b\r\n",         NO_RESP},
    {"RESP3 push",          ">1\r\n+a\r\n",               NO_RESP},
    {"RESP3 double",        ",1.5\r\n",                   NO_RESP},
    {"RESP3 null",          "_\r\n",                      NO_RESP},
    {"a good one first",    "+a\r\nx",                    "+a;" NO_RESP},
};
/* clang-format on */

Test(redis_reply, decodes_the_same_however_it_is_cut)
{
    static const size_t steps[] = {1, 2, 3, 7, 1000};
    struct buf out;

    buf_init(&out, 1u << 20);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
            decode(rows[i].bytes, strlen(rows[i].bytes), steps[s], &out);
            cr_expect_str_eq(out.len > 0 ? out.data : "", rows[i].want,
                             "row '%s' in steps of %zu", rows[i].name, steps[s]);
        }
    }
    buf_release(&out);
}

/* Feeds prefix, n fill bytes and suffix; the verdict on all of it. */
static enum redis_reply_verdict decode_filled(const char *prefix, char fill, size_t n,
                                              const char *suffix)
{
    struct redis_reply *d = redis_reply_new();
    enum redis_reply_verdict v;
    char *block = malloc(n + 1);
    struct redisReply *r;
    const char *why;
    size_t used;

    memset(block, fill, n);
    v = redis_reply_feed(d, prefix, strlen(prefix), &used, &r, &why);
    if (v == REDIS_REPLY_MORE && n > 0)
        v = redis_reply_feed(d, block, n, &used, &r, &why);
    if (v == REDIS_REPLY_MORE)
        v = redis_reply_feed(d, suffix, strlen(suffix), &used, &r, &why);
    if (r != NULL)
        freeReplyObject(r);
    free(block);
    redis_reply_free(d);
    return v;
}

Test(redis_reply, holds_its_limits)
{
    size_t line = REDIS_REPLY_LINE_MAX - 1; /* the CR counts */

    cr_expect_eq(decode_filled("+", 'x', line - 1, "\r\n"), REDIS_REPLY_DONE);
    cr_expect_eq(decode_filled("+", 'x', line, "\r\n"), REDIS_REPLY_DONE);
    cr_expect_eq(decode_filled("+", 'x', line + 1, "\r\n"), REDIS_REPLY_BAD);

    char head[32];
    size_t around = strlen("$8388592\r\n\r\n"), most = REDIS_REPLY_BYTES_MAX - around;

    for (int more = -1; more <= 1; more++) {
        size_t n = most + (size_t)more;

        snprintf(head, sizeof(head), "$%zu\r\n", n);
        cr_expect_eq(decode_filled(head, 'x', n, "\r\n"),
                     more <= 0 ? REDIS_REPLY_DONE : REDIS_REPLY_BAD, "%+d", more);
    }
}

Test(redis_reply, holds_its_limit_of_elements)
{
    for (int more = -1; more <= 1; more++) {
        struct redis_reply *d = redis_reply_new();
        enum redis_reply_verdict v;
        struct redisReply *r;
        const char *why;
        char head[32];
        size_t used;
        int n = REDIS_REPLY_ELEMENTS_MAX + more;

        snprintf(head, sizeof(head), "*%d\r\n", n);
        v = redis_reply_feed(d, head, strlen(head), &used, &r, &why);
        for (int i = 0; i < n && v == REDIS_REPLY_MORE; i++)
            v = redis_reply_feed(d, ":1\r\n", 4, &used, &r, &why);
        cr_expect_eq(v, more <= 0 ? REDIS_REPLY_DONE : REDIS_REPLY_BAD, "%+d", more);
        if (r != NULL) {
            cr_expect_eq(r->elements, (size_t)n);
            freeReplyObject(r);
        }
        redis_reply_free(d);
    }
}

Test(redis_reply, stays_bad)
{
    struct redis_reply *d = redis_reply_new();
    struct redisReply *r;
    const char *why;
    size_t used;

    cr_expect_eq(redis_reply_feed(d, "\0", 1, &used, &r, &why), REDIS_REPLY_BAD);
    cr_expect_eq(redis_reply_feed(d, "+a\r\n", 4, &used, &r, &why), REDIS_REPLY_BAD);
    cr_expect_eq(used, 0u);
    redis_reply_free(d);
    redis_reply_free(NULL);
}
