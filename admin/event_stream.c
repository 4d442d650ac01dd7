/* event_stream.c - reads the fleet's event stream.
 *
 * REJECTED  Filtering by region in Redis: streams cannot, and a script that walks 10,000
 * events would hold up every router.  Pages of 500 come here instead.
 */
#include "admin/event_stream.h"

#include "admin/session.h"
#include "redis/value.h"
#include "shared/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE "500"

void event_stream_release(struct event_stream *stream)
{
    free(stream->events);
    memset(stream, 0, sizeof(*stream));
}

static void add(struct event_stream *stream, const struct fleet_event *e)
{
    if (stream->n == stream->cap) {
        stream->cap = stream->cap == 0 ? 32 : stream->cap * 2;
        stream->events = xrealloc(stream->events, stream->cap * sizeof(stream->events[0]));
    }
    stream->events[stream->n++] = *e;
}

bool event_stream_is_before(const char *a, const char *b)
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
    struct event_stream *stream;
    const char *region;              /* NULL: all */
    size_t wanted;                   /* in stream->events, at most */
    size_t got;                      /* events in the reply */
    char id[FLEET_EVENT_ID_MAX + 1]; /* of its last one */
};

static void take(struct reading *rd, const struct redisReply *events)
{
    struct fleet_event e;

    rd->got = redis_value_count(events);
    for (size_t i = 0; i < rd->got; i++) {
        if (!fleet_event_decode(&e, redis_value_at(events, i)))
            continue;
        memcpy(rd->id, e.id, sizeof(rd->id));
        if (rd->stream->n < rd->wanted &&
            (rd->region == NULL || strcmp(e.slot, rd->region) == 0))
            add(rd->stream, &e);
    }
}

static int take_range(void *arg, const struct redisReply *r, struct err *err)
{
    (void)err;
    take(arg, r);
    return 0;
}

/* {{key, {event, ...}}}, or nil when nothing came. */
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

static void reverse(struct event_stream *stream)
{
    for (size_t i = 0; i < stream->n / 2; i++) {
        struct fleet_event e = stream->events[i];

        stream->events[i] = stream->events[stream->n - 1 - i];
        stream->events[stream->n - 1 - i] = e;
    }
}

static int read_newest(struct event_stream *stream, struct session *s,
                       char id[FLEET_EVENT_ID_MAX + 1], struct err *err)
{
    struct reading rd = {.stream = stream, .wanted = 0};

    if (read_back(&rd, s, "+", "1", err) < 0)
        return -1;
    str_copy(id, FLEET_EVENT_ID_MAX + 1, rd.id[0] != '\0' ? rd.id : "0-0");
    return 0;
}

int event_stream_tail(struct event_stream *stream, struct session *s, size_t n,
                      const char *region, struct err *err)
{
    struct reading rd = {.stream = stream, .region = region, .wanted = n};
    char from[FLEET_EVENT_ID_MAX + 2];

    stream->n = 0;
    if (read_newest(stream, s, stream->last, err) < 0)
        return -1;
    str_copy(from, sizeof(from), stream->last); /* this one included */
    while (stream->n < n && strcmp(stream->last, "0-0") != 0) {
        if (read_back(&rd, s, from, PAGE, err) < 0)
            return -1;
        if (rd.got == 0 || rd.id[0] == '\0')
            break;
        snprintf(from, sizeof(from), "(%s", rd.id);
    }
    reverse(stream);
    return 0;
}

int event_stream_next(struct event_stream *stream, struct session *s, int64_t block_ms,
                      const char *region, struct err *err)
{
    struct reading rd = {.stream = stream, .region = region, .wanted = SIZE_MAX};
    struct names_text key = names_of(session_fleet(s), NAMES_LOG);
    char block[24];
    const char *argv[] = {"XREAD", "COUNT",   PAGE,     "BLOCK",
                          block,   "STREAMS", key.text, stream->last};

    snprintf(block, sizeof(block), "%lld", (long long)block_ms);
    stream->n = 0;
    if (session_command(s, ARRAY_LEN(argv), argv, take_read, &rd, err) < 0)
        return -1;
    if (rd.id[0] != '\0')
        memcpy(stream->last, rd.id, sizeof(stream->last));
    return 0;
}

int event_stream_check(struct event_stream *stream, struct session *s, struct err *err)
{
    char newest[FLEET_EVENT_ID_MAX + 1];

    if (read_newest(stream, s, newest, err) < 0)
        return -1;
    if (event_stream_is_before(newest, stream->last))
        str_copy(stream->last, sizeof(stream->last), "0-0");
    return 0;
}
