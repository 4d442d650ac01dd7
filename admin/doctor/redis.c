/* redis.c - is this Redis fit to hold a fleet's state?  A finding per question. */
#include "admin/doctor/redis.h"

#include "admin/output/local_time.h"
#include "shared/acl.h"

#include <stdlib.h>
#include <string.h>

static void judge_latency(const struct doctor_facts *f, const char *where, struct findings *out)
{
    enum finding_level level = f->latency_us >= DOCTOR_REDIS_LATE_US   ? FINDING_BAD
                               : f->latency_us >= DOCTOR_REDIS_SLOW_US ? FINDING_WARN
                                                                       : FINDING_OK;

    finding_add(out, level, "redis", "%s answers in %lld.%02lldms", where,
                (long long)f->latency_us / 1000, (long long)f->latency_us / 10 % 100);
    if (level == FINDING_BAD)
        finding_todo(out, "routers count an answer later than redis.command_timeout (50ms "
                          "unless the config says more) as lost; look at SLOWLOG, the host's "
                          "load and the network, or raise it");
    else if (level == FINDING_WARN)
        finding_todo(out, "every change takes that much longer to reach the routers; look at "
                          "SLOWLOG, the host's load and the network");
}

static void judge_version(const struct doctor_facts *f, struct findings *out)
{
    bool old = strtol(f->version, NULL, 10) < 7;

    finding_add(out, old ? FINDING_BAD : FINDING_OK, "version", "Redis %s", f->version);
    if (old)
        finding_todo(out, "the scripts need Redis 7.0 or newer");
}

static void judge_role(const struct doctor_facts *f, struct findings *out)
{
    if (strcmp(f->role, "master") == 0) {
        finding_add(out, FINDING_OK, "role", "it is a primary");
        return;
    }
    finding_add(out, FINDING_BAD, "role",
                "it is a replica (%s, link to its primary %s) and takes no changes", f->role,
                f->master_link[0] != '\0' ? f->master_link : "unknown");
    finding_todo(out, "let redis.url name the primary, or the Sentinels (redis+sentinel://)");
}

static void judge_cluster(const struct doctor_facts *f, struct findings *out)
{
    if (!f->is_cluster)
        return;
    if (f->shards_denied) {
        finding_add(out, FINDING_WARN, "cluster",
                    "this user may not CLUSTER SHARDS, so that routers know the nodes of "
                    "redis.url alone");
        finding_todo(out, "ACL SETUSER <user> +cluster|shards");
    } else if (f->one_address) {
        finding_add(
            out, FINDING_WARN, "cluster",
            "the URL names one node: whatever starts while that is down finds no other");
        finding_todo(out, "name several in redis.url: redis://host:port,host:port");
    } else {
        finding_add(out, FINDING_OK, "cluster", "its nodes lead routers to each other");
    }
}

static void judge_eviction(const struct doctor_facts *f, struct findings *out)
{
    bool evicts = strcmp(f->policy, "noeviction") != 0;

    if (!evicts)
        finding_add(out, FINDING_OK, "eviction", "maxmemory-policy is noeviction");
    else if (f->maxmemory_bytes == 0)
        finding_add(out, FINDING_WARN, "eviction",
                    "maxmemory-policy is %s; without a maxmemory it does nothing yet",
                    f->policy);
    else
        finding_add(out, FINDING_BAD, "eviction",
                    "maxmemory-policy is %s: Redis may throw the fleet's state away",
                    f->policy);
    if (evicts)
        finding_todo(out, "CONFIG SET maxmemory-policy noeviction, and the same in redis.conf; "
                          "a cache belongs into another Redis");
}

static void judge_memory(const struct doctor_facts *f, struct findings *out)
{
    long long used = f->used_bytes >> 20, max = f->maxmemory_bytes >> 20;

    if (f->maxmemory_bytes == 0) {
        finding_add(out, FINDING_OK, "memory", "%lld MiB in use, no maxmemory", used);
    } else if (f->used_bytes / DOCTOR_REDIS_FULL_PERCENT < f->maxmemory_bytes / 100) {
        finding_add(out, FINDING_OK, "memory", "%lld of %lld MiB in use", used, max);
    } else {
        bool full = f->used_bytes >= f->maxmemory_bytes;

        finding_add(out, full ? FINDING_BAD : FINDING_WARN, "memory",
                    "%lld of %lld MiB in use%s", used, max,
                    full ? ": Redis takes no changes" : "");
        finding_todo(out, "raise maxmemory, or find what fills it (redis-cli --bigkeys)");
    }
}

static void judge_persistence(const struct doctor_facts *f, struct findings *out)
{
    if (f->aof == DOCTOR_YES || f->save_points == DOCTOR_YES) {
        finding_add(out, FINDING_OK, "persistence", "%s",
                    f->aof == DOCTOR_YES ? "append-only file is on" : "snapshots are on");
    } else if (f->aof == DOCTOR_NO && f->save_points == DOCTOR_NO) {
        finding_add(out, FINDING_WARN, "persistence", "off: a restart of Redis forgets all");
        finding_todo(out, "appendonly yes; until then only live routers, and their state_file, "
                          "remember what is forced");
    } else {
        finding_add(out, FINDING_UNKNOWN, "persistence",
                    "the append-only file is off, and this user may not CONFIG GET save");
        finding_todo(out, "run doctor as a user that may");
    }
}

static void judge_clock(const struct doctor_facts *f, struct findings *out)
{
    int64_t back_ms = f->meta_last_ms - f->time_ms;
    char span[LOCAL_TIME_MAX];

    if (f->time_ms == 0 || !f->has_meta)
        return; /* the ACL's finding, or the fleet's */
    if (back_ms < DOCTOR_REDIS_STEP_MS) {
        finding_add(out, FINDING_OK, "clock", "Redis' clock goes forward");
        return;
    }
    local_time_span(back_ms, span);
    finding_add(out, FINDING_WARN, "clock", "Redis' clock is %s behind what it said before",
                span);
    finding_todo(out,
                 "the fleet goes by the later time, so nothing reopens early; see that the "
                 "host's clock is slewed (chrony, ntpd), not stepped");
}

static void judge_acl(const struct doctor_facts *f, const char *fleet, struct findings *out)
{
    char rule[ACL_MAX];

    if (f->denied[0] == '\0') {
        finding_add(out, FINDING_OK, "acl", "this user may do what a router does");
        return;
    }
    acl_rule(fleet, rule);
    finding_add(out, FINDING_BAD, "acl", "this user may not: %s", f->denied);
    finding_todo(out, "ACL SETUSER <user> %s", rule);
}

void doctor_redis_judge(const struct doctor_facts *f, const char *where, const char *fleet,
                        struct findings *out)
{
    judge_latency(f, where, out);
    if (f->has_info) {
        judge_version(f, out);
        judge_role(f, out);
        judge_cluster(f, out);
        judge_eviction(f, out);
        judge_memory(f, out);
        judge_persistence(f, out);
    } else {
        finding_add(out, FINDING_UNKNOWN, "info",
                    "version, role, eviction, memory and persistence: this user may not INFO");
        finding_todo(out, "allow +info: routers notice a restarted Redis by it");
    }
    judge_clock(f, out);
    judge_acl(f, fleet, out);
}
