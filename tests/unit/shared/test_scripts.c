/* test_scripts.c - every script is embedded as Redis will see it, and NOSCRIPT stays in here.
 */
#include "shared/scripts.h"

#include "tests/unit/redis/fake_redis.h"
#include "tests/unit/redis/link_world.h"
#include "tests/unit/redis/redis_server.h"

#include <criterion/criterion.h>
#include <event2/event.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(scripts, none_is_missing_and_the_hashes_are_redis_own)
{
    struct redis_server s;
    size_t rows = 0;

    redis_server_start(&s, "");
    for (int i = 0; i < N_SCRIPTS; i++) {
        const struct script_text *t = script_text((enum script)i);

        cr_assert_not_null(t, "lib/shared/lua/%s.lua is missing", script_name((enum script)i));
        cr_expect_str_eq(t->name, script_name((enum script)i));
        redisReply *r = redis_server_command(&s, "SCRIPT LOAD %s", t->text);

        cr_expect_eq(r->type, REDIS_REPLY_STRING, "%s does not compile: %s", t->name, r->str);
        cr_expect_str_eq(r->str, t->sha1, "the hash of %s", t->name);
        freeReplyObject(r);
        cr_expect_null(strstr(t->text + 1, "#!lua"), "%s: its #! line is not the first",
                       t->name);
    }
    for (const struct script_text *t = script_texts; t->name != NULL; t++)
        rows++;
    cr_expect_eq(rows, (size_t)N_SCRIPTS,
                 "a file in lib/shared/lua has no name in shared/scripts.h");
    redis_server_stop(&s);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");

    cr_assert_not_null(f);
    fputs(text, f);
    fclose(f);
}

Test(scripts, embedding_keeps_every_byte)
{
    static const char want[] = "const struct script_text script_texts[] = {\n"
                               "    {\"a\", \"dd8e8fd3518ac2cb669676b5d1948c95410585ca\",\n"
                               "     \"#!lua flags=no-writes\\n\"\n"
                               "     \"local c = 1\\n\"\n"
                               "     \"return \\\"\\\\n\\?\\?/\\\\\\\\\\t\\\" \\n\"\n"
                               "    },\n";
    char dir[] = "/tmp/sluice-embed-XXXXXX", command[512], out[2048];

    cr_assert_not_null(mkdtemp(dir));
    write_file(dir, "common.lua", "local c = 1");
    write_file(dir, "a.lua", "#!lua flags=no-writes\nreturn \"\\n?\?/\\\\\t\" ");
    write_file(dir, "b.lua", "return 2\n");
    snprintf(command, sizeof(command),
             "scripts/embed_lua.sh %s/a.lua %s/b.lua %s/common.lua; rm -r %s", dir, dir, dir,
             dir);
    FILE *p = popen(command, "r");
    size_t n = fread(out, 1, sizeof(out) - 1, p);

    out[n] = '\0';
    cr_assert_eq(pclose(p), 0);
    cr_expect_not_null(strstr(out, want), "%s", out);
    cr_expect_not_null(strstr(out, "     \"local c = 1\\n\"\n     \"return 2\\n\"\n    },\n"),
                       "%s", out);
    cr_expect_not_null(strstr(out, "    {NULL, NULL, NULL},\n};\n"), "%s", out);
    cr_expect_null(strstr(out, "\"common\""));
}

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

static const char *const keys[] = {"{sluice:t}:meta"}, *const args[] = {"-", "-"};

static int run(struct world *w)
{
    w->inside = true;
    int rc = script_run(w->link, SCRIPT_SNAPSHOT, keys, 1, args, 2, world_on_reply, w);

    w->inside = false;
    return rc;
}

static bool two_replies(const struct world *w)
{
    return w->replies == 2;
}

Test(scripts, goes_as_hash_and_once_as_text)
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

Test(scripts, answers_once)
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
            conf.command_timeout_ms = 300;
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
