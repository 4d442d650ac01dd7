/* test_override.c - an operator's word: what may be said, said twice, said too late. */
#include "admin/override.h"

#include "admin/session.h"
#include "base/clock.h"
#include "base/str.h"
#include "tests/unit/shared/lua_call.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct args no_args = {
    .number = {[ARGS_EXPECT_EPOCH] = -1, [ARGS_FOR] = -1, [ARGS_WAIT] = -1}};

static struct args with(enum args_flag flag, const char *text)
{
    struct args a = no_args;

    a.given = ARGS_BIT(flag);
    a.text[flag] = text;
    return a;
}

Test(override, what_an_actor_is_called)
{
    static const struct {
        const char *sudo, *user, *want;
    } rows[] = {
        {"alice", "root", "alice@"}, {NULL, "bob", "bob@"},       {"", "bob", "bob@"},
        {NULL, "a b\n", "a?b?@"},    {NULL, "z\xc3\xbc", "z??@"},
    };
    char actor[VIEW_WORD_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        unsetenv("SUDO_USER");
        if (rows[i].sudo != NULL)
            setenv("SUDO_USER", rows[i].sudo, 1);
        setenv("USER", rows[i].user, 1);
        override_actor(actor, sizeof(actor));
        cr_expect(str_starts(str_of(actor), rows[i].want), "row %zu: %s", i, actor);
        cr_expect_gt(strlen(actor), strlen(rows[i].want), "row %zu has a host", i);
    }
    unsetenv("SUDO_USER");
    unsetenv("USER");
    override_actor(actor, sizeof(actor));
    cr_expect_neq(actor[0], '@', "%s", actor);
}

Test(override, reasons_and_ids)
{
    char long_reason[VIEW_WORD_MAX + 2], long_id[OVERRIDE_ID_MAX + 2];
    const struct {
        enum args_flag flag;
        const char *text, *want; /* NULL: fine */
    } rows[] = {
        {ARGS_REASON, "vendor incident", NULL},
        {ARGS_REASON, "", NULL},
        {ARGS_REASON, "\xe6\x95\x85\xe9\x9a\x9c", NULL},
        {ARGS_REASON, long_reason + 1, NULL},
        {ARGS_REASON, long_reason, "has 121 bytes and travels with every state message"},
        {ARGS_REASON, "two\nlines", "control character at byte 4"},
        {ARGS_REASON, "\xc2\x9bm", "control character at byte 1"},
        {ARGS_REASON, "a\xff", "no UTF-8 at byte 2"},
        {ARGS_REQUEST_ID, "deploy-7.a:b_c", NULL},
        {ARGS_REQUEST_ID, long_id + 1, NULL},
        {ARGS_REQUEST_ID, long_id, "want 1..64 letters"},
        {ARGS_REQUEST_ID, "", "want 1..64 letters"},
        {ARGS_REQUEST_ID, "a b", "want 1..64 letters"},
        {ARGS_REQUEST_ID, "a=b", "want 1..64 letters"},
    };
    struct override o;
    struct err err;

    memset(long_reason, 'x', sizeof(long_reason) - 1);
    long_reason[sizeof(long_reason) - 1] = '\0';
    memset(long_id, 'x', sizeof(long_id) - 1);
    long_id[sizeof(long_id) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct args a = with(rows[i].flag, rows[i].text);
        int rc = override_init(&o, "down", &a, &err);

        cr_expect_eq(rc, rows[i].want == NULL ? 0 : -1, "row %zu", i);
        if (rows[i].want != NULL)
            cr_expect_not_null(strstr(err.msg, rows[i].want), "row %zu: %s", i, err.msg);
    }
}

Test(override, defaults)
{
    struct args endless = with(ARGS_FOR, "0");
    struct override o, other;
    struct err err;

    endless.number[ARGS_FOR] = 0;
    cr_assert_eq(override_init(&o, "down", &no_args, &err), 0);
    cr_expect_eq(o.word, VIEW_DOWN);
    cr_expect_eq(o.ttl_ms, 3600000);
    cr_expect_eq(o.expect_epoch, -1);
    cr_expect_str_eq(o.reason, "");
    cr_assert_eq(override_init(&other, "drain", &endless, &err), 0);
    cr_expect_eq(other.word, VIEW_DRAIN);
    cr_expect_eq(other.ttl_ms, 0);
    cr_expect_str_neq(o.id, other.id);
    cr_assert_eq(override_init(&other, "auto", &no_args, &err), 0);
    cr_expect_eq(other.ttl_ms, 0);
}

struct fixture {
    struct lua l;
    struct session *s;
    struct override o;
    struct override_result result;
    struct err err;
};

