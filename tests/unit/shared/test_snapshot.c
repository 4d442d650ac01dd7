/* test_snapshot.c - the look script's reply, and everything that is none. */
#include "shared/snapshot.h"

#include "lua_call.h"
#include "shared/names.h"

#include <criterion/criterion.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <string.h>

static redisReply *from_resp(const char *text)
{
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;

    cr_assert_eq(redisReaderFeed(reader, text, strlen(text)), REDIS_OK);
    cr_assert_eq(redisReaderGetReply(reader, &reply), REDIS_OK);
    cr_assert_not_null(reply, "not a whole reply: %s", text);
    redisReaderFree(reader);
    return reply;
}

#define LINE "$38\r\n1 g 2 1000 a closed 1 0 0 auto 0 - - 0\r\n"
#define HEAD "*7\r\n$4\r\nLOOK\r\n$1\r\ng\r\n:2\r\n:1000\r\n:900\r\n"
#define KEY  "*8\r\n" LINE ":3\r\n:2\r\n:1\r\n:0\r\n:950\r\n:960\r\n$5\r\nquota\r\n"
#define PEER                                                                                   \
    "*9\r\n$1\r\nA\r\n$1\r\nh\r\n$2\r\n42\r\n$1\r\n0\r\n$1\r\nc\r\n$3\r\n800\r\n$1\r\n7\r\n$"  \
    "1\r\n2"                                                                                   \
    "\r\n:990\r\n"

Test(snapshot, a_whole_reply)
{
    redisReply *r = from_resp(HEAD "*1\r\n" KEY "*1\r\n" PEER);
    struct snapshot l;
    struct err err = {0};

    cr_assert_eq(snapshot_decode(&l, r, &err), 0, "%s", err.msg);
    cr_expect_str_eq(l.gen, "g");
    cr_expect_eq(l.ver, 2);
    cr_expect_eq(l.now_ms, 1000);
    cr_expect_eq(l.born_ms, 900);
    cr_assert_eq(l.n_slots, 1u);
    cr_expect_str_eq(l.slots[0].line.slot, "a");
    cr_expect_eq(l.slots[0].ok, 3);
    cr_expect_eq(l.slots[0].fail, 2);
    cr_expect_eq(l.slots[0].slow, 1);
    cr_expect_eq(l.slots[0].changed_ms, 950);
    cr_expect_str_eq(l.slots[0].cooling, "quota");
    cr_assert_eq(l.n_routers, 1u);
    cr_expect_str_eq(l.routers[0].id, "A");
    cr_expect_str_eq(l.routers[0].pid, "42");
    cr_expect_eq(l.routers[0].started_ms, 800);
    cr_expect_eq(l.routers[0].load, 7);
    cr_expect_eq(l.routers[0].applied, 2);
    cr_expect_eq(l.routers[0].seen_ms, 990);
    snapshot_release(&l);
    freeReplyObject(r);
}

static const struct {
    const char *name, *resp;
    bool ok;
} rows[] = {
    {"nobody attached", "*1\r\n$4\r\nNONE\r\n", true},
    {"no key, no router", HEAD "*0\r\n*0\r\n", true},
    {"an error", "-NOPERM no\r\n", false},
    {"a number", ":1\r\n", false},
    {"nil", "*-1\r\n", false},
    {"an empty array", "*0\r\n", false},
    {"another word", "*1\r\n$4\r\nLOOM\r\n", false},
    {"cut short", "*2\r\n$4\r\nLOOK\r\n$1\r\ng\r\n", false},
    {"a bad line",
     HEAD "*1\r\n*8\r\n$1\r\nx\r\n:3\r\n:2\r\n:1\r\n:0\r\n:950\r\n:960\r\n$0\r\n\r\n*0\r\n",
     false},
    {"a count that is none",
     HEAD "*1\r\n*8\r\n" LINE "$1\r\nx\r\n:2\r\n:1\r\n:0\r\n:950\r\n:960\r\n$0\r\n\r\n*0\r\n",
     false},
    {"a negative count",
     HEAD "*1\r\n*8\r\n" LINE ":-3\r\n:2\r\n:1\r\n:0\r\n:950\r\n:960\r\n$0\r\n\r\n*0\r\n",
     false},
    {"a key that is no array", HEAD "*1\r\n:1\r\n*0\r\n", false},
    {"a router without a name", HEAD "*0\r\n*1\r\n*1\r\n$0\r\n\r\n", false},
};

Test(snapshot, any_reply_is_survived)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        redisReply *r = from_resp(rows[i].resp);
        struct snapshot l;
        struct err err = {0};

        cr_expect_eq(snapshot_decode(&l, r, &err), rows[i].ok ? 0 : -1, "row '%s'",
                     rows[i].name);
        cr_expect_eq(err.msg[0] == '\0', rows[i].ok, "row '%s'", rows[i].name);
        snapshot_release(&l);
        freeReplyObject(r);
    }
    struct snapshot l;

    cr_expect_eq(snapshot_decode(&l, NULL, NULL), -1);
    snapshot_release(&l);
}

Test(snapshot, control_bytes_of_others_are_masked)
{
    redisReply *r =
        from_resp(HEAD "*0\r\n*1\r\n*9\r\n$3\r\nA\nB\r\n$1\r\n\x1b\r\n$0\r\n\r\n$0\r\n\r\n$0\r"
                       "\n\r\n$1\r\nx\r\n$0\r\n\r\n$0\r\n\r\n:990\r\n");
    struct snapshot l;

    cr_assert_eq(snapshot_decode(&l, r, NULL), 0);
    cr_expect_str_eq(l.routers[0].id, "A?B");
    cr_expect_str_eq(l.routers[0].host, "?");
    cr_expect_eq(l.routers[0].started_ms, 0, "what a router says of itself is not trusted");
    snapshot_release(&l);
    freeReplyObject(r);
}

Test(snapshot, the_scripts_own_reply)
{
    static struct lua l;
    struct snapshot snapshot;
    struct err err = {0};
    struct names_text meta = names_of("t", NAMES_META);

    lua_start(&l, "");
    lua_run(&l, SCRIPT_ATTACH, "A - r host 42 0.1 digest 800 7 a b");
    redisReply *r = redis_server_command(&l.server, "EVALSHA %s 1 %s",
                                         scripts_get(SCRIPT_SNAPSHOT)->sha1, meta.text);

    cr_assert_eq(snapshot_decode(&snapshot, r, &err), 0, "%s", err.msg);
    cr_expect_eq(snapshot.n_slots, 2u);
    cr_expect_eq(snapshot.n_routers, 1u);
    cr_expect_str_eq(snapshot.slots[1].line.slot, "b");
    cr_expect_str_eq(snapshot.routers[0].host, "host");
    cr_expect_str_eq(snapshot.routers[0].config, "digest");
    snapshot_release(&snapshot);
    freeReplyObject(r);
    lua_stop(&l);
}
