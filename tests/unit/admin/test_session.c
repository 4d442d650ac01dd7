/* test_session.c - calls against a real Redis, and each refusal as a sentence. */
#include "admin/session.h"

#include "base/clock.h"
#include "redis/value.h"
#include "tests/unit/shared/lua_call.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void ignore_pipes(void)
{
    signal(SIGPIPE, SIG_IGN); /* as cli_main does */
}

TestSuite(session, .init = ignore_pipes);

static struct session *open_at(const char *url, struct err *err)
{
    struct session_conf conf = {
        .url = url, .fleet = "t", .connect_ms = 2000, .command_ms = 500};

    memset(err, 0, sizeof(*err));
    return session_open(&conf, err);
}

static int take_text(void *arg, const struct redisReply *r, struct err *err)
{
    struct str text = redis_value_text(r);

    (void)err;
    snprintf(arg, 64, STR_FMT, STR_ARG(text));
    return 0;
}

static int command(struct session *s, const char *text, char said[64], struct err *err)
{
    char copy[256], *rest = copy, *word;
    const char *argv[16];
    int argc = 0;

    snprintf(copy, sizeof(copy), "%s", text);
    while ((word = strsep(&rest, " ")) != NULL)
        argv[argc++] = word;
    return session_command(s, argc, argv, take_text, said, err);
}

Test(session, commands_and_looks)
{
    struct snapshot snapshot;
    struct err err;
    struct lua l;
    char said[64];

    lua_start(&l, "");
    struct session *s = open_at(l.server.url, &err);

    cr_assert_not_null(s, "%s", err.msg);
    cr_expect_eq(session_snapshot(s, &snapshot, &err), 0, "%s", err.msg);
    cr_expect_str_eq(snapshot.gen, "");
    snapshot_release(&snapshot);
    lua_run(&l, SCRIPT_ATTACH, "r1 - seed h 1 v c 5 0 eu us");
    cr_expect_eq(session_snapshot(s, &snapshot, &err), 0, "%s", err.msg);
    cr_expect_eq(snapshot.n_slots, 2);
    cr_expect_eq(snapshot.n_routers, 1);
    snapshot_release(&snapshot);
    cr_expect_eq(command(s, "SET a b", said, &err), 0, "%s", err.msg);
    cr_expect_eq(command(s, "GET a", said, &err), 0, "%s", err.msg);
    cr_expect_str_eq(said, "b");
    cr_expect_str_eq(session_fleet(s), "t");
    session_close(s);
    lua_stop(&l);
}

Test(session, a_lost_connection_is_made_again)
{
    struct err err;
    struct lua l;
    char said[64];

    lua_start(&l, "");
    struct session *s = open_at(l.server.url, &err);

    cr_assert_not_null(s, "%s", err.msg);
    redis_server_kill(&l.server);
    cr_expect_eq(command(s, "GET a", said, &err), -1);
    cr_expect_eq(err.code, ERR_STORE);
    cr_expect(session_is_lost(s));
    cr_expect_eq(command(s, "GET a", said, &err), -1);
    cr_expect_not_null(strstr(err.msg, "cannot be reached"), "%s", err.msg);
    redis_server_restart(&l.server);
    cr_expect_eq(command(s, "GET a", said, &err), 0, "%s", err.msg);
    cr_expect_not(session_is_lost(s));
    session_close(s);
    lua_stop(&l);
}

Test(session, nothing_waits_for_ever)
{
    struct err err;
    struct lua l;
    char said[64];

    lua_start(&l, "");
    struct session *s = open_at(l.server.url, &err);

    cr_assert_not_null(s, "%s", err.msg);
    redis_server_pause(&l.server);
    int64_t before_ms = clock_mono_ms();

    cr_expect_eq(command(s, "GET a", said, &err), -1);
    cr_expect_not_null(strstr(err.msg, "deadline of 500 ms passed"), "%s", err.msg);
    cr_expect_null(open_at(l.server.url, &err));
    cr_expect_not_null(strstr(err.msg, "no answer to the login within 2000 ms"), "%s", err.msg);
    cr_expect_lt(clock_mono_ms() - before_ms, 30000);
    redis_server_resume(&l.server);
    session_close(s);
    lua_stop(&l);
}

