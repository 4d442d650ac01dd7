/* test_redis.c - each trouble of a Redis, one row each: what is found, and how bad. */
#include "admin/doctor/redis.h"

#include "base/str.h"

#include <criterion/criterion.h>
#include <string.h>

static struct doctor_facts healthy(void)
{
    struct doctor_facts f = {.latency_us = 300,
                             .has_info = true,
                             .aof = DOCTOR_YES,
                             .save_points = DOCTOR_NO,
                             .used_bytes = 1 << 20,
                             .has_meta = true,
                             .time_ms = 5000000,
                             .meta_last_ms = 4999999,
                             .subscribers = 2};

    str_copy(f.version, sizeof(f.version), "7.0.15");
    str_copy(f.role, sizeof(f.role), "master");
    str_copy(f.policy, sizeof(f.policy), "noeviction");
    return f;
}

static const struct finding *find(const struct findings *found, const char *check)
{
    for (size_t i = 0; i < found->n; i++)
        if (strcmp(found->list[i].check, check) == 0)
            return &found->list[i];
    return NULL;
}

Test(doctor_redis, a_healthy_one_has_nothing_to_do)
{
    struct doctor_facts f = healthy();
    struct findings found = {0};

    doctor_redis_judge(&f, "redis://h", "demo", &found);
    cr_expect_eq(findings_count(&found, FINDING_OK), found.n);
    cr_expect_eq(found.n, 8);
    for (size_t i = 0; i < found.n; i++)
        cr_expect_str_eq(found.list[i].todo, "");
    findings_release(&found);
}

static void slow(struct doctor_facts *f)
{
    f->latency_us = DOCTOR_REDIS_SLOW_US;
}
static void not_slow(struct doctor_facts *f)
{
    f->latency_us = DOCTOR_REDIS_SLOW_US - 1;
}
static void late(struct doctor_facts *f)
{
    f->latency_us = DOCTOR_REDIS_LATE_US;
}
static void not_late(struct doctor_facts *f)
{
    f->latency_us = DOCTOR_REDIS_LATE_US - 1;
}
static void old(struct doctor_facts *f)
{
    str_copy(f->version, sizeof(f->version), "6.2.14");
}
static void newer(struct doctor_facts *f)
{
    str_copy(f->version, sizeof(f->version), "10.1.0");
}
static void replica(struct doctor_facts *f)
{
    str_copy(f->role, sizeof(f->role), "slave");
}
static void lru(struct doctor_facts *f)
{
    str_copy(f->policy, sizeof(f->policy), "allkeys-lru");
}
static void lru_bounded(struct doctor_facts *f)
{
    lru(f);
    f->maxmemory_bytes = 1 << 30;
}
static void roomy(struct doctor_facts *f)
{
    f->maxmemory_bytes = 1000 << 20;
    f->used_bytes = 899 << 20;
}
static void nearly_full(struct doctor_facts *f)
{
    f->maxmemory_bytes = 1000 << 20;
    f->used_bytes = 900 << 20;
}
static void full(struct doctor_facts *f)
{
    f->maxmemory_bytes = f->used_bytes = 1000 << 20;
}
static void snapshots(struct doctor_facts *f)
{
    f->aof = DOCTOR_NO;
    f->save_points = DOCTOR_YES;
}
static void volatile_data(struct doctor_facts *f)
{
    f->aof = f->save_points = DOCTOR_NO;
}
static void may_not_config(struct doctor_facts *f)
{
    f->aof = DOCTOR_NO;
    f->save_points = DOCTOR_UNKNOWN;
}
static void clock_back(struct doctor_facts *f)
{
    f->meta_last_ms = f->time_ms + DOCTOR_REDIS_STEP_MS;
}
static void clock_noise(struct doctor_facts *f)
{
    f->meta_last_ms = f->time_ms + DOCTOR_REDIS_STEP_MS - 1;
}
static void denied(struct doctor_facts *f)
{
    str_copy(f->denied, sizeof(f->denied), "PUBLISH, DEL");
}
static void cluster(struct doctor_facts *f)
{
    f->is_cluster = true;
}
static void one_node(struct doctor_facts *f)
{
    f->is_cluster = f->one_address = true;
}
static void no_shards(struct doctor_facts *f)
{
    f->is_cluster = f->one_address = f->shards_denied = true;
}
static void no_info(struct doctor_facts *f)
{
    f->has_info = false;
}

Test(doctor_redis, each_trouble_is_named)
{
    static const struct {
        void (*spoil)(struct doctor_facts *f);
        const char *check;
        enum finding_level level;
        const char *what, *todo;
    } rows[] = {
        {slow, "redis", FINDING_WARN, "redis://h answers in 10.00ms", "SLOWLOG"},
        {not_slow, "redis", FINDING_OK, "9.99ms", ""},
        {late, "redis", FINDING_BAD, "50.00ms", "redis.command_timeout"},
        {not_late, "redis", FINDING_WARN, "49.99ms", ""},
        {old, "version", FINDING_BAD, "Redis 6.2.14", "7.0 or newer"},
        {newer, "version", FINDING_OK, "Redis 10.1.0", ""},
        {replica, "role", FINDING_BAD, "a replica", "the primary"},
        {lru, "eviction", FINDING_WARN, "does nothing yet", "noeviction"},
        {lru_bounded, "eviction", FINDING_BAD, "allkeys-lru", "noeviction"},
        {roomy, "memory", FINDING_OK, "899 of 1000 MiB", ""},
        {nearly_full, "memory", FINDING_WARN, "900 of 1000 MiB", "raise maxmemory"},
        {full, "memory", FINDING_BAD, "takes no changes", "raise maxmemory"},
        {snapshots, "persistence", FINDING_OK, "snapshots", ""},
        {volatile_data, "persistence", FINDING_WARN, "forgets all", "appendonly yes"},
        {may_not_config, "persistence", FINDING_UNKNOWN, "may not CONFIG GET", ""},
        {clock_back, "clock", FINDING_WARN, "1s behind", "slewed"},
        {clock_noise, "clock", FINDING_OK, "forward", ""},
        {denied, "acl", FINDING_BAD, "may not: PUBLISH, DEL", "~{sluice:demo}:*"},
        {cluster, "cluster", FINDING_OK, "to each other", ""},
        {one_node, "cluster", FINDING_WARN, "names one node", "redis://host:port,host:port"},
        {no_shards, "cluster", FINDING_WARN, "CLUSTER SHARDS", "+cluster|shards"},
        {no_info, "info", FINDING_UNKNOWN, "may not INFO", "+info"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct doctor_facts f = healthy();
        struct findings found = {0};

        rows[i].spoil(&f);
        doctor_redis_judge(&f, "redis://h", "demo", &found);
        const struct finding *one = find(&found, rows[i].check);

        cr_assert_not_null(one, "row %zu", i);
        cr_expect_eq(one->level, rows[i].level, "row %zu: %s", i,
                     finding_level_name(one->level));
        cr_expect_not_null(strstr(one->what, rows[i].what), "row %zu: %s", i, one->what);
        cr_expect_not_null(strstr(one->todo, rows[i].todo), "row %zu: %s", i, one->todo);
        findings_release(&found);
    }
}

Test(doctor_redis, says_nothing_of_a_clock_it_could_not_read)
{
    struct doctor_facts f = healthy();
    struct findings found = {0};

    f.has_meta = false;
    doctor_redis_judge(&f, "redis://h", "demo", &found);
    cr_expect_null(find(&found, "clock"));
    findings_release(&found);
}