static void start(struct fixture *x)
{
    memset(x, 0, sizeof(*x));
    signal(SIGPIPE, SIG_IGN); /* as cli_main does */
    lua_start(&x->l, "");
    struct session_conf conf = {
        .url = x->l.server.url, .fleet = "t", .connect_ms = 2000, .command_ms = 2000};

    x->s = session_open(&conf, &x->err);
    cr_assert_not_null(x->s, "%s", x->err.msg);
    lua_run(&x->l, SCRIPT_ATTACH, "r1 - seed h 1 v c 5 0 eu us");
    cr_assert_eq(override_init(&x->o, "down", &no_args, &x->err), 0);
    x->o.region = "eu";
    x->o.reason = "vendor incident";
}

static void stop(struct fixture *x)
{
    session_close(x->s);
    lua_stop(&x->l);
}

static void say(struct fixture *x)
{
    cr_assert_eq(override_say(&x->o, x->s, &x->result, &x->err), 0, "%s", x->err.msg);
}

Test(override, is_said_once_however_often)
{
    struct fixture x;

    start(&x);
    say(&x);
    cr_expect_eq(x.result.ver, 1);
    cr_expect_eq(x.result.line.forced, VIEW_DOWN);
    cr_expect_eq(x.result.line.ep, 2);
    cr_expect_str_eq(x.result.line.why, "vendor incident");
    cr_expect_str_eq(x.result.line.by, x.o.actor);
    cr_expect_eq(x.result.line.funtil_ms - x.result.line.now_ms, 3600000);
    say(&x);
    cr_expect_eq(x.result.ver, 1);
    cr_expect_eq(x.result.line.ep, 2);
    stop(&x);
}

Test(override, a_lost_connection_does_not_lose_the_word)
{
    struct fixture x;

    start(&x);
    freeReplyObject(redis_server_command(&x.l.server, "CLIENT KILL TYPE normal SKIPME yes"));
    say(&x);
    cr_expect_eq(x.result.ver, 1);
    lua_connect(&x.l);
    stop(&x);
}

Test(override, two_operators)
{
    struct fixture x;

    start(&x);
    x.o.expect_epoch = 2;
    say(&x);
    cr_expect(x.result.conflict);
    cr_expect_eq(x.result.line.ep, 1);
    cr_expect_eq(x.result.line.forced, VIEW_AUTO);
    x.o.expect_epoch = 1;
    say(&x);
    cr_expect_not(x.result.conflict);
    cr_expect_eq(x.result.line.forced, VIEW_DOWN);
    stop(&x);
}

Test(override, an_unknown_region_and_an_unknown_fleet)
{
    struct fixture x;

    start(&x);
    x.o.region = "nowhere";
    say(&x);
    cr_expect(x.result.unknown);
    lua_do(&x.l, "FLUSHALL");
    x.o.region = "eu";
    say(&x);
    cr_expect(x.result.unknown);
    stop(&x);
}

Test(override, auto_may_reset_the_breaker)
{
    struct fixture x;

    start(&x);
    lua_do(&x.l, "HSET {sluice:t}:r:eu st open until 99999999999999 n 3");
    x.o.word = VIEW_AUTO;
    x.o.reset = true;
    say(&x);
    cr_expect_eq(x.result.line.st, BREAKER_CLOSED);
    cr_expect_eq(x.result.line.trips, 0);
    stop(&x);
}

Test(override, waiting_ends_when_all_have_applied_or_time_is_over)
{
    struct fixture x;
    struct snapshot snapshot;

    start(&x);
    say(&x);
    int64_t before_ms = clock_mono_ms();

    cr_assert_eq(override_wait(x.s, x.result.line.gen, x.result.ver, 150, &snapshot, &x.err),
                 0);
    cr_expect_geq(clock_mono_ms() - before_ms, 150);
    cr_expect_eq(snapshot.routers[0].applied, 0);
    snapshot_release(&snapshot);

    char sync[200];

    snprintf(sync, sizeof(sync), "%s r1 1 h 1 v c 5 0", x.result.line.gen);
    lua_run(&x.l, SCRIPT_SYNC, sync);
    before_ms = clock_mono_ms();
    cr_assert_eq(override_wait(x.s, x.result.line.gen, x.result.ver, 60000, &snapshot, &x.err),
                 0);
    cr_expect_lt(clock_mono_ms() - before_ms, 30000);
    cr_expect_eq(snapshot.routers[0].applied, 1);
    snapshot_release(&snapshot);

    lua_do(&x.l, "FLUSHALL");
    cr_assert_eq(override_wait(x.s, x.result.line.gen, x.result.ver, 60000, &snapshot, &x.err),
                 0);
    cr_expect_str_neq(snapshot.gen, x.result.line.gen);
    snapshot_release(&snapshot);
    stop(&x);
}
