/* stream.c - reads the fleet's event stream.
 *
 * REJECTED  Filtering by region in Redis: streams cannot, and a script that walks 10,000
 * entries would hold up every router.  Pages of 500 come here instead.
 */
#include "admin/stream.h"

#include "admin/session.h"
#include "redis/value.h"
#include "shared/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "500"

void stream_release(struct stream *st)
{
    free(st->entries);
    memset(st, 0, sizeof(*st));
}

static void add(struct stream *st, const struct entry *e)
{
    if (st->n == st->cap) {
        st->cap = st->cap == 0 ? 32 : st->cap * 2;
        st->entries = xrealloc(st->entries, st->cap * sizeof(st->entries[0]));
    }
    st->entries[st->n++] = *e;
}

bool stream_is_before(const char *a, const char *b)
{
    struct str ids[2] = {str_of(a), str_of(b)};
    uint64_t n[2][2] = {{0, 0}, {0, 0}};

    for (int i = 0; i < 2; i++) {
        struct str number, ms = str_split(ids[i], '-', &number);

        if (!str_to_u64(ms, &n[i][0]) || (number.ptr != NULL && !str_to_u64(number, &n[i][1])))
            return false;
    }
    return n[0][0] != n[1][0] ? n[0][0] < n[1][0] : n[0][1] < n[1][1];
}

/* ---- one reading ---- */

struct reading {
    struct stream *st;
    const char *region;        /* NULL: all */
    size_t wanted;             /* in st->entries, at most */
    size_t got;                /* entries in the reply */
    char id[ENTRY_ID_MAX + 1]; /* of its last one */
};

static void take(struct reading *rd, const struct redisReply *entries)
{
    struct entry e;

    rd->got = redis_value_count(entries);
    for (size_t i = 0; i < rd->got; i++) {
        if (!entry_decode(&e, redis_value_at(entries, i)))
            continue;
        memcpy(rd->id, e.id, sizeof(rd->id));
        if (rd->st->n < rd->wanted && (rd->region == NULL || strcmp(e.key, rd->region) == 0))
            add(rd->st, &e);
    }
}

static int take_range(void *arg, const struct redisReply *r, struct err *err)
{
    (void)err;
    take(arg, r);
    return 0;
}

/* {{key, {entry, ...}}}, or nil when nothing came. */
static int take_read(void *arg, const struct redisReply *r, struct err *err)
{
    (void)err;
    take(arg, redis_value_at(redis_value_at(r, 0), 1));
    return 0;
}

static int read_back(struct reading *rd, struct session *s, const char *from, const char *count,
                     struct err *err)
{
    struct names_text key = names_of(session_fleet(s), NAMES_LOG);
    const char *argv[] = {"XREVRANGE", key.text, from, "-", "COUNT", count};

    return session_command(s, ARRAY_LEN(argv), argv, take_range, rd, err);
}

/* ---- what callers want ---- */

static void reverse(struct stream *st)
{
    for (size_t i = 0; i < st->n / 2; i++) {
        struct entry e = st->entries[i];

        st->entries[i] = st->entries[st->n - 1 - i];
        st->entries[st->n - 1 - i] = e;
    }
}

static int read_newest(struct stream *st, struct session *s, char id[ENTRY_ID_MAX + 1],
                       struct err *err)
{
    struct reading rd = {.st = st, .wanted = 0};

    if (read_back(&rd, s, "+", "1", err) < 0)
        return -1;
    str_copy(id, ENTRY_ID_MAX + 1, rd.id[0] != '\0' ? rd.id : "0-0");
    return 0;
}

int stream_tail(struct stream *st, struct session *s, size_t n, const char *region,
                struct err *err)
{
    struct reading rd = {.st = st, .region = region, .wanted = n};
    char from[ENTRY_ID_MAX + 2];

    st->n = 0;
    if (read_newest(st, s, st->last, err) < 0)
        return -1;
    str_copy(from, sizeof(from), st->last); /* this one included */
    while (st->n < n && strcmp(st->last, "0-0") != 0) {
        if (read_back(&rd, s, from, PAGE, err) < 0)
            return -1;
        if (rd.got == 0 || rd.id[0] == '\0')
            break;
        snprintf(from, sizeof(from), "(%s", rd.id);
    }
    reverse(st);
    return 0;
}

int stream_next(struct stream *st, struct session *s, int64_t block_ms, const char *region,
                struct err *err)
{
    struct reading rd = {.st = st, .region = region, .wanted = SIZE_MAX};
    struct names_text key = names_of(session_fleet(s), NAMES_LOG);
    char block[24];
    const char *argv[] = {"XREAD", "COUNT",   PAGE,     "BLOCK",
                          block,   "STREAMS", key.text, st->last};

    snprintf(block, sizeof(block), "%lld", (long long)block_ms);
    st->n = 0;
    if (session_command(s, ARRAY_LEN(argv), argv, take_read, &rd, err) < 0)
        return -1;
    if (rd.id[0] != '\0')
        memcpy(st->last, rd.id, sizeof(st->last));
    return 0;
}

int stream_check(struct stream *st, struct session *s, struct err *err)
{
    char newest[ENTRY_ID_MAX + 1];

    if (read_newest(st, s, newest, err) < 0)
        return -1;
    if (stream_is_before(newest, st->last))
        str_copy(st->last, sizeof(st->last), "0-0");
    return 0;
}
