/* test_facts.c - what a real Redis tells, whole and to a user who may little. */
#include "admin/doctor/facts.h"

#include "admin/session.h"
#include "tests/unit/shared/lua_call.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

Test(doctor_facts, reads_info)
{
    static const char text[] = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n\r\n"
                               "# Memory\r\nused_memory:123\r\nmaxmemory:456\r\n"
                               "maxmemory_policy:allkeys-\033lru\r\nrole:slave\r\n"
                               "master_link_status:down\r\naof_enabled:0";
    struct doctor_facts f = {0};

    doctor_facts_info(&f, str_of(text));
    cr_expect(f.has_info);
    cr_expect_str_eq(f.version, "7.0.15");
    cr_expect_str_eq(f.run, "abc");
    cr_expect_str_eq(f.policy, "allkeys-?lru");
    cr_expect_str_eq(f.role, "slave");
    cr_expect_str_eq(f.master_link, "down");
    cr_expect_eq(f.used_bytes, 123);
    cr_expect_eq(f.maxmemory_bytes, 456);
    cr_expect_eq(f.aof, DOCTOR_NO);
}

Test(doctor_facts, takes_rubbish_for_nothing)
{
    static const char *const rows[] = {"",
                                       "\r\n\r\n",
                                       "role",
                                       "role:",
                                       ":",
                                       "maxmemory:-1",
                                       "used_memory:99999999999999999999999"};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct doctor_facts f = {0};

        doctor_facts_info(&f, str_of(rows[i]));
        cr_expect_str_eq(f.role, "", "row %zu", i);
        cr_expect_eq(f.maxmemory_bytes, 0, "row %zu", i);
        cr_expect_eq(f.used_bytes, 0, "row %zu", i);
        cr_expect_eq(f.aof, DOCTOR_UNKNOWN, "row %zu", i);
    }
}

static struct session *open_as(const struct lua *l, const char *login)
{
    struct err err = {0};
    char url[128];
    const char *at = strstr(l->server.url, "//");

    if (at != NULL) /* unix:///path or unix://user:password@/path */
        snprintf(url, sizeof(url), "%.*s//%s%s", (int)(at - l->server.url), l->server.url,
                 login, at + 2);
    else
        cr_assert_fail("%s", l->server.url);
    struct session_conf conf = {
        .url = url, .fleet = "t", .connect_ms = 2000, .command_ms = 2000};
    struct session *s = session_open(&conf, &err);

    cr_assert_not_null(s, "%s", err.msg);
    return s;
}

Test(doctor_facts, asks_a_real_one_and_changes_nothing)
{
    struct doctor_facts f;
    struct err err = {0};
    struct lua l;

    signal(SIGPIPE, SIG_IGN);
    lua_start(&l, "");
    lua_run(&l, SCRIPT_ATTACH, "r1 - seed h 1 v c 5 0 eu us");
    lua_do(&l, "DBSIZE");
    char before[64];

    str_copy(before, sizeof(before), l.reply);
    struct session *s = open_as(&l, "");

    cr_assert_eq(doctor_facts_gather(&f, s, &err), 0, "%s", err.msg);
    cr_expect_gt(f.latency_us, 0);
    cr_expect(f.has_info && f.has_meta);
    cr_expect_str_eq(f.role, "master");
    cr_expect_str_eq(f.run, f.meta_run);
    cr_expect_neq(f.save_points, DOCTOR_UNKNOWN);
    cr_expect_leq(f.meta_last_ms, f.time_ms);
    cr_expect_eq(f.subscribers, 0);
    cr_expect_str_eq(f.denied, "");
    cr_expect_str_eq(lua_do(&l, "DBSIZE"), before);
    session_close(s);
    lua_stop(&l);
}

Test(doctor_facts, a_user_who_may_little_sees_what_is_missing)
{
    struct doctor_facts f;
    struct err err = {0};
    struct lua l;

    signal(SIGPIPE, SIG_IGN);
    lua_start(&l, "");
    lua_do(&l, "ACL SETUSER u on >p ~* resetchannels +@all -info -config -pubsub -zrem");
    struct session *s = open_as(&l, "u:p@");

    cr_assert_eq(doctor_facts_gather(&f, s, &err), 0, "%s", err.msg);
    cr_expect_not(f.has_info || f.has_meta);
    cr_expect_eq(f.save_points, DOCTOR_UNKNOWN);
    cr_expect_eq(f.subscribers, -1);
    cr_expect_str_eq(f.denied, "ZREM, PUBLISH, INFO");
    session_close(s);
    lua_stop(&l);
}

Test(doctor_facts, each_right_that_a_script_needs_is_tried)
{
    char command[80], name[32];
    struct doctor_facts f;
    struct err err = {0};
    struct lua l;

    signal(SIGPIPE, SIG_IGN);
    lua_start(&l, "");
    for (const struct redis_script *t = scripts_table; t->name != NULL; t++)
        for (const char *at = t->text; (at = strstr(at, " redis.call('")) != NULL;) {
            at += strlen(" redis.call('");
            snprintf(name, sizeof(name), "%.*s", (int)strcspn(at, "'"), at);
            snprintf(command, sizeof(command), "ACL SETUSER u reset on >p ~* &* +@all -%s",
                     name);
            lua_do(&l, command);
            struct session *s = open_as(&l, "u:p@");

            cr_assert_eq(doctor_facts_gather(&f, s, &err), 0, "%s", err.msg);
            cr_expect_not_null(strstr(f.denied, name), "%s: '%s'", name, f.denied);
            session_close(s);
        }
    cr_expect_str_eq(lua_do(&l, "DBSIZE"), "0");
    lua_stop(&l);
}

Test(doctor_facts, a_lost_connection_is_a_failure)
{
    struct doctor_facts f;
    struct err err = {0};
    struct lua l;

    signal(SIGPIPE, SIG_IGN);
    lua_start(&l, "");
    struct session *s = open_as(&l, "");

    redis_server_kill(&l.server);
    cr_expect_eq(doctor_facts_gather(&f, s, &err), -1);
    cr_expect_eq(err.code, ERR_STORE);
    session_close(s);
    lua_stop(&l);
}
