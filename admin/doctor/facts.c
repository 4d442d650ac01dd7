/* facts.c - what a doctor asks Redis, apart from the fleet's own state.
 *
 * Everything here also works, with less to see, as the user that routers are given
 * (shared/acl.h).  What that rule must allow is tried on a key that nobody has, so that
 * nothing changes; a refusal is the finding.
 */
#include "admin/doctor/facts.h"

#include "admin/session.h"
#include "base/clock.h"
#include "redis/value.h"
#include "shared/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_TRIPS 9

/* ---- INFO ---- */

static bool field(struct str info, const char *name, struct str *value)
{
    struct str line;

    for (struct str rest = info; rest.ptr != NULL;) {
        line = str_split(rest, '\n', &rest);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        struct str key = str_split(line, ':', value);

        if (value->ptr != NULL && str_eqz(key, name))
            return true;
    }
    return false;
}

static void text_field(struct str info, const char *name, char *out, size_t cap)
{
    struct str v;

    out[0] = '\0';
    if (!field(info, name, &v))
        return;
    size_t n = v.len < cap - 1 ? v.len : cap - 1;

    for (size_t i = 0; i < n; i++)
        out[i] = v.ptr[i] < ' ' || v.ptr[i] > '~' ? '?' : v.ptr[i];
    out[n] = '\0';
}

static int64_t number_field(struct str info, const char *name)
{
    struct str v;
    uint64_t n;

    return field(info, name, &v) && str_to_u64(v, &n) && n <= INT64_MAX ? (int64_t)n : 0;
}

void doctor_facts_info(struct doctor_facts *f, struct str info)
{
    struct str v;

    f->has_info = true;
    text_field(info, "redis_version", f->version, sizeof(f->version));
    text_field(info, "role", f->role, sizeof(f->role));
    text_field(info, "master_link_status", f->master_link, sizeof(f->master_link));
    text_field(info, "run_id", f->run, sizeof(f->run));
    text_field(info, "maxmemory_policy", f->policy, sizeof(f->policy));
    f->maxmemory_bytes = number_field(info, "maxmemory");
    f->used_bytes = number_field(info, "used_memory");
    f->replicas = number_field(info, "connected_slaves");
    f->is_cluster = number_field(info, "cluster_enabled") == 1;
    f->aof = DOCTOR_UNKNOWN;
    if (field(info, "aof_enabled", &v))
        f->aof = str_eqz(v, "1") ? DOCTOR_YES : DOCTOR_NO;
}

/* ---- replies ---- */

static int take_any(void *arg, const struct redisReply *r, struct err *err)
{
    (void)arg, (void)r, (void)err;
    return 0;
}

static int take_info(void *arg, const struct redisReply *r, struct err *err)
{
    (void)err;
    if (redis_value_text(r).ptr != NULL)
        doctor_facts_info(arg, redis_value_text(r));
    return 0;
}

static int take_save(void *arg, const struct redisReply *r, struct err *err)
{
    struct doctor_facts *f = arg;
    struct str points = redis_value_text(redis_value_at(r, 1));

    (void)err;
    if (points.ptr != NULL)
        f->save_points = points.len > 0 ? DOCTOR_YES : DOCTOR_NO;
    return 0;
}

static int take_meta(void *arg, const struct redisReply *r, struct err *err)
{
    struct doctor_facts *f = arg;
    struct str run = redis_value_text(redis_value_at(r, 0));

    (void)err;
    f->has_meta = run.ptr != NULL && redis_value_number(redis_value_at(r, 1), &f->meta_last_ms);
    snprintf(f->meta_run, sizeof(f->meta_run), STR_FMT, STR_ARG(run));
    return 0;
}

static int take_time(void *arg, const struct redisReply *r, struct err *err)
{
    struct doctor_facts *f = arg;
    int64_t s, us;

    (void)err;
    if (redis_value_number(redis_value_at(r, 0), &s) &&
        redis_value_number(redis_value_at(r, 1), &us))
        f->time_ms = s * 1000 + us / 1000;
    return 0;
}

static int take_subscribers(void *arg, const struct redisReply *r, struct err *err)
{
    struct doctor_facts *f = arg;

    (void)err;
    if (!redis_value_number(redis_value_at(r, 1), &f->subscribers))
        f->subscribers = -1;
    return 0;
}

/* ---- asking ---- */

