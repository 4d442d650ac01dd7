/* test_scripts.c - every script is embedded as Redis will see it. */
#include "shared/scripts.h"

#include "tests/unit/redis/redis_server.h"

#include <criterion/criterion.h>
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
        const struct redis_script *t = scripts_get((enum script)i);

        cr_assert_not_null(t, "lib/shared/lua/%s.lua is missing", scripts_name((enum script)i));
        cr_expect_str_eq(t->name, scripts_name((enum script)i));
        redisReply *r = redis_server_command(&s, "SCRIPT LOAD %s", t->text);

        cr_expect_eq(r->type, REDIS_REPLY_STRING, "%s does not compile: %s", t->name, r->str);
        cr_expect_str_eq(r->str, t->sha1, "the hash of %s", t->name);
        freeReplyObject(r);
        cr_expect_null(strstr(t->text + 1, "#!lua"), "%s: its #! line is not the first",
                       t->name);
    }
    for (const struct redis_script *t = scripts_table; t->name != NULL; t++)
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
    static const char want[] = "const struct redis_script scripts_table[] = {\n"
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