Test(session, a_url_that_is_none)
{
    struct err err;

    cr_expect_null(open_at("http://x", &err));
    cr_expect_neq(err.code, ERR_STORE);
    cr_expect_null(open_at("unix:///nowhere/at/all.sock", &err));
    cr_expect_eq(err.code, ERR_STORE);
    cr_expect_not_null(strstr(err.msg, "unix:///nowhere/at/all.sock"), "%s", err.msg);
}

/* Redis' refusals, made by the server's own options. */
Test(session, errors_by_name)
{
    static const struct {
        const char *options, *before, *user, *run, *want;
    } rows[] = {
        {"--requirepass hunter2", NULL, "", "GET a", "wants a password (NOAUTH)"},
        {"", "ACL SETUSER u on >hunter2 ~* +@all", "u:wrong@", "GET a",
         "refused the user or the password (WRONGPASS)"},
        {"", "ACL SETUSER u on >hunter2 ~* -@all +ping +get", "u:hunter2@", "SET a b",
         "does not let this user do that"},
        {"--replicaof 127.0.0.1 1 --replica-serve-stale-data yes", NULL, "", "SET a b",
         "is a read-only replica"},
        {"--maxmemory 1", NULL, "", "SET a b", "is out of memory"},
        {"--min-replicas-to-write 1", NULL, "", "SET a b", "has too few replicas"},
        {"", "SET h x", "", "HGET h f", "holds something else"},
        {"", NULL, "", "NONSENSE", "answered with an error: ERR unknown command"},
    };
    char url[160], said[64];
    struct err err;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct redis_server server;

        redis_server_start(&server, rows[i].options);
        if (rows[i].before != NULL)
            freeReplyObject(redis_server_command(&server, rows[i].before));
        snprintf(url, sizeof(url), "redis://%s127.0.0.1:%d", rows[i].user, server.port);
        struct session *s = open_at(url, &err);
        int rc = s != NULL ? command(s, rows[i].run, said, &err) : -1;

        cr_expect_eq(rc, -1, "row %zu", i);
        cr_expect_eq(err.code, ERR_STORE, "row %zu: %s", i, err.msg);
        cr_expect_not_null(strstr(err.msg, rows[i].want), "row %zu: %s", i, err.msg);
        cr_expect_null(strstr(err.msg, "hunter2"), "row %zu: %s", i, err.msg);
        session_close(s);
        redis_server_stop(&server);
    }
}

Test(session, what_a_script_says_about_arguments_is_no_store_error)
{
    const char *const args[] = {"-", "k", "sideways", "0", "w", "y", "-", "id", ""};
    struct err err;
    struct lua l;
    char said[64];

    lua_start(&l, "");
    struct session *s = open_at(l.server.url, &err);

    cr_assert_not_null(s, "%s", err.msg);
    cr_expect_eq(session_script(s, SCRIPT_FORCE, args, ARRAY_LEN(args), take_text, said, &err),
                 -1);
    cr_expect_eq(err.code, ERR_RANGE, "%s", err.msg);
    cr_expect_not_null(strstr(err.msg, "the state is none of"), "%s", err.msg);
    session_close(s);
    lua_stop(&l);
}

Test(session, signals_end_waits)
{
    struct err err;
    struct lua l;
    char said[64];

    lua_start(&l, "");
    struct session *s = open_at(l.server.url, &err);

    cr_assert_not_null(s, "%s", err.msg);
    session_catch_signals(s);
    int64_t before_ms = clock_mono_ms();

    session_sleep(s, 20);
    cr_expect_geq(clock_mono_ms() - before_ms, 19);
    cr_expect_not(session_is_interrupted(s));
    redis_server_pause(&l.server);
    kill(getpid(), SIGINT);
    cr_expect_eq(command(s, "GET a", said, &err), -1);
    cr_expect(session_is_interrupted(s));
    session_sleep(s, 60000);
    cr_expect_lt(clock_mono_ms() - before_ms, 30000);
    redis_server_resume(&l.server);
    session_close(s);
    lua_stop(&l);
}