/* -1 only when the connection is lost; *denied (may be NULL): the user may not. */
static int ask(struct session *s, const char *const *argv, session_decode *decode, void *arg,
               bool *denied, struct err *err)
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    int rc = session_command(s, argc, argv, decode, arg, err);

    if (denied != NULL)
        *denied = rc < 0 && session_error(s) == REDIS_ERROR_NOPERM;
    return rc < 0 && session_is_lost(s) ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static int measure(struct doctor_facts *f, struct session *s, struct err *err)
{
    int64_t us[ROUND_TRIPS];

    for (size_t i = 0; i < ARRAY_LEN(us); i++) {
        int64_t began_us = clock_mono_us();

        if (ask(s, (const char *const[]){"PING", NULL}, take_any, NULL, NULL, err) < 0)
            return -1;
        us[i] = clock_mono_us() - began_us;
    }
    qsort(us, ARRAY_LEN(us), sizeof(us[0]), compare);
    f->latency_us = us[ARRAY_LEN(us) / 2];
    return 0;
}

/* What the rule of shared/acl.c allows, each word of it tried; SUBSCRIBE alone cannot be, for
 * it would end the conversation: the count of subscribers tells. */
static int try_commands(struct doctor_facts *f, struct session *s, struct err *err)
{
    struct names_text name = names_of(session_fleet(s), NAMES_META);
    char key[NAMES_NAME_MAX + 16];
    size_t at = 0;

    snprintf(key, sizeof(key), "%s:doctor", name.text);
    /* clang-format off */
    const char *const tries[][6] = {
        {"HGET",    key, "x"},
        {"HMGET",   key, "x"},
        {"HGETALL", key},
        {"HEXISTS", key, "x"},
        {"HDEL",    key, "x"},
        {"HSET",    key, "x", "x", "x"}, /* not in pairs, so that it does nothing */
        {"ZADD",    key, "XX", "1", "x"},
        {"ZREM",    key, "x"},
        {"ZCARD",   key},
        {"ZSCORE",  key, "x"},
        {"ZCOUNT",  key, "0", "0"},
        {"ZRANGE",  key, "0", "0"},
        {"ZRANGEBYSCORE",    key, "0", "0"},
        {"ZREVRANGEBYSCORE", key, "0", "0"},
        {"ZREMRANGEBYSCORE", key, "0", "0"},
        {"ZREMRANGEBYRANK",  key, "0", "0"},
        {"XADD",    key, "NOMKSTREAM", "*", "x"}, /* no value, and no stream */
        {"XRANGE",  key, "-", "+"},
        {"XREVRANGE", key, "+", "-"},
        {"XREAD",   "STREAMS", key, "0"},
        {"DEL",     key},
        {"PEXPIRE", key, "1"},
        {"EVAL",    "return 1", "0"},
        {"EVALSHA", "0000000000000000000000000000000000000000", "0"},
        {"PUBLISH", key, "x"},
        {"TIME"},
        {"INFO",    "server"},
    };
    /* clang-format on */
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        bool denied;

        if (ask(s, tries[i], take_any, NULL, &denied, err) < 0)
            return -1;
        if (denied && at < sizeof(f->denied))
            at += (size_t)snprintf(f->denied + at, sizeof(f->denied) - at, "%s%s",
                                   at > 0 ? ", " : "", tries[i][0]);
    }
    return 0;
}

int doctor_facts_gather(struct doctor_facts *f, struct session *s, struct err *err)
{
    struct names_text meta = names_of(session_fleet(s), NAMES_META);
    struct names_text push = session_push(s);
    /* clang-format off */
    const struct {
        const char *argv[6];
        session_decode *decode;
    } asks[] = {
        {{"INFO"},                                take_info},
        {{"CONFIG", "GET", "save"},               take_save},
        {{"HMGET", meta.text, "run", "last"},     take_meta},
        {{"TIME"},                                take_time},
        {{"PUBSUB", "NUMSUB", push.text},         take_subscribers},
    };
    /* clang-format on */

    memset(f, 0, sizeof(*f));
    f->subscribers = -1;
    if (measure(f, s, err) < 0)
        return -1;
    for (size_t i = 0; i < ARRAY_LEN(asks); i++)
        if (ask(s, asks[i].argv, asks[i].decode, f, NULL, err) < 0)
            return -1;
    f->one_address = session_has_one_address(s);
    if (f->is_cluster && ask(s, (const char *const[]){"CLUSTER", "SHARDS", NULL}, take_any,
                             NULL, &f->shards_denied, err) < 0)
        return -1;
    return try_commands(f, s, err);
}
