/* test_script.c - a script goes by its hash, and NOSCRIPT stays in here. */
#include "redis/script.h"

#include "tests/unit/redis/fake_redis.h"
#include "tests/unit/redis/link_world.h"
#include "tests/unit/redis/redis_server.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long calls(const struct redis_server *s, const char *command)
{
    redisReply *r = redis_server_command(s, "INFO commandstats");
    char name[64];

    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    const char *at = strstr(r->str, name);
    long n = at == NULL ? 0 : strtol(at + strlen(name), NULL, 10);

    freeReplyObject(r);
    return n;
}

static const char *const keys[] = {"{t}:k"}, *const args[] = {"a", "b"};
static const struct redis_script echo = {"echo", "4cfb4166ae4c0001fb4259c299bc0d8595c56cc2",
                                         "return {KEYS[1], ARGV[1], ARGV[2]}"};

static int run(struct world *w)
{
    w->inside = true;
    int rc = redis_script_run(w->owner, &echo, keys, 1, args, 2, world_on_reply, w);

    w->inside = false;
    return rc;
}

static bool two_replies(const struct world *w)
{
    return w->replies == 2;
}

Test(redis_script, goes_as_hash_and_once_as_text)
{
    struct redis_server s;
    struct world w;

    redis_server_start(&s, "");
    world_init(&w);
    struct redis_link_conf conf = world_conf(s.url);

    world_link(&w, &conf);
    cr_assert_eq(run(&w), -1, "not up yet");
    world_wait(&w, world_is_up);
    cr_assert_eq(run(&w), 0);
    world_wait(&w, world_has_reply);
    cr_assert_eq(run(&w), 0);
    world_wait(&w, two_replies);
    cr_expect_eq(calls(&s, "evalsha"), 2);
    cr_expect_eq(calls(&s, "eval"), 1);
    cr_expect_null(strstr(w.said, "NOSCRIPT"), "%s", w.said);
    world_release(&w);
    redis_server_stop(&s);
}

/* clang-format off */
static const struct {
    const char *name, *hash_reply, *text_reply, *order, *said, *lost_why;
} rows[] = {
    {"known",             "+yes\r\n",           NULL,              "ur", "yes ", ""},
    {"unknown",           "-NOSCRIPT No\r\n",   "+yes\r\n",        "ur", "yes ", ""},
    {"another error",     "-OOM command\r\n",   NULL,              "ur", "OOM command ", ""},
    {"unknown for ever",  "-NOSCRIPT No\r\n",   "-NOSCRIPT No\r\n", "ul", "", "Redis answered NOSCRIPT to a script's text"},
    {"closed at the hash", "!",                 NULL,              "uld", "", "connection closed by Redis"},
    {"closed at the text", "-NOSCRIPT No\r\n",  "!",               "uld", "", "connection closed by Redis"},
    {"silent at the text", "-NOSCRIPT No\r\n",  "",                "ul", "", "deadline of 300 ms passed"},
};
/* clang-format on */

static bool is_settled(const struct world *w)
{
    return w->replies + w->lost > 0;
}

Test(redis_script, answers_once)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct fake_redis f;

        world_init(&w);
        fake_redis_start(&f, w.base);
        f.replies[1] = rows[i].hash_reply;
        f.replies[2] = rows[i].text_reply;
        struct redis_link_conf conf = world_conf(f.url);

        conf.keep_trying = false;
        if (rows[i].text_reply != NULL && rows[i].text_reply[0] == '\0')
            w.owner_conf.deadline_ms = 300;
        world_link(&w, &conf);
        world_wait(&w, world_is_up);
        cr_assert_eq(run(&w), 0);
        world_wait(&w, is_settled);
        world_idle(&w, 10);
        cr_expect_str_eq(w.order, rows[i].order, "row '%s'", rows[i].name);
        cr_expect_str_eq(w.said, rows[i].said, "row '%s'", rows[i].name);
        cr_expect_str_eq(w.lost_why, rows[i].lost_why, "row '%s'", rows[i].name);
        cr_expect_eq(strstr(f.heard, " EVAL ") != NULL, rows[i].text_reply != NULL, "row '%s'",
                     rows[i].name);
        fake_redis_stop(&f);
        world_release(&w); /* a command that still waits must not leak its copy */
    }
}
